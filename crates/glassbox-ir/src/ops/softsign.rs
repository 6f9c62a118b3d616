//! `softsign`: x, bounded by 1.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "softsign",
    tier: Tier::Composite(|d| of_widened(d, |x| x / (x.abs() + 1.0))),
    doc: "x / (1 + |x|), elementwise. Of an infinity it is NaN. Floats narrower than f32 are computed in f32 and rounded once.",
    example: "softsign(f32[2] [1, -3]) -> f32[2] [0.5, -0.75]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
