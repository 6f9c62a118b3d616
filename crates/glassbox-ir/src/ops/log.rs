//! `log`: the natural logarithm.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "log",
    doc: "The natural logarithm, elementwise. Computed in f64 and rounded once. The logarithm of 0 is -inf, of \
          a negative number NaN.",
    example: "log(f32[2] [1, 0]) -> f32[2] [0, -inf]",
    rounding: Rounding::Function,
    ..UNARY_FLOAT
};
