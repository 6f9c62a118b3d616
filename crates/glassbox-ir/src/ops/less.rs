//! `less`: a comparison.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "less",
    doc: "a < b, elementwise. False where an operand is NaN.",
    example: "less(i32[3] [1, 2, 3], i32[] 2) -> bool[3] [true, false, false]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
