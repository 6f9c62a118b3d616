//! `acosh`: the inverse hyperbolic cosine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "acosh",
    doc: "The inverse hyperbolic cosine, elementwise. Computed in f64 and rounded once. NaN below 1.",
    example: "acosh(f32[2] [1, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
