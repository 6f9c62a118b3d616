//! `selu`: a scaled exponential linear unit.

use super::activation::*;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "selu",
    tier: Tier::Composite(|d| of_widened(d, |x| below_zero(x, expm1(x) * d.attr.float("alpha")) * d.attr.float("gamma"))),
    doc: "gamma * (x above zero, alpha * (exp(x) - 1) elsewhere), elementwise. The defaults are the f32 numbers that ONNX gives. Floats narrower than f32 are computed in f32 and rounded once.",
    attrs: &[AttrSpec::float("alpha", 1.673_263_192_176_818_8), AttrSpec::float("gamma", 1.050_701_022_148_132_3)],
    example: "selu(f32[2] [0, 1]) -> f32[2] [0, 1.050701]",
    rounding: Rounding::Function,
    ..ACTIVATION
};
