//! `col2im`.

use glassbox_ir::ops::windows::{AxisWindows, Sliding};
use glassbox_tensor::{Class, Compute, Overflow, Tensor};

use super::elementwise::unravel;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(match call.dtype(0).class() {
        Class::Float => fold(call, |a: f64, b| a + b)?,
        Class::Signed => fold(call, i64::wrapping_add)?,
        Class::Bool => fold(call, |a: bool, b| a | b)?,
        _ => fold(call, u64::wrapping_add)?,
    })
}

fn fold<C: Compute>(call: &Call, add: impl Fn(C, C) -> C + Sync) -> Result<Tensor, KernelError> {
    let (x, sizes, block) = (call.tensor(0)?, call.sizes(0)?, call.ints(2)?);
    let block: Vec<usize> = block.iter().map(|size| *size as usize).collect();
    let axes = Sliding::explicit(call.attr, block.len())?.axes(&sizes[2..], &block)?;
    let windows: Vec<usize> = axes.iter().map(|axis| axis.windows).collect();
    let (taps, columns) = (block.iter().product::<usize>(), windows.iter().product::<usize>());
    let elements = x.load::<C>()?;
    Ok(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [C]| {
        for (index, out) in out.iter_mut().enumerate() {
            let place = unravel(start + index, &sizes);
            let first = (place[0] * sizes[1] + place[1]) * taps;
            let seen: Vec<Vec<(usize, usize)>> =
                axes.iter().zip(&place[2..]).map(|(axis, at)| windows_that_see(axis, *at)).collect();
            let counts: Vec<usize> = seen.iter().map(Vec::len).collect();
            for index in 0..counts.iter().product() {
                let (mut tap, mut window) = (0, 0);
                for ((choice, seen), axis) in unravel(index, &counts).iter().zip(&seen).zip(&axes) {
                    tap = tap * axis.kernel + seen[*choice].0;
                    window = window * axis.windows + seen[*choice].1;
                }
                *out = add(*out, elements[(first + tap) * columns + window]);
            }
        }
    })?)
}

/// The taps, and the windows, that see an element of an axis.
fn windows_that_see(axis: &AxisWindows, at: usize) -> Vec<(usize, usize)> {
    let window = |tap: usize| {
        let start = at as i64 + axis.front - tap as i64 * axis.dilation;
        let window = usize::try_from(start.div_euclid(axis.stride)).ok()?;
        (start.rem_euclid(axis.stride) == 0 && window < axis.windows).then_some((tap, window))
    };
    (0..axis.kernel).filter_map(window).collect()
}
