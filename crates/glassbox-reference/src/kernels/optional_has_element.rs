//! `optional_has_element`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};
use glassbox_exec::Value;

pub(super) fn kernel(call: &Call) -> Outcome {
    let value = call.inputs.first().copied().flatten();
    one(Tensor::scalar(match value {
        Some(Value::Optional { item, .. }) => item.is_some(),
        other => other.is_some(),
    }))
}
