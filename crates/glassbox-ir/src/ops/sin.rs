//! `sin`: the sine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sin",
    doc: "The sine, elementwise. Computed in f64 and rounded once. The angle is in radians; the sine of an \
          infinity is NaN.",
    example: "sin(f32[1] [0]) -> f32[1] [0]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
