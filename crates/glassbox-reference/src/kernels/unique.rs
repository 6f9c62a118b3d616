//! `unique`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::Tensor;

use super::cells::Cells;
use super::order::keys;
use crate::call::{Call, Outcome};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    // The slices in question are the rows of a matrix.
    let (axis, sizes, x) = match call.attr.opt_int("axis") {
        None => (0, vec![x.len()], x.reshape(&[x.len()])?),
        Some(axis) => {
            let axis = normalise_axis("C1", axis, x.rank())?;
            let mut order: Vec<usize> = (0..x.rank()).collect();
            order.remove(axis);
            order.insert(0, axis);
            let x = x.permute(&order)?.contiguous()?;
            (axis, x.shape().to_vec(), x)
        }
    };
    if x.is_empty() && sizes[0] > 0 {
        return Err(KernelError::Unsupported(format!("unique slices of a tensor without elements, {:?}", x.shape())));
    }
    let (count, width) = (sizes[0], if x.is_empty() { 0 } else { x.len() / sizes[0] });
    let keys = keys(&x)?;
    let row = |index: usize| &keys[index * width..(index + 1) * width];
    let mut sorted: Vec<usize> = (0..count).collect();
    sorted.sort_by(|a, b| row(*a).cmp(row(*b)));
    // Equal rows are neighbours now, the first of them first.
    let mut groups: Vec<&[usize]> = sorted.chunk_by(|a, b| row(*a) == row(*b)).collect();
    if !call.attr.bool("sorted") {
        groups.sort_unstable_by_key(|group| group[0]);
    }
    let cells = Cells::of(&x)?;
    let mut unique = cells.room(groups.len() * width)?;
    let mut inverse = vec![0i64; count];
    for (place, group) in groups.iter().enumerate() {
        unique.push(&cells, group[0] * width, width);
        group.iter().for_each(|index| inverse[*index] = place as i64);
    }
    let mut unique_sizes = sizes;
    unique_sizes[0] = groups.len();
    // The axis goes back to its place.
    let mut order: Vec<usize> = (1..unique_sizes.len()).collect();
    order.insert(axis, 0);
    let unique = unique.finish(x.dtype(), &unique_sizes)?.permute(&order)?;
    let vector = |values: Vec<i64>| Tensor::from_vec(&[values.len()], values);
    let first = vector(groups.iter().map(|group| group[0] as i64).collect())?;
    let counts = vector(groups.iter().map(|group| group.len() as i64).collect())?;
    let results = [unique, first, vector(inverse)?, counts];
    Ok(results.into_iter().take(call.types.len()).map(Into::into).collect())
}
