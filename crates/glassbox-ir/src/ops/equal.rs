//! `equal`: a comparison.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "equal",
    doc: "a == b, elementwise, of any dtype. NaN equals nothing, and 0 equals -0.",
    inputs: ANY_PAIR,
    example: "equal(i32[2] [1, 2], i32[] 2) -> bool[2] [false, true]",
    rounding: Rounding::Exact,
    ..COMPARISON
};
