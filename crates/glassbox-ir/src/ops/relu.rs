//! `relu`: the rectifier.

use super::activation::positive_part;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "relu",
    tier: Tier::Composite(|d| Ok(vec![positive_part(d.x(0))])),
    doc: "max(0, x), elementwise. NaN stays.",
    inputs: NUMERIC,
    example: "relu(f32[2] [-1, 2]) -> f32[2] [0, 2]",
    ..UNARY_FLOAT
};
