//! The integration tests of the compiler, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../glassbox-ir/tests/random.rs"]
mod random;

mod bodies;
mod draws;
mod examples;
mod generated;
mod held;
mod stages;
mod suite;
mod whole;
