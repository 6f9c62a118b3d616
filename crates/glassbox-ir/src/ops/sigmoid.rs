//! `sigmoid`: the logistic function.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sigmoid",
    doc: "The logistic function, elementwise. Computed in f64 and rounded once. 1 / (1 + exp(-x)), without \
          overflow.",
    example: "sigmoid(f32[2] [0, inf]) -> f32[2] [0.5, 1]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
