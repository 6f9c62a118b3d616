//! `or`: logic.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "or",
    doc: "Whether either is true, elementwise.",
    inputs: BOOL_PAIR,
    example: "or(bool[4] [false, false, true, true], bool[4] [false, true, false, true]) -> bool[4] [false, true, true, true]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
