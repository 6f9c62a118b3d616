//! `log1p`: the natural logarithm of 1 + x.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "log1p",
    doc: "The natural logarithm of 1 + x, elementwise. Computed in f64 without rounding the sum and rounded once, so that it is precise near 0 too. NaN below -1.",
    example: "log1p(f32[2] [0, -1]) -> f32[2] [0, -inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
