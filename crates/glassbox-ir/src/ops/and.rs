//! `and`: logic.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "and",
    doc: "Whether both are true, elementwise.",
    inputs: BOOL_PAIR,
    example: "and(bool[4] [false, false, true, true], bool[4] [false, true, false, true]) -> bool[4] [false, false, false, true]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
