//! Programs, run on the reference interpreter.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod block_form;
mod deep;
mod expression_form;
mod failing;
mod formulas;
mod model;
mod mutated;
mod reference;
mod wrong;
