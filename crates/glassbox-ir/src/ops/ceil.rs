//! `ceil`: the next integer.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "ceil",
    doc: "The smallest integer that isn't below x, elementwise. Exact; infinities and NaN stay.",
    example: "ceil(f32[2] [1.5, -1.5]) -> f32[2] [2, -1]",
    rounding: Rounding::Once,
    ..UNARY_FLOAT
};
