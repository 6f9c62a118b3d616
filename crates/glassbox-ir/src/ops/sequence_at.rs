//! `sequence_at`: an element of a sequence.

use super::common::*;
use super::indexing::check_one_element;
use super::sequences::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_at",
    doc: "The element of the sequence at `position`. A negative one counts from the back.",
    inputs: &[Input::sequence("sequence"), POSITION],
    constraints: &[
        ("C1", "the position is one number"),
        ("C2", "the position is in [-n, n) of the number n of elements"),
    ],
    example: "sequence_at(seq(i32[1] [1], i32[2] [2, 3]), i64[] -1) -> i32[2] [2, 3]",
    infer: |infer| {
        check_one_element(infer, 1, "C1")?;
        Ok(vec![element(infer)?.clone()])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
