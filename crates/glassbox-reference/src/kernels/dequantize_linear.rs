//! `dequantize_linear`.

use glassbox_tensor::{Overflow, Tensor};

use super::quantization::Parameters;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?.contiguous()?;
    let parameters = Parameters::new(call)?;
    one(Tensor::try_build(call.dtype(0), x.shape(), Overflow::Wrap, |start, out: &mut [f64]| {
        x.load_range(start, out)?;
        for (offset, out) in out.iter_mut().enumerate() {
            let (scale, zero) = parameters.at(start + offset);
            *out = (*out - zero) * scale;
        }
        Ok::<_, KernelError>(())
    })?)
}
