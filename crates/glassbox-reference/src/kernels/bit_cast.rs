//! `bit_cast`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    one(Tensor::from_bytes(call.dtype(0), x.shape(), x.to_bytes()?)?)
}
