//! `celu`: a continuously differentiable exponential linear unit.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "celu",
    tier: Tier::Composite(|d| {
        let alpha = d.attr.float("alpha");
        of_widened(d, |x| positive_part(x) + negative_part(expm1(x / alpha) * alpha))
    }),
    doc: "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)), elementwise. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 1.0)],
    example: "celu(f32[2] [-inf, 2]) -> f32[2] [-1, 2]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
