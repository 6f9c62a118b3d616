//! `min`: the smallest of several tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "min",
    doc: "The smallest of the operands, elementwise. A NaN wins; of zeros with different signs either may be \
          taken.",
    inputs: NUMERIC_MANY,
    constraints: &[BROADCASTS],
    infer: broadcast_all,
    known: Some(|infer, types| if infer.operands.len() == 2 { known_binary(infer, types, Dim::minimum) } else { vec![None] }),
    example: "min(f32[2] [1, 4], f32[2] [3, 2]) -> f32[2] [1, 2]",
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
