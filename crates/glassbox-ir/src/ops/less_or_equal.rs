//! `less_or_equal`: a comparison.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "less_or_equal",
    doc: "a <= b, elementwise. False where an operand is NaN.",
    example: "less_or_equal(i32[3] [1, 2, 3], i32[] 2) -> bool[3] [true, true, false]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
