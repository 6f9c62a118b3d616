//! `string_concat`: strings joined.

use super::common::*;

/// The dtype of text.
pub(super) const TEXT: DTypes = DTypes::These(&[DType::String]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "string_concat",
    doc: "Each string of a followed by that of b, broadcast.",
    inputs: &[Input::one("a", TEXT), Input::one("b", TEXT)],
    example: "string_concat(string[2] [\"a\", \"b\"], string[] \"c\") -> string[2] [\"ac\", \"bc\"]",
    rounding: Rounding::Exact,
    ..BINARY
};
