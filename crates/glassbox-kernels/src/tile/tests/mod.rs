//! Tile programs against a plain evaluator.

mod epilogue;
mod evaluate;
mod formulas;
mod programs;
mod random;
