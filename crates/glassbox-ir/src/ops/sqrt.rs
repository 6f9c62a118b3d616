//! `sqrt`: the square root.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sqrt",
    doc: "The square root, elementwise. Computed in f64 and rounded once. The root of a negative number is \
          NaN.",
    example: "sqrt(f32[2] [4, 9]) -> f32[2] [2, 3]",
    rounding: Rounding::Once,
    ..UNARY_FLOAT
};
