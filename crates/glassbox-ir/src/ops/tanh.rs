//! `tanh`: the hyperbolic tangent.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tanh",
    doc: "The hyperbolic tangent, elementwise. Computed in f64 and rounded once.",
    example: "tanh(f32[2] [0, inf]) -> f32[2] [0, 1]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
