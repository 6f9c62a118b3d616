//! `sequence_erase`.

use super::sequences::{items, position, sequence};
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let mut items = items(call)?.to_vec();
    let last = items.len().checked_sub(1).ok_or_else(|| call.invalid("C2", "the sequence has no element"))?;
    items.remove(position(call, 1, last + 1, false)?.unwrap_or(last));
    sequence(call, items)
}
