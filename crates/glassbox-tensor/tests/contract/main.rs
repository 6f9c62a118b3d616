//! The contract of `glassbox-tensor`, in one test binary.
//!
//! Conversions are held against all bit patterns of the narrow floats and against values that other
//! software converted; views against naive index arithmetic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod blocks;
mod dtypes;
mod golden;
mod integers;
mod malformed;
mod narrow_floats;
mod parallel;
mod special_values;
mod storage;
mod strided;
mod update;
mod views;
