//! `gather_nd`.

use glassbox_tensor::Tensor;

use super::cells::{Cells, tuple_offsets};
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    if sizes.contains(&0) && call.tensor(1)?.is_empty() {
        return one(Tensor::zeros(x.dtype(), &sizes)?);
    }
    let (offsets, slice) = tuple_offsets(x.shape(), call.tensor(1)?, call.attr.int("batch_dims") as usize, "C4")?;
    let cells = Cells::of(x)?;
    let mut result = cells.room(offsets.len().saturating_mul(slice))?;
    for offset in offsets {
        result.push(&cells, offset, slice);
    }
    one(result.finish(x.dtype(), &sizes)?)
}
