//! `reciprocal`: one divided by x.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reciprocal",
    tier: Tier::Composite(|d| Ok(vec![d.x(0).scalar_like(1.0) / d.x(0)])),
    doc: "1 / x, elementwise, rounded once. Of a zero it is an infinity with its sign.",
    example: "reciprocal(f32[2] [2, 0]) -> f32[2] [0.5, inf]",
    rounding: Rounding::Once,
    ..UNARY_FLOAT
};
