//! The integration tests of the test kit, in one binary: malformed models, replayed fuzz findings, memory.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod malformed;
mod memory;
#[allow(dead_code)]
#[path = "../../../glassbox-onnx/tests/main/protos.rs"]
mod protos;
mod regressions;
