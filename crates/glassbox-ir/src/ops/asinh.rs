//! `asinh`: the inverse hyperbolic sine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "asinh",
    doc: "The inverse hyperbolic sine, elementwise. Computed in f64 and rounded once.",
    example: "asinh(f32[2] [0, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
