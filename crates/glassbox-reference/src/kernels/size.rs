//! `size`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    one(Tensor::scalar(call.tensor(0)?.len() as i64))
}
