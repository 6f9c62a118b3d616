//! Reductions over axes that aren't the last ones: `reduce_sum` and `reduce_mean` of f32, in f64, and `reduce_max` and
//! `reduce_min`, which are NaN where a term is.
//!
//! The terms of a result are put together one after the other, so it doesn't depend on how the results are split.

use glassbox_exec::KernelError;
use glassbox_ir::infer::normalise_axis;
use glassbox_ir::ops;
use glassbox_tensor::{DType, Tensor, parallel_chunks};

use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// How many results are made at once.
const WIDTH: usize = 64;
/// How many results a piece of work has.
const PIECE: usize = 1 << 10;

/// What is made of the terms of a result.
#[derive(Clone, Copy)]
enum Kind {
    Sum,
    Mean,
    Max,
    Min,
}

struct Reduce {
    /// The number of the operand.
    x: usize,
    /// The first reduced axis, and how many there are.
    first: usize,
    count: usize,
    kind: Kind,
}

/// A sum, mean, maximum or minimum of f32 over axes beside each other that end before the last one.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|_| fragment.nodes().len() == 1) else { return Err(String::new()) };
    let kind = match node.op {
        op if *op == ops::reduce_sum::OP => Kind::Sum,
        op if *op == ops::reduce_mean::OP => Kind::Mean,
        op if *op == ops::reduce_max::OP => Kind::Max,
        op if *op == ops::reduce_min::OP => Kind::Min,
        _ => return Err(String::new()),
    };
    let [Some(x), Some(axes)] = node.operands[..] else { return Err(String::new()) };
    let (x, axes) = (fragment.number(x), fragment.content(fragment.number(axes)));
    if fragment.dtype(x) != Some(DType::F32) {
        return Err(String::new());
    }
    let rank = node.operands[0].and_then(|id| fragment.declared(id)).and_then(|ty| ty.rank());
    let (Some(rank), Some(axes)) = (rank, axes) else { return Err(String::new()) };
    let axes = axes.load::<i64>().map_err(|error| error.to_string())?;
    let axes: Result<Vec<usize>, _> = axes.iter().map(|axis| normalise_axis("C1", *axis, rank)).collect();
    let mut axes = axes.map_err(|error| error.to_string())?;
    axes.sort_unstable();
    let Some(first) = axes.first().copied() else { return Err(String::new()) };
    let is_one_block = axes.iter().enumerate().all(|(place, axis)| *axis == first + place);
    if !is_one_block || first + axes.len() >= rank {
        return Err(String::new());
    }
    Ok(Box::new(Reduce { x, first, count: axes.len(), kind }))
}

impl Kernel for Reduce {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let number = call.fragment.outputs()[0];
        let mut output = call.output(DType::F32, &call.sizes.sizes[number])?;
        let x = call.inputs[self.x].contiguous()?;
        let values = x.as_slice::<f32>().ok_or_else(|| KernelError::Internal("a tensor can't be read".to_owned()))?;
        let terms: usize = x.shape()[self.first..][..self.count].iter().product();
        let inner: usize = x.shape()[self.first + self.count..].iter().product();
        let kind = self.kind;
        parallel_chunks(output.floats(), PIECE, &|piece, mut out| {
            let mut place = piece * PIECE;
            while !out.is_empty() {
                let (outer, column) = (place / inner, place % inner);
                let count = WIDTH.min(inner - column).min(out.len());
                let (part, rest) = out.split_at_mut(count);
                let values = values.get(outer * terms * inner + column..).unwrap_or_default();
                match kind {
                    Kind::Sum => add_up(values, terms, inner, 1.0, part),
                    Kind::Mean => add_up(values, terms, inner, terms as f64, part),
                    Kind::Max => choose(values, terms, inner, f32::NEG_INFINITY, part, |best, x| best > x),
                    Kind::Min => choose(values, terms, inner, f32::INFINITY, part, |best, x| best < x),
                }
                place += count;
                out = rest;
            }
        });
        Ok(vec![output.finish()?])
    }
}

/// Each of at most [`WIDTH`] results: the sum of its terms, which are `step` apart, divided.
fn add_up(values: &[f32], terms: usize, step: usize, divisor: f64, out: &mut [f32]) {
    let mut sums = [0.0f64; WIDTH];
    for term in 0..terms {
        let row = &values[term * step..][..out.len()];
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum / divisor) as f32);
}

/// Each of some results: the best of its terms, which are `step` apart, the last one of those that are equal; NaN, where
/// there is one.
fn choose(values: &[f32], terms: usize, step: usize, worst: f32, out: &mut [f32], better: impl Fn(f32, f32) -> bool) {
    out.fill(worst);
    for term in 0..terms {
        let row = &values[term * step..][..out.len()];
        for (out, value) in out.iter_mut().zip(row) {
            let stays = better(*out, *value) || out.is_nan();
            *out = if stays { *out } else { *value };
        }
    }
}
