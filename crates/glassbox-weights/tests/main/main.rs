//! The tests of `glassbox-weights`, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod convert;
mod files;
mod folders;
mod fuzzed;
mod gguf;
mod golden;
mod kill;
mod lazy;
mod memory;
mod mutations;
mod oinf;
mod oinf_elsewhere;
mod pickles;
mod safetensors;
