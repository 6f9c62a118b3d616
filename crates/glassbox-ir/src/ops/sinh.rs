//! `sinh`: the hyperbolic sine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sinh",
    doc: "The hyperbolic sine, elementwise. Computed in f64 and rounded once.",
    example: "sinh(f32[2] [0, inf]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
