//! `scatter_nd`.

use super::cells::tuple_offsets;
use super::scatter_elements::scatter;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    if call.tensor(2)?.is_empty() && call.tensor(1)?.is_empty() {
        return one(call.tensor(0)?.clone());
    }
    let (offsets, slice) = tuple_offsets(call.tensor(0)?.shape(), call.tensor(1)?, 0, "C4")?;
    one(scatter(call, &offsets, slice)?)
}
