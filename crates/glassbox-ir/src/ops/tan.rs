//! `tan`: the tangent.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tan",
    doc: "The tangent, elementwise, of x in radians. Computed in f64 and rounded once.",
    example: "tan(f32[2] [0, 1]) -> f32[2] [0, 1.5574077]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
