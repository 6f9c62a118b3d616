//! `sequence_insert`.

use super::sequences::{items, position, sequence};
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let mut items = items(call)?.to_vec();
    let place = position(call, 2, items.len(), true)?.unwrap_or(items.len());
    items.insert(place, call.value(1)?.clone());
    sequence(call, items)
}
