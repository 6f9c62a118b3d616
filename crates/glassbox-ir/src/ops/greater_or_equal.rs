//! `greater_or_equal`: a comparison.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "greater_or_equal",
    doc: "a >= b, elementwise. False where an operand is NaN.",
    example: "greater_or_equal(i32[3] [1, 2, 3], i32[] 2) -> bool[3] [false, true, true]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
