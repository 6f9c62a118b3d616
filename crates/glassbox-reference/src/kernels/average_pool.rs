//! `average_pool`.

use glassbox_ir::ops::windows::{AxisWindows, Sliding};
use glassbox_tensor::{Overflow, Tensor};

use super::elementwise::unravel;
use super::windows::visit;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let (axes, plane) = windows(call)?;
    let padded = call.attr.bool("count_include_pad");
    let elements = x.load::<f64>()?;
    one(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in out.iter_mut().enumerate() {
            let place = unravel(start + index, &sizes);
            let first = (place[0] * sizes[1] + place[1]) * plane;
            let (mut sum, mut count) = (0.0, 0u64);
            visit(&axes, &place[2..], &mut |offset| {
                sum += elements[first + offset];
                count += 1;
            });
            if padded {
                count = axes.iter().zip(&place[2..]).map(|(axis, window)| taps_in_padding(axis, *window)).product();
            }
            *out = sum / count as f64;
        }
    })?)
}

/// The windows of a pool, and how many elements a channel has.
pub(super) fn windows(call: &Call) -> Result<(Vec<AxisWindows>, usize), KernelError> {
    let spatial = &call.tensor(0)?.shape()[2..];
    let kernel: Vec<usize> =
        call.attr.ints("kernel_shape").unwrap_or_default().iter().map(|size| *size as usize).collect();
    let sliding = Sliding::new(call.attr, spatial.len())?.with_ceil(call.attr.bool("ceil_mode"));
    Ok((sliding.axes(spatial, &kernel)?, spatial.iter().product()))
}

/// How many taps of a window lie in the extent or its pads.
fn taps_in_padding(axis: &AxisWindows, window: usize) -> u64 {
    let left = axis.input as i64 + axis.front + axis.end - window as i64 * axis.stride;
    (left.max(0) as u64).div_ceil(axis.dilation as u64).min(axis.kernel as u64)
}
