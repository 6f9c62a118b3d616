//! `elu`: an exponential linear unit.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "elu",
    tier: Tier::Composite(|d| of_widened(d, |x| below_zero(x, expm1(x) * d.attr.float("alpha")))),
    doc: "alpha * (exp(x) - 1) below zero, x elsewhere, elementwise. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 1.0)],
    example: "elu(f32[2] [-inf, 2]) -> f32[2] [-1, 2]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
