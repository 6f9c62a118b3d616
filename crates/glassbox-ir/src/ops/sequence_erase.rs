//! `sequence_erase`: a sequence without one of its elements.

use super::common::*;
use super::indexing::check_one_element;
use super::sequences::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_erase",
    doc: "The sequence without the element at `position`; without the last, if left out. A negative position counts \
          from the back.",
    inputs: &[Input::sequence("sequence"), POSITION.optional()],
    constraints: &[
        ("C1", "the position is one number"),
        ("C2", "the position is in [-n, n) of the number n of elements"),
    ],
    example: "sequence_erase(seq(i32[] 1, i32[] 2), i64[] 0) -> seq(i32[] 2)",
    infer: |infer| {
        check_one_element(infer, 1, "C1")?;
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
