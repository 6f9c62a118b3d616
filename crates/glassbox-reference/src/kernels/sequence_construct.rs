//! `sequence_construct`.

use super::sequences::sequence;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    sequence(call, call.inputs.iter().flatten().copied().cloned().collect())
}
