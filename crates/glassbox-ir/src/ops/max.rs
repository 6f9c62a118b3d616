//! `max`: the largest of several tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "max",
    doc: "The largest of the operands, elementwise. A NaN wins; of zeros with different signs either may be \
          taken.",
    inputs: NUMERIC_MANY,
    constraints: &[BROADCASTS],
    infer: broadcast_all,
    known: Some(|infer, types| if infer.operands.len() == 2 { known_binary(infer, types, Dim::maximum) } else { vec![None] }),
    example: "max(f32[2] [1, 4], f32[2] [3, 2]) -> f32[2] [3, 4]",
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
