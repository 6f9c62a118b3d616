//! `gather_elements`.

use super::cells::Cells;
use super::scatter_elements::element_offsets;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, indices) = (call.tensor(0)?, call.tensor(1)?);
    let offsets = element_offsets(x.shape(), indices, call.attr.int("axis"))?;
    let cells = Cells::of(x)?;
    let mut result = cells.room(offsets.len())?;
    for offset in offsets {
        result.push(&cells, offset, 1);
    }
    one(result.finish(x.dtype(), indices.shape())?)
}
