//! `expm1`: e to the power x, less 1.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "expm1",
    doc: "E to the power x, less 1, elementwise. Computed in f64 without cancellation and rounded once, so that it is precise near 0 too.",
    example: "expm1(f32[2] [0, -inf]) -> f32[2] [0, -1]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
