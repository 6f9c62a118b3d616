//! `mean`: the mean of several tensors.

use super::common::*;
use super::sum::total;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mean",
    tier: Tier::Composite(|d| Ok(vec![(total(d) / d.rest(0).len() as f64).cast(d.dtype(0))])),
    doc: "The mean of the operands, elementwise: their sum, one added after the other, divided by how many there are. \
          Floats narrower than f32 are computed in f32 and rounded once.",
    inputs: &[Input::one("x", DTypes::Float).variadic(1)],
    constraints: &[BROADCASTS],
    infer: broadcast_all,
    example: "mean(f32[2] [1, 2], f32[] 3) -> f32[2] [2, 2.5]",
    ..OpDef::BASE
};
