//! `identity`: the same value again.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "identity",
    doc: "x itself, whatever it is. It gives a value a second name.",
    inputs: &[Input::value("x")],
    example: "identity(f32[2] [1, 2]) -> f32[2] [1, 2]",
    infer: |infer| Ok(vec![infer.ty(0)?.clone()]),
    known: Some(|infer, _| vec![infer.operand(0).and_then(|operand| operand.known.clone())]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
