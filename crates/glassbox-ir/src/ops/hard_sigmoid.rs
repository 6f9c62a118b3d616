//! `hard_sigmoid`: a piecewise linear sigmoid.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "hard_sigmoid",
    tier: Tier::Composite(|d| {
        let (alpha, beta) = (d.attr.float("alpha"), d.attr.float("beta"));
        of_widened(d, |x| hard_sigmoid(x, alpha, beta))
    }),
    doc: "max(0, min(1, alpha * x + beta)), elementwise. NaN stays. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 0.200_000_002_980_232_24), AttrSpec::float("beta", 0.5)],
    example: "hard_sigmoid(f32[3] [-10, 0, 10]) -> f32[3] [0, 0.5, 1]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
