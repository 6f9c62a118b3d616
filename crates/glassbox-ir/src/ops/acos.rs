//! `acos`: the inverse cosine.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "acos",
    doc: "The inverse cosine, elementwise, in radians from 0 to pi. Computed in f64 and rounded once. NaN outside [-1, 1].",
    example: "acos(f32[2] [1, 0]) -> f32[2] [0, 1.5707964]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
