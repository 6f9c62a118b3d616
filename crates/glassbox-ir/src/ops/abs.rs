//! `abs`: the absolute value.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "abs",
    doc: "The absolute value, elementwise. Of the least signed integer it is itself, as integers wrap.",
    inputs: NUMERIC,
    example: "abs(i32[2] [-1, 2]) -> i32[2] [1, 2]",
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};
