//! `add`: the sum of two tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "add",
    doc: "a + b, elementwise. Floats round once, to nearest even; integers wrap.",
    example: "add(f32[2] [1, 2], f32[] 0.5) -> f32[2] [1.5, 2.5]",
    known: Some(|infer, types| known_binary(infer, types, |a, b| a + b)),
    rounding: Rounding::Once,
    ..BINARY
};
