//! `sequence_construct`: a sequence of tensors.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_construct",
    doc: "The sequence of the operands, in order.",
    inputs: &[Input::one("x", DTypes::Any).variadic(1)],
    example: "sequence_construct(i32[1] [1], i32[2] [2, 3]) -> seq(i32[1] [1], i32[2] [2, 3])",
    infer: |infer| {
        let mut element = infer.ty(0)?.clone();
        for index in 1..infer.operands.len() {
            let other = infer.ty(index)?;
            element = element.join(other).ok_or_else(|| Violation::new("dtype", format!("{element} and {other}")))?;
        }
        Ok(vec![Type::sequence(element)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
