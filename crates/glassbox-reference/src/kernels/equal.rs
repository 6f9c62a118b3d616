//! `equal`.

use glassbox_tensor::{DType, Tensor};

use super::elementwise::*;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (a, b) = (call.tensor(0)?, call.tensor(1)?);
    if a.dtype() != DType::String {
        return compare(call, |a, b| a == b, |a, b| a == b, |a, b| a == b);
    }
    let sizes = call.sizes(0)?;
    let strings = |tensor: &Tensor| Ok::<_, glassbox_tensor::TensorError>(tensor.broadcast_to(&sizes)?.to_strings().unwrap_or_default());
    let (a, b) = (strings(a)?, strings(b)?);
    one(Tensor::from_vec(&sizes, a.iter().zip(&b).map(|(a, b)| a == b).collect())?)
}
