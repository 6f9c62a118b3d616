//! The integration tests of the graph crate, in one binary.

mod examples;
mod golden;
mod malformed;
mod mutated;
mod random;
mod round_trips;
mod tensors;
