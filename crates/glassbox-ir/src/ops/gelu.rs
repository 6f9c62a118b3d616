//! `gelu`: a Gaussian error linear unit.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gelu",
    tier: Tier::Composite(|d| {
        let tanh = d.attr.str("approximate") == "tanh";
        of_widened(d, |x| {
            let share = match tanh {
                true => ((x + x * x * x * 0.044715) * FRAC_2_PI.sqrt()).tanh(),
                false => (x * FRAC_1_SQRT_2).erf(),
            };
            x * (share + 1.0) * 0.5
        })
    }),
    doc: "x * (1 + erf(x / sqrt(2))) / 2, elementwise; with `approximate` \"tanh\" x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::one_of("approximate", &["none", "tanh"], "none")],
    example: "gelu(f32[2] [0, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
