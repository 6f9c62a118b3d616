//! `thresholded_relu`: a rectifier with a threshold.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "thresholded_relu",
    tier: Tier::Composite(|d| {
        let alpha = d.attr.float("alpha");
        of_widened(d, |x| x.greater(x.scalar_like(alpha)).select(x, x.scalar_like(0.0)))
    }),
    doc: "x above alpha, 0 elsewhere (of NaN too), elementwise. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 1.0)],
    example: "thresholded_relu(f32[2] [0.5, 2]) -> f32[2] [0, 2]",
    rounding: Rounding::Exact,
    ..ACTIVATION
};
