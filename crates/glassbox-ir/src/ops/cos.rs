//! `cos`: the cosine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "cos",
    doc: "The cosine, elementwise. Computed in f64 and rounded once. The angle is in radians; the cosine of an \
          infinity is NaN.",
    example: "cos(f32[1] [0]) -> f32[1] [1]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
