//! `xor`: logic.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "xor",
    doc: "Whether exactly one is true, elementwise.",
    inputs: BOOL_PAIR,
    example: "xor(bool[4] [false, false, true, true], bool[4] [false, true, false, true]) -> bool[4] [false, true, true, false]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
