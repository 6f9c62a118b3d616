//! Tile programs: chains of elementwise operations and reductions over rows, as data.
//!
//! A [`Program`] says what is computed for every element of a space of rows and columns; it names no sizes and no
//! addresses, and prints as one line for each load, step and store. [`Compiled`] is a program that was checked and planned;
//! it [runs](Compiled::run) over a [`Space`] with a [`Source`] for each load and a [`Destination`] for each store, or as
//! the [`Epilogue`] of a matrix product. [`named`] has programs for layer normalisation, softmax, GELU and others.
//!
//! It is executed by an interpreter: a row is gone over tile by tile, and each step is one loop over a tile with the
//! vectors of the processor, so that what lies between loads and stores stays in the first-level cache.
//!
//! Every step rounds to f32 as its [`Operation`] says, and every level gives the same bits, whatever the number of threads.
//! [`Operation::RowSum`] adds in f64: numbers 16 apart are first added by fours in f32, so its error before the last rounding is
//! below 2^-23 · Σ|x|; where that would overflow, all is added in f64.

mod compile;
mod interpret;
mod loops;
pub mod named;
mod program;
mod reduce;
mod run;
mod space;

pub use compile::{Compiled, MAX_LOADS, MAX_STORES, MAX_VALUES, ProgramError};
pub use program::{Format, Load, Operand, Operation, Program, Step, Store};
pub use run::Epilogue;
pub use space::{Data, DataMut, Destination, MAX_RANK, Source, Space};

#[cfg(test)]
mod tests;
