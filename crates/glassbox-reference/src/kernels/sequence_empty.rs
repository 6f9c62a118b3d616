//! `sequence_empty`.

use super::sequences::sequence;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    sequence(call, Vec::new())
}
