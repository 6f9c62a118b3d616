//! The Glassbox reference interpreter: what every op means.
//!
//! [`Reference`] is a [`Runtime`](glassbox_exec::Runtime) that runs a graph node by node. Before each kernel the op's
//! own inference is run on the true shapes, so that every constraint of the op table holds when a
//! kernel begins and every result is checked against what was inferred. Composites run as their
//! decompositions. An observer sees every value as it is made, and values are freed after their last use.
//!
//! The results don't depend on the number of threads, to the bit: work is split over elements of
//! results, never over the terms of a sum, and transcendental functions are those of the `libm`
//! crate, not of the platform. With `Precision::Precise` all floats from f16 to f64 are carried as
//! f64; that run measures the rounding errors of every other one.
//!
//! This crate knows no optimisation, no file format and no model family.

mod call;
#[cfg(test)]
mod composites;
mod compute;
mod control;
mod evaluate;
mod execution;
pub mod kernels;
mod learned;
mod operation;
mod plan;
mod program;
mod session;
mod state_ops;
mod states;

pub use call::{Call, Outcome};
pub use compute::{Compute, Values, prepare_with};
pub use evaluate::evaluate;
pub use session::Reference;
