//! `reduce_max`: the largest over axes.

use super::common::*;
use super::reduction;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_max",
    doc: "The largest over `axes`; a NaN wins. Of bools, whether any is true. The largest of nothing is -inf for \
          floats, the least value for integers, false for bool.",
    inputs: &[Input::one("x", DTypes::NumericOrBool), reduction::INPUTS[1]],
    example: "reduce_max(f32[2, 2] [1, 2, 3, 4], i64[1] [0]) {keepdims = false} -> f32[2] [3, 4]",
    known: Some(|infer, types| reduction::known_fold(infer, types, i64::MIN, Dim::maximum)),
    rounding: Rounding::Exact,
    ..reduction::REDUCTION
};
