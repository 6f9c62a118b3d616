//! `swish`: x, gated by a sigmoid of itself.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "swish",
    tier: Tier::Composite(|d| of_widened(d, |x| swish(x, d.attr.float("alpha")))),
    doc: "x * sigmoid(alpha * x), elementwise. Of -inf it is NaN. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 1.0)],
    example: "swish(f32[2] [0, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
