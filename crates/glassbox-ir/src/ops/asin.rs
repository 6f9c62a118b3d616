//! `asin`: the inverse sine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "asin",
    doc: "The inverse sine, elementwise, in radians from -pi/2 to pi/2. Computed in f64 and rounded once. NaN outside [-1, 1].",
    example: "asin(f32[2] [0, 1]) -> f32[2] [0, 1.5707964]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
