//! `mish`: a self-regularised activation.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mish",
    tier: Tier::Composite(|d| of_widened(d, |x| x * softplus(x).tanh())),
    doc: "x * tanh(ln(1 + exp(x))), elementwise. Of -inf it is NaN. Floats narrower than f32 are computed in f32 and rounded once.",
    example: "mish(f32[2] [0, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
