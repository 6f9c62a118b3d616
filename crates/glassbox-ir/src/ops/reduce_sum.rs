//! `reduce_sum`: the sum over axes.

use super::reduction::*;
use crate::op::OpDef;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_sum",
    doc: "The sum over `axes`. Floats accumulate in f64, in the order of the elements, and round once; integers wrap. \
          The sum of nothing is 0.",
    example: "reduce_sum(f32[2, 2] [1, 2, 3, 4], i64[1] [1]) {keepdims = false} -> f32[2] [3, 7]",
    known: Some(|infer, types| known_fold(infer, types, 0, |a, b| a + b)),
    ..REDUCTION
};
