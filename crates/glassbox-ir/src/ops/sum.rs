//! `sum`: the sum of several tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sum",
    tier: Tier::Composite(|d| Ok(vec![total(d).cast(d.dtype(0))])),
    doc: "The sum of the operands, elementwise, one added after the other. Floats narrower than f32 are added in f32 \
          and rounded once; integers wrap.",
    inputs: NUMERIC_MANY,
    constraints: &[BROADCASTS],
    infer: broadcast_all,
    example: "sum(f32[2] [1, 2], f32[] 3, f32[2] [4, 5]) -> f32[2] [8, 10]",
    ..OpDef::BASE
};

/// The operands, widened and added.
pub(super) fn total<'a>(d: &Decompose<'a>) -> Expr<'a> {
    d.rest(1).into_iter().fold(d.x(0).widened(), |sum, x| sum + x.widened())
}
