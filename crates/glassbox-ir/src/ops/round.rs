//! `round`: the nearest integer.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "round",
    doc: "The nearest integer, elementwise; halfway between two, the even one. Exact; infinities and NaN stay.",
    example: "round(f32[3] [0.5, 1.5, -2.3]) -> f32[3] [0, 2, -2]",
    rounding: Rounding::Once,
    ..UNARY_FLOAT
};
