//! `exp`: e to the power x.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "exp",
    doc: "E to the power x, elementwise. Computed in f64 and rounded once.",
    example: "exp(f32[2] [0, -inf]) -> f32[2] [1, 0]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
