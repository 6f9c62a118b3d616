//! `dequantize_blocks`.

use glassbox_tensor::Overflow;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let numbers = call.tensor(0)?.dequantize_blocks()?;
    let dtype = call.dtype(0);
    one(if dtype == numbers.dtype() { numbers } else { numbers.cast(dtype, Overflow::Wrap)? })
}
