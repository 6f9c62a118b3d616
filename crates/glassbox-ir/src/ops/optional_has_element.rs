//! `optional_has_element`: whether there is a value.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "optional_has_element",
    doc: "Whether the optional holds a value, as a scalar of bool: true for a value that isn't an optional, false where \
          the operand is left out.",
    inputs: &[Input::value("x").optional()],
    example: "optional_has_element(none<f32[*]>) -> bool[] false",
    infer: |_| Ok(vec![Type::scalar(DType::Bool)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
