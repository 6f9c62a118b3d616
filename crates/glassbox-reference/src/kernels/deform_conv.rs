//! `deform_conv`.

use glassbox_ir::ops::windows::Sliding;
use glassbox_tensor::{Compute, DType, Tensor};

use super::conv::{Groups, finish};
use super::elementwise::unravel;
use super::gemm::{Accumulate, COLUMNS, Left};
use super::windows::Grid;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(match call.dtype(0) {
        DType::F32 | DType::F64 => deform::<f64>(call)?,
        _ => deform::<f32>(call)?,
    })
}

fn deform<A: Accumulate + Compute>(call: &Call) -> Result<Tensor, KernelError> {
    let (x, w, sizes) = (call.tensor(0)?, call.tensor(1)?, call.sizes(0)?);
    let axes = Sliding::new(call.attr, x.rank() - 2)?.axes(&x.shape()[2..], &w.shape()[2..])?;
    let grid = Grid::sliding(&axes);
    let (taps, windows, plane) = (grid.taps.len(), grid.windows(), grid.plane());
    let shape = Groups { batch: sizes[0], groups: call.attr.int("group") as usize, maps: sizes[1], channels: x.shape()[1] };
    let offset_groups = call.attr.int("offset_group") as usize;
    let per_offset_group = (shape.channels / offset_groups).max(1);
    let (offsets, mask) = (call.tensor(2)?.load::<f64>()?, call.opt_tensor(4)?);
    let mask = mask.map(|mask| mask.load::<f64>()).transpose()?;
    let (x, weights) = (x.load::<f64>()?, w.load::<A>()?);
    let (rows, channels) = (shape.maps / shape.groups, shape.channels / shape.groups);
    // What a tap of a window reads of a channel.
    let read = |batch: usize, channel: usize, tap: usize, window: usize| {
        let place = unravel(window, &grid.output);
        let row = (batch * offset_groups + channel / per_offset_group) * taps + tap;
        let coordinates: Vec<f64> = (0..axes.len())
            .map(|axis| {
                let offset = offsets[(row * axes.len() + axis) * windows + window];
                (place[axis] as i64 * grid.steps[axis] + grid.taps[tap][axis]) as f64 + offset
            })
            .collect();
        let plane = &x[(batch * shape.channels + channel) * plane..][..plane];
        let factor = mask.as_ref().map_or(1.0, |mask| mask[row * windows + window]);
        interpolate(plane, &grid.input, &coordinates) * factor
    };
    let sums = shape.map(|batch, group| {
        let inner = channels * taps;
        let left = Left::pack(&weights[group * rows * inner..][..rows * inner], rows, inner);
        left.product(windows, &|first, panel| {
            for (step, line) in panel.chunks_exact_mut(COLUMNS).enumerate() {
                let (channel, tap) = (group * channels + step / taps, step % taps);
                for (column, out) in line.iter_mut().enumerate().take(windows - first) {
                    *out = A::from_f64(read(batch, channel, tap, first + column));
                }
            }
        })
    });
    finish(call, 3, sums, &sizes)
}

/// The N-linear interpolation at a place, with zeros around the plane.
fn interpolate(plane: &[f64], sizes: &[usize], place: &[f64]) -> f64 {
    if place.iter().zip(sizes).any(|(at, size)| !(*at > -1.0 && *at < *size as f64)) {
        return 0.0;
    }
    let mut sum = 0.0;
    for corner in 0..1usize << sizes.len() {
        let (mut weight, mut index, mut inside) = (1.0, 0, true);
        for (axis, (at, size)) in place.iter().zip(sizes).enumerate() {
            let (low, upper) = (at.floor(), corner >> (sizes.len() - 1 - axis) & 1 == 1);
            weight *= if upper { at - low } else { low + 1.0 - at };
            let element = low as i64 + i64::from(upper);
            inside &= (0..*size as i64).contains(&element);
            index = index * *size as i64 + element;
        }
        if inside && weight != 0.0 {
            sum += weight * plane[index as usize];
        }
    }
    sum
}
