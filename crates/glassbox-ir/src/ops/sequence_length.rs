//! `sequence_length`: the number of elements of a sequence.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_length",
    doc: "The number of elements of the sequence, as a scalar of i64.",
    inputs: &[Input::sequence("sequence")],
    example: "sequence_length(seq(f32[] 1, f32[] 2)) -> i64[] 2",
    infer: |_| Ok(vec![Type::scalar(DType::I64)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
