//! `atanh`: the inverse hyperbolic tangent.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "atanh",
    doc: "The inverse hyperbolic tangent, elementwise. Computed in f64 and rounded once. Infinite at -1 and 1, NaN beyond them.",
    example: "atanh(f32[2] [0, 1]) -> f32[2] [0, inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
