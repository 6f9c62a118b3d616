//! `not`: logic.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "not",
    doc: "The opposite truth value, elementwise.",
    inputs: &[Input::one("x", DTypes::These(&[DType::Bool]))],
    example: "not(bool[2] [true, false]) -> bool[2] [false, true]",
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};
