//! `mul`: the product of two tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mul",
    doc: "a * b, elementwise. Floats round once, to nearest even; integers wrap.",
    known: Some(|infer, types| known_binary(infer, types, |a, b| a * b)),
    example: "mul(f32[2] [1, 2], f32[] 0.5) -> f32[2] [0.5, 1]",
    rounding: Rounding::Once,
    ..BINARY
};
