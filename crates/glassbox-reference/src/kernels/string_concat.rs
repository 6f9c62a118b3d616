//! `string_concat`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let sizes = call.sizes(0)?;
    let strings = |index: usize| -> Result<Vec<String>, KernelError> {
        Ok(call.tensor(index)?.broadcast_to(&sizes)?.to_strings().unwrap_or_default())
    };
    let joined = strings(0)?.into_iter().zip(strings(1)?).map(|(a, b)| a + &b).collect();
    one(Tensor::from_strings(&sizes, joined)?)
}
