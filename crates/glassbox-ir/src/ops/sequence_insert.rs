//! `sequence_insert`: a sequence with an element more.

use super::common::*;
use super::indexing::check_one_element;
use super::sequences::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_insert",
    doc: "The sequence with `value` before the element at `position`; at its end, if left out. A negative position \
          counts from the back.",
    inputs: &[Input::sequence("sequence"), Input::value("value"), POSITION.optional()],
    constraints: &[
        ("C1", "the position is one number"),
        ("C2", "the position is in [-n, n] of the number n of elements"),
        ("C3", "the value has the kind and dtype of the elements"),
    ],
    example: "sequence_insert(seq(i32[] 1, i32[] 2), i32[] 7, i64[] 1) -> seq(i32[] 1, i32[] 7, i32[] 2)",
    infer: |infer| {
        check_one_element(infer, 2, "C1")?;
        let (element, value) = (element(infer)?, infer.ty(1)?);
        let both = element.join(value);
        both.map(|both| vec![Type::sequence(both)])
            .ok_or_else(|| Violation::new("C3", format!("the value is {value}, the elements are {element}")))
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
