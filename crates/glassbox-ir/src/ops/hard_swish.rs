//! `hard_swish`: a piecewise linear swish.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "hard_swish",
    tier: Tier::Composite(|d| of_widened(d, |x| x * hard_sigmoid(x, 1.0 / 6.0, 0.5))),
    doc: "x * max(0, min(1, x / 6 + 1 / 2)), elementwise. Of -inf it is NaN. Floats narrower than f32 are computed in f32 and rounded once.",
    example: "hard_swish(f32[2] [0, 3]) -> f32[2] [0, 3]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
