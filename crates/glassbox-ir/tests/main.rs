//! The integration tests of the graph crate, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bounds;
mod dims;
mod examples;
mod golden;
mod malformed;
mod mutated;
mod random;
mod round_trips;
mod tensors;
