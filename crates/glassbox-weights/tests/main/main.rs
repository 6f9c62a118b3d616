//! The tests of `glassbox-weights`, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod convert;
mod files;
mod golden;
mod oinf;
mod oinf_elsewhere;
mod pickles;
mod safetensors;
