//! `expect`.

use crate::call::{Call, Outcome, one};

/// Inference has checked the dims.
pub(super) fn kernel(call: &Call) -> Outcome {
    one(call.tensor(0)?.clone())
}
