//! `sequence_at`.

use super::sequences::{items, position};
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let items = items(call)?;
    let place = position(call, 1, items.len(), false)?;
    Ok(place.and_then(|place| items.get(place).cloned()).into_iter().collect())
}
