//! The Glassbox reference interpreter: what every op means.
//!
//! A [`Session`] holds a graph and its states and runs it node by node. Before each kernel the op's
//! own inference is run on the true shapes, so that every constraint of the op table holds when a
//! kernel begins and every result is checked against what was inferred. Composites run as their
//! decompositions. An [`Observer`] sees every value as it is made, and values are freed after their
//! last use.
//!
//! The results don't depend on the number of threads, to the bit: work is split over elements of
//! results, never over the terms of a sum, and transcendental functions are those of the `libm`
//! crate, not of the platform. With [`Precision::Precise`] all floats from f16 to f64 are carried as
//! f64; that run measures the rounding errors of every other one.
//!
//! This crate knows no optimisation, no file format and no model family.

mod call;
mod checks;
#[cfg(test)]
mod composites;
mod control;
mod error;
mod evaluate;
mod host;
mod interpreter;
pub mod kernels;
mod observer;
mod plan;
mod state_ops;
mod states;
mod value;

pub use call::{Call, Outcome};
pub use error::{KernelError, RunError};
pub use evaluate::evaluate;
pub use host::{Host, HostError, NoHost};
pub use interpreter::{Limits, Options, Precision, Session};
pub use observer::{Event, Frame, Nothing, Observer};
pub use states::States;
pub use value::Value;
