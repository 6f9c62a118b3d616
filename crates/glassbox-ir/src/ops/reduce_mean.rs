//! `reduce_mean`: the mean over axes.

use super::reduction::*;
use crate::op::OpDef;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_mean",
    doc: "The mean over `axes`. Floats accumulate and divide in f64 and round once; integers sum wrapping and divide \
          toward zero. The mean of no floats is NaN, of no integers 0.",
    example: "reduce_mean(f32[2, 2] [1, 2, 3, 4], i64[1] [1]) {keepdims = false} -> f32[2] [1.5, 3.5]",
    ..REDUCTION
};
