//! `reduce_prod`: the product over axes.

use super::reduction::*;
use crate::op::OpDef;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_prod",
    doc: "The product over `axes`. Floats accumulate in f64, in the order of the elements, and round once; integers \
          wrap. The product of nothing is 1.",
    example: "reduce_prod(f32[2, 2] [1, 2, 3, 4], i64[1] [1]) {keepdims = false} -> f32[2] [2, 12]",
    known: Some(|infer, types| known_fold(infer, types, 1, |a, b| a * b)),
    ..REDUCTION
};
