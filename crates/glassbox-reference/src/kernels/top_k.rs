//! `top_k`.

use std::cmp::Ordering;

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{Tensor, parallel_map};

use super::cells::Cells;
use super::order::keys;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let axis = normalise_axis("C1", call.attr.int("axis"), x.rank())?;
    let (extent, k) = (x.shape()[axis], sizes[axis]);
    if sizes.contains(&0) {
        let results = [Tensor::zeros(x.dtype(), &sizes)?, Tensor::zeros(glassbox_tensor::DType::I64, &sizes)?];
        return Ok(results.into_iter().take(call.types.len()).map(Into::into).collect());
    }
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let largest = call.attr.bool("largest");
    let keys = keys(x)?;
    // For each lane along the axis the places of its first `k`.
    let lane = |lane: usize| -> Vec<usize> {
        let first = lane / inner * extent * inner + lane % inner;
        let key = |place: &usize| keys[first + place * inner];
        let compare = |a: &usize, b: &usize| -> Ordering {
            let order = if largest { key(b).cmp(&key(a)) } else { key(a).cmp(&key(b)) };
            order.then(a.cmp(b))
        };
        let mut places: Vec<usize> = (0..extent).collect();
        if k < extent {
            places.select_nth_unstable_by(k, compare);
            places.truncate(k);
        }
        places.sort_unstable_by(compare);
        places
    };
    let lanes: Vec<Vec<usize>> = parallel_map(x.len() / extent, lane);
    let cells = Cells::of(x)?;
    let count = lanes.len() * k;
    let (mut values, mut indices) = (cells.room(count)?, Vec::with_capacity(count));
    for block in lanes.chunks(inner).enumerate() {
        for turn in 0..k {
            for (column, places) in block.1.iter().enumerate() {
                indices.push(places[turn] as i64);
                values.push(&cells, (block.0 * extent + places[turn]) * inner + column, 1);
            }
        }
    }
    let results = [values.finish(x.dtype(), &sizes)?, Tensor::from_vec(&sizes, indices)?];
    Ok(results.into_iter().take(call.types.len()).map(Into::into).collect())
}
