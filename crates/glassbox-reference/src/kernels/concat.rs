//! `concat`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{DType, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let parts = (0..call.inputs.len()).map(|index| call.tensor(index)).collect::<Result<Vec<_>, _>>()?;
    let axis = normalise_axis("C1", call.attr.int("axis"), parts[0].rank())?;
    one(concatenate(&parts, axis)?)
}

/// Tensors of one dtype, and of the same sizes but for `axis`, one after the other along it.
pub(crate) fn concatenate(parts: &[&Tensor], axis: usize) -> Result<Tensor, KernelError> {
    let Some(first) = parts.first() else {
        return Err(KernelError::Internal("there is nothing to concatenate".to_owned()));
    };
    let mut sizes = first.shape().to_vec();
    sizes[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    for part in parts {
        let fits = part.rank() == sizes.len() && part.shape().iter().zip(&sizes).enumerate().all(|(i, (a, b))| i == axis || a == b);
        if !fits {
            return Err(KernelError::invalid("C2", format!("{:?} and {:?} don't fit side by side", first.shape(), part.shape())));
        }
    }
    let outer: usize = sizes[..axis].iter().product();
    if first.dtype() == DType::String {
        let parts: Vec<Vec<String>> = parts.iter().map(|part| part.to_strings().unwrap_or_default()).collect();
        return Ok(Tensor::from_strings(&sizes, interleave(&parts, outer))?);
    }
    if first.dtype().is_sub_byte() {
        // Every sub-byte dtype is exact in f32: the integers and the 4-bit float.
        let parts = parts.iter().map(|part| Ok(part.load::<f32>()?.into_owned())).collect::<Result<Vec<_>, KernelError>>()?;
        return Ok(Tensor::store(first.dtype(), &sizes, interleave(&parts, outer), Overflow::Wrap)?);
    }
    let parts = parts.iter().map(|part| part.to_bytes()).collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::from_bytes(first.dtype(), &sizes, interleave(&parts, outer))?)
}

/// `outer` times: the next run of each part.
fn interleave<T: Clone>(parts: &[Vec<T>], outer: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for turn in 0..outer {
        for part in parts {
            let run = part.len() / outer;
            all.extend_from_slice(&part[turn * run..(turn + 1) * run]);
        }
    }
    all
}
