//! `floor`: rounding down.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "floor",
    doc: "The largest integer that isn't above x, elementwise; infinities and NaN stay.",
    example: "floor(f32[2] [1.5, -1.5]) -> f32[2] [1, -2]",
    rounding: Rounding::Once,
    ..UNARY_FLOAT
};
