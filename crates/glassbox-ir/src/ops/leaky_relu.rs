//! `leaky_relu`: a rectifier with a slope below zero.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "leaky_relu",
    tier: Tier::Composite(|d| of_widened(d, |x| below_zero(x, x * d.attr.float("alpha")))),
    doc: "alpha * x below zero, x elsewhere, elementwise. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 0.009_999_999_776_482_582)],
    example: "leaky_relu(f32[2] [-2, 2]) {alpha = 0.5} -> f32[2] [-1, 2]",
    rounding: Rounding::Once,
    ..ACTIVATION
};
