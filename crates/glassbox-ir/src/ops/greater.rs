//! `greater`: a comparison.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "greater",
    doc: "a > b, elementwise. False where an operand is NaN.",
    example: "greater(i32[3] [1, 2, 3], i32[] 2) -> bool[3] [false, false, true]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
