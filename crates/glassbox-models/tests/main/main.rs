//! The families, held against what torch computes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod full_size;
mod parity;
