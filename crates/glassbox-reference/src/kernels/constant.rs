//! `constant`.

use glassbox_tensor::Overflow;

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let value = call.attr.tensor("value").ok_or_else(|| KernelError::Internal("`value` is missing".to_owned()))?;
    let dtype = call.dtype(0);
    one(if dtype == value.dtype() { value.clone() } else { value.cast(dtype, Overflow::Wrap)? })
}
