//! `optional`.

use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    super::sequences::optional(call, call.inputs.first().copied().flatten().cloned())
}
