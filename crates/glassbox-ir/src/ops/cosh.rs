//! `cosh`: the hyperbolic cosine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "cosh",
    doc: "The hyperbolic cosine, elementwise. Computed in f64 and rounded once.",
    example: "cosh(f32[2] [0, inf]) -> f32[2] [1, inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
