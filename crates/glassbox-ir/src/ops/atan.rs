//! `atan`: the inverse tangent.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "atan",
    doc: "The inverse tangent, elementwise, in radians from -pi/2 to pi/2. Computed in f64 and rounded once.",
    example: "atan(f32[2] [0, inf]) -> f32[2] [0, 1.5707964]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
