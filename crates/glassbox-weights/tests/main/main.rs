//! The tests of `glassbox-weights`, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;
mod golden;
mod oinf;
mod pickles;
mod safetensors;
