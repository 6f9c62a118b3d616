//! The suites that every backend is held against.
//!
//! Suites and backends are separate: a [`Runtime`](glassbox_exec::Runtime) runs a graph, a suite (the official ONNX
//! cases in [`conformance`]) has graphs with inputs and expected outputs, and a new case runs on every backend by
//! itself.

pub mod cache;
pub mod conformance;
pub mod fuzzing;
pub mod rewriting;
pub mod status;
