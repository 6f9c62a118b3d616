//! `conv`.

use glassbox_ir::ops::windows::Sliding;
use glassbox_tensor::{Class, Compute, DType, Overflow, Tensor, parallel_chunks, parallel_map};

use super::gemm::Accumulate;
use super::windows::Grid;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(match (call.dtype(0).class(), call.dtype(0)) {
        (Class::Float, DType::F32 | DType::F64) => convolve::<f64>(call)?,
        (Class::Float, _) => convolve::<f32>(call)?,
        _ => convolve::<i64>(call)?,
    })
}

fn convolve<A: Accumulate + Compute + PartialEq>(call: &Call) -> Result<Tensor, KernelError> {
    let (x, w, sizes) = (call.tensor(0)?, call.tensor(1)?, call.sizes(0)?);
    let axes = Sliding::new(call.attr, x.rank() - 2)?.axes(&x.shape()[2..], &w.shape()[2..])?;
    let grid = Grid::sliding(&axes);
    let (x, weights) = (x.load::<A>()?, w.load::<A>()?);
    let shape = Groups { batch: sizes[0], groups: call.attr.int("group") as usize, maps: sizes[1], channels: call.tensor(0)?.shape()[1] };
    let sums = shape.map(|batch, group| {
        let planes = shape.channels_of(batch, group, grid.plane());
        let rows = shape.maps / shape.groups;
        let inner = w.shape()[1] * grid.taps.len();
        grid.sums(&x[planes], &weights[group * rows * inner..][..rows * inner], rows)
    });
    finish(call, 2, sums, &sizes)
}

/// How the channels and maps of a convolution are cut into groups.
pub(super) struct Groups {
    pub(super) batch: usize,
    pub(super) groups: usize,
    pub(super) maps: usize,
    pub(super) channels: usize,
}

impl Groups {
    /// `sums(batch, group)`, each after the other.
    pub(super) fn map<A: Send>(&self, sums: impl Fn(usize, usize) -> Vec<A> + Sync) -> Vec<Vec<A>> {
        parallel_map(self.batch * self.groups, |index| sums(index / self.groups, index % self.groups))
    }

    /// Where the planes of the channels of a group lie in x.
    pub(super) fn channels_of(&self, batch: usize, group: usize, plane: usize) -> std::ops::Range<usize> {
        let count = self.channels / self.groups;
        let first = batch * self.channels + group * count;
        first * plane..(first + count) * plane
    }
}

/// The sums, map after map, plus the bias in operand `bias`, rounded.
pub(super) fn finish<A: Accumulate + Compute>(
    call: &Call,
    bias: usize,
    sums: Vec<Vec<A>>,
    sizes: &[usize],
) -> Result<Tensor, KernelError> {
    let mut sums = sums.concat();
    if let Some(bias) = call.opt_tensor(bias)? {
        let (bias, plane) = (bias.load::<A>()?, sizes[2..].iter().product::<usize>());
        let one = A::from_i64(1);
        parallel_chunks(&mut sums, plane, &|map, sums| {
            let bias = bias[map % sizes[1]];
            sums.iter_mut().for_each(|sum| *sum = sum.add_product(bias, one));
        });
    }
    Ok(Tensor::store(call.dtype(0), sizes, sums, Overflow::Wrap)?)
}
