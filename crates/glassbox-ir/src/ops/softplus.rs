//! `softplus`: a smooth rectifier.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "softplus",
    tier: Tier::Composite(|d| of_widened(d, softplus)),
    doc: "ln(1 + exp(x)), elementwise, without overflow and precise for every x. Floats narrower than f32 are computed in f32 and rounded once.",
    example: "softplus(f32[2] [-inf, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
