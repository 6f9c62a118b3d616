//! `reduce_min`: the smallest over axes.

use super::common::*;
use super::reduction;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_min",
    doc: "The smallest over `axes`; a NaN wins. Of bools, whether all are true. The smallest of nothing is inf for \
          floats, the greatest value for integers, true for bool.",
    inputs: &[Input::one("x", DTypes::NumericOrBool), reduction::INPUTS[1]],
    example: "reduce_min(f32[2, 2] [1, 2, 3, 4], i64[1] [0]) {keepdims = false} -> f32[2] [1, 2]",
    known: Some(|infer, types| reduction::known_fold(infer, types, i64::MAX, Dim::minimum)),
    rounding: Rounding::Exact,
    ..reduction::REDUCTION
};
