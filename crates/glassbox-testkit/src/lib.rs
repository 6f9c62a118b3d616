//! The suites that every backend is held against.
//!
//! Suites and backends are separate: a [`Backend`] runs a graph, a suite (the official ONNX cases in
//! [`conformance`]) has graphs with inputs and expected outputs, and a new case runs on every backend
//! by itself. [`compare`] is the one place where two values are held against each other.

pub mod backend;
pub mod cache;
pub mod compare;
pub mod conformance;
pub mod fuzzing;
pub mod status;

pub use backend::{Backend, Reference};
pub use compare::{Comparison, Difference, Tolerance, compare};
