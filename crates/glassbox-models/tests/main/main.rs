//! The families, held against what torch computes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checkpoint;
mod full_size;
mod gguf;
mod parity;
mod refused;
mod rows;
mod spellings;
mod structure;
