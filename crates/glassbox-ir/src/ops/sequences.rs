//! What the ops of sequences and optionals share.

use super::common::*;

/// A place in a sequence.
pub(super) const POSITION: Input = Input::one("position", super::indexing::INDICES);

/// The type of the elements of the sequence that operand 0 is.
pub(super) fn element<'a>(infer: &Infer<'a>) -> Result<&'a Type, Violation> {
    match infer.ty(0)? {
        Type::Sequence(element) => Ok(element),
        other => Err(Violation::new("dtype", format!("operand {} is {other}, not a sequence", infer.name_of(0)))),
    }
}
