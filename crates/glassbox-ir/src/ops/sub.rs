//! `sub`: the difference of two tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sub",
    doc: "a - b, elementwise. Floats round once, to nearest even; integers wrap.",
    known: Some(|infer, types| known_binary(infer, types, |a, b| a - b)),
    example: "sub(i32[2] [1, 2], i32[] 3) -> i32[2] [-2, -1]",
    rounding: Rounding::Once,
    ..BINARY
};
