//! `matmul`.

use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor};
use rayon::prelude::*;

use super::elementwise::unravel;
use super::gemm::{Accumulate, COLUMNS, Left};
use crate::call::{Call, Outcome, one};
use crate::error::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(matmul(call.tensor(0)?, call.tensor(1)?, &call.sizes(0)?, call.dtype(0))?)
}

/// The product as NumPy's matmul defines it, with a result of these sizes.
pub(crate) fn matmul(a: &Tensor, b: &Tensor, sizes: &[usize], dtype: DType) -> Result<Tensor, KernelError> {
    match (a.dtype().class(), a.dtype()) {
        (Class::Float, DType::F32 | DType::F64) => product::<f64>(a, b, sizes, dtype),
        (Class::Float, _) => product::<f32>(a, b, sizes, dtype),
        _ => product::<i64>(a, b, sizes, dtype),
    }
}

fn product<A: Accumulate + Compute>(a: &Tensor, b: &Tensor, sizes: &[usize], dtype: DType) -> Result<Tensor, KernelError> {
    let a = if a.rank() == 1 { a.expand_dims(0)? } else { a.clone() };
    let b = if b.rank() == 1 { b.expand_dims(1)? } else { b.clone() };
    let (rows, inner) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
    let columns = b.shape()[b.rank() - 1];
    if b.shape()[b.rank() - 2] != inner {
        return Err(KernelError::invalid("C2", format!("the inner dims are {inner} and {}", b.shape()[b.rank() - 2])));
    }
    let (a_outer, b_outer) = (&a.shape()[..a.rank() - 2], &b.shape()[..b.rank() - 2]);
    let outer = broadcast(a_outer, b_outer);
    let (left, right) = (a.load::<A>()?, b.load::<A>()?);
    let batches: usize = outer.iter().product();
    let products: Vec<Vec<A>> = (0..batches)
        .into_par_iter()
        .map(|batch| {
            let place = unravel(batch, &outer);
            let left = &left[index(&place, a_outer) * rows * inner..][..rows * inner];
            let right = &right[index(&place, b_outer) * inner * columns..][..inner * columns];
            Left::pack(left, rows, inner).product(columns, |first, panel| {
                let count = COLUMNS.min(columns - first);
                for (step, line) in panel.chunks_exact_mut(COLUMNS).enumerate() {
                    line[..count].copy_from_slice(&right[step * columns + first..][..count]);
                }
            })
        })
        .collect();
    Ok(Tensor::store(dtype, sizes, products.concat(), Overflow::Wrap)?)
}

/// The outer dims, broadcast. Inference has checked that they fit.
fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let at = |sizes: &[usize], axis: usize| (axis + sizes.len()).checked_sub(rank).map_or(1, |axis| sizes[axis]);
    (0..rank).map(|axis| if at(a, axis) == 1 { at(b, axis) } else { at(a, axis) }).collect()
}

/// Which matrix of an operand stands in a place of the broadcast dims.
fn index(place: &[usize], sizes: &[usize]) -> usize {
    let place = &place[place.len() - sizes.len()..];
    place.iter().zip(sizes).fold(0, |index, (place, size)| index * size + if *size == 1 { 0 } else { *place })
}
