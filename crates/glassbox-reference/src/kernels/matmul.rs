//! `matmul`.

use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor, parallel_map};

use super::elementwise::unravel;
use super::gemm::{Accumulate, COLUMNS, Left};
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(matmul(call.tensor(0)?, call.tensor(1)?, &call.sizes(0)?, call.dtype(0))?)
}

/// The product as NumPy's matmul defines it, with a result of these sizes.
pub(crate) fn matmul(a: &Tensor, b: &Tensor, sizes: &[usize], dtype: DType) -> Result<Tensor, KernelError> {
    match (a.dtype().class(), a.dtype()) {
        (Class::Float, DType::F32 | DType::F64) => match Weights::of(b) {
            Some(weights) if a.rank() > 0 => weighted(a, &weights, sizes, dtype),
            _ => product::<f64>(a, b, sizes, dtype),
        },
        (Class::Float, _) => product::<f32>(a, b, sizes, dtype),
        _ => product::<i64>(a, b, sizes, dtype),
    }
}

/// A matrix of f32 as it lies in memory: what a linear layer multiplies by. It is converted to f64 panel
/// by panel, so that a large one is read once and never copied whole.
struct Weights<'a> {
    inner: usize,
    columns: usize,
    elements: Elements<'a>,
}

enum Elements<'a> {
    /// Inner step after inner step.
    Rows(&'a [f32]),
    /// Column after column: a transposed view.
    Columns(&'a [f32]),
}

impl<'a> Weights<'a> {
    fn of(b: &'a Tensor) -> Option<Weights<'a>> {
        let [inner, columns] = *b.shape() else { return None };
        let elements = match (b.as_slice::<f32>(), b.strides()) {
            (Some(rows), _) => Elements::Rows(rows),
            (None, [1, _]) => Elements::Columns(b.as_transposed_slice::<f32>()?),
            _ => return None,
        };
        Some(Weights { inner, columns, elements })
    }

    /// Writes columns `first..first + COLUMNS`, inner step after inner step.
    fn pack(&self, first: usize, panel: &mut [f64]) {
        let count = COLUMNS.min(self.columns - first);
        match self.elements {
            Elements::Rows(elements) => {
                for (step, line) in panel.chunks_exact_mut(COLUMNS).enumerate() {
                    let source = &elements[step * self.columns + first..][..count];
                    line.iter_mut().zip(source).for_each(|(to, from)| *to = f64::from(*from));
                }
            }
            Elements::Columns(elements) => {
                for column in 0..count {
                    let source = &elements[(first + column) * self.inner..][..self.inner];
                    let places = panel[column..].iter_mut().step_by(COLUMNS);
                    places.zip(source).for_each(|(to, from)| *to = f64::from(*from));
                }
            }
        }
    }
}

/// The product of all rows of `a` with one matrix.
fn weighted(a: &Tensor, weights: &Weights, sizes: &[usize], dtype: DType) -> Result<Tensor, KernelError> {
    let inner = a.shape()[a.rank() - 1];
    if weights.inner != inner {
        return Err(KernelError::invalid("C2", format!("the inner dims are {inner} and {}", weights.inner)));
    }
    let rows: usize = a.shape()[..a.rank() - 1].iter().product();
    let left = Left::pack(&a.load::<f64>()?, rows, inner);
    let product = left.product(weights.columns, &|first, panel| weights.pack(first, panel));
    Ok(Tensor::store(dtype, sizes, product, Overflow::Wrap)?)
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
    let products: Vec<Vec<A>> = parallel_map(batches, |batch| {
        let place = unravel(batch, &outer);
        let left = &left[index(&place, a_outer) * rows * inner..][..rows * inner];
        let right = &right[index(&place, b_outer) * inner * columns..][..inner * columns];
        Left::pack(left, rows, inner).product(columns, &|first, panel| {
            let count = COLUMNS.min(columns - first);
            for (step, line) in panel.chunks_exact_mut(COLUMNS).enumerate() {
                line[..count].copy_from_slice(&right[step * columns + first..][..count]);
            }
        })
    });
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

#[cfg(test)]
mod tests {
    use glassbox_ir::{Attrs, ops};

    use super::*;
    use crate::kernels::check;

    fn matrix(rows: usize, columns: usize, seed: usize) -> Tensor {
        let values = (0..rows * columns).map(|i| ((i + seed) * 7919 % 1009) as f32 / 37.0 - 13.0).collect();
        Tensor::from_vec(&[rows, columns], values).expect("sizes fit")
    }

    /// However a matrix lies in memory, and whether it is read as weights or as a batch of one.
    #[test]
    fn the_layout_of_the_right_matrix_changes_no_bit() {
        for (rows, inner, columns) in [(1, 70, 40), (5, 33, 17), (4, 1, 1), (3, 0, 2), (0, 3, 2)] {
            let (a, b) = (matrix(rows, inner, 1), matrix(inner, columns, 2));
            let product = |b: &Tensor| check::run(&ops::matmul::OP, &[a.clone(), b.clone()], Attrs::new());
            let plain = product(&b).expect("a product").remove(0);
            let transposed = b.permute(&[1, 0]).and_then(|b| b.contiguous()).and_then(|b| b.permute(&[1, 0]));
            let transposed = product(&transposed.expect("a view")).expect("a product").remove(0);
            let batch = product(&b.expand_dims(0).expect("a view")).expect("a product").remove(0);
            assert!(plain.bit_eq(&transposed), "{rows} {inner} {columns}");
            assert!(plain.bit_eq(&batch.squeeze_axis(0).expect("a view")), "{rows} {inner} {columns}");
        }
    }
}
