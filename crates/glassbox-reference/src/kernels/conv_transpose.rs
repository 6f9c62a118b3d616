//! `conv_transpose`.
//!
//! The elements of the result whose places leave the same rest when divided by the strides see the
//! same taps, so each such phase is a convolution with a part of the kernel, and no zero is multiplied.

use glassbox_ir::ops::conv_transpose::{AxisSpread, Spread};
use glassbox_tensor::{Class, Compute, DType, Tensor};

use super::conv::{Groups, finish};
use super::elementwise::unravel;
use super::gemm::Accumulate;
use super::windows::Grid;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(match (call.dtype(0).class(), call.dtype(0)) {
        (Class::Float, DType::F32 | DType::F64) => spread::<f64>(call)?,
        (Class::Float, _) => spread::<f32>(call)?,
        _ => spread::<i64>(call)?,
    })
}

fn spread<A: Accumulate + Compute + PartialEq>(call: &Call) -> Result<Tensor, KernelError> {
    let (x, w, sizes) = (call.tensor(0)?, call.tensor(1)?, call.sizes(0)?);
    let axes = Spread::new(call.attr, x.rank() - 2)?.axes(&x.shape()[2..], &w.shape()[2..])?;
    let phases = phases(&axes);
    let plane: usize = x.shape()[2..].iter().product();
    let result: usize = sizes[2..].iter().product();
    let shape = Groups { batch: sizes[0], groups: call.attr.int("group") as usize, maps: sizes[1], channels: x.shape()[1] };
    let (x, weights) = (x.load::<A>()?, w.load::<A>()?);
    let (rows, channels) = (shape.maps / shape.groups, shape.channels / shape.groups);
    let kernel: usize = w.shape()[2..].iter().product();
    let sums = shape.map(|batch, group| {
        let planes = &x[shape.channels_of(batch, group, plane)];
        let weights = &weights[group * channels * rows * kernel..][..channels * rows * kernel];
        let mut all = vec![A::default(); rows * result];
        for phase in &phases {
            // The weights of the phase's taps, map after map.
            let mut part = Vec::with_capacity(rows * channels * phase.taps.len());
            for row in 0..rows {
                for channel in 0..channels {
                    let taps = &weights[(channel * rows + row) * kernel..][..kernel];
                    part.extend(phase.taps.iter().map(|tap| taps[*tap]));
                }
            }
            let sums = phase.grid.sums(planes, &part, rows);
            let windows = phase.grid.windows();
            for (place, target) in phase.places(&axes).enumerate() {
                for row in 0..rows {
                    all[row * result + target] = sums[row * windows + place];
                }
            }
        }
        all
    });
    finish(call, 2, sums, &sizes)
}

/// The elements of the result at one rest of the strides.
struct Phase {
    /// The rests.
    first: Vec<usize>,
    /// The taps that they see.
    taps: Vec<usize>,
    /// Where these lie in x.
    grid: Grid,
}

/// The phases that have elements and taps.
fn phases(axes: &[AxisSpread]) -> Vec<Phase> {
    let kernel: Vec<usize> = axes.iter().map(|axis| axis.kernel).collect();
    // On one axis: the rest, the taps that it sees, and where in x each lies for the first element.
    let on_axis = |axis: &AxisSpread| -> Vec<(usize, Vec<(usize, i64)>)> {
        let mut rests: Vec<(usize, Vec<(usize, i64)>)> = Vec::new();
        for tap in 0..axis.kernel {
            // element + front - tap * dilation = place * stride
            let shift = tap as i64 * axis.dilation - axis.front;
            let rest = shift.rem_euclid(axis.stride);
            if rest >= axis.output as i64 {
                continue;
            }
            let entry = (tap, (rest - shift).div_euclid(axis.stride));
            match rests.iter_mut().find(|(known, _)| *known == rest as usize) {
                Some((_, taps)) => taps.push(entry),
                None => rests.push((rest as usize, vec![entry])),
            }
        }
        rests
    };
    let per_axis: Vec<_> = axes.iter().map(on_axis).collect();
    let counts: Vec<usize> = per_axis.iter().map(Vec::len).collect();
    let phase = |index: usize| {
        let chosen: Vec<_> = unravel(index, &counts).iter().zip(&per_axis).map(|(at, rests)| &rests[*at]).collect();
        let counts: Vec<usize> = chosen.iter().map(|(_, taps)| taps.len()).collect();
        let combinations: Vec<Vec<(usize, i64)>> = (0..counts.iter().product())
            .map(|index| unravel(index, &counts).iter().zip(&chosen).map(|(at, (_, taps))| taps[*at]).collect())
            .collect();
        let tap = |taps: &Vec<(usize, i64)>| taps.iter().zip(&kernel).fold(0, |index, ((tap, _), size)| index * size + tap);
        let count = |(axis, (rest, _)): (&AxisSpread, &&(usize, _))| (axis.output - rest).div_ceil(axis.stride as usize);
        Phase {
            first: chosen.iter().map(|(rest, _)| *rest).collect(),
            taps: combinations.iter().map(tap).collect(),
            grid: Grid {
                input: axes.iter().map(|axis| axis.input).collect(),
                output: axes.iter().zip(&chosen).map(count).collect(),
                steps: vec![1; axes.len()],
                taps: combinations.iter().map(|taps| taps.iter().map(|(_, place)| *place).collect()).collect(),
            },
        }
    };
    (0..counts.iter().product()).map(phase).collect()
}

impl Phase {
    /// Where the elements lie in a plane of the result.
    fn places<'a>(&'a self, axes: &'a [AxisSpread]) -> impl Iterator<Item = usize> + 'a {
        (0..self.grid.windows()).map(move |index| {
            let place = unravel(index, &self.grid.output);
            let steps = place.iter().zip(&self.first).zip(axes);
            steps.fold(0, |index, ((at, first), axis)| index * axis.output + first + at * axis.stride as usize)
        })
    }
}
