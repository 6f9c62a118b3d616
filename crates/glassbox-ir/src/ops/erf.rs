//! `erf`: the error function.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "erf",
    doc: "The error function, elementwise. Computed in f64 and rounded once.",
    example: "erf(f32[2] [0, inf]) -> f32[2] [0, 1]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
