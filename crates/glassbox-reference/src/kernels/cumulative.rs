//! What `cum_sum` and `cum_prod` share: running totals along an axis, one line after the other.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{Class, Compute, Overflow, Tensor, parallel_chunks};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

/// The running totals that begin with `start`, floats in f64 and each rounded once, integers wrapping.
pub(super) fn accumulate(
    call: &Call,
    start: u8,
    float: fn(f64, f64) -> f64,
    signed: fn(i64, i64) -> i64,
    unsigned: fn(u64, u64) -> u64,
) -> Outcome {
    one(match call.dtype(0).class() {
        Class::Float => run(call, f64::from(start), float)?,
        Class::Signed => run(call, i64::from(start), signed)?,
        _ => run(call, u64::from(start), unsigned)?,
    })
}

fn run<C: Compute>(call: &Call, start: C, join: fn(C, C) -> C) -> Result<Tensor, KernelError> {
    let x = call.tensor(0)?;
    let axis = normalise_axis("C1", call.tensor(1)?.item()?, x.rank())?;
    let (exclusive, reverse) = (call.attr.bool("exclusive"), call.attr.bool("reverse"));
    // The axis last, so that its lines are contiguous.
    let order: Vec<usize> = (0..x.rank()).filter(|other| *other != axis).chain([axis]).collect();
    let lines = x.permute(&order)?;
    let mut values = lines.load::<C>()?.into_owned();
    let step = |total: &mut C, value: &mut C| {
        let next = join(*total, *value);
        *value = if exclusive { *total } else { next };
        *total = next;
    };
    parallel_chunks(&mut values, x.shape()[axis], &|_, line| {
        let mut total = start;
        if reverse {
            line.iter_mut().rev().for_each(|value| step(&mut total, value));
        } else {
            line.iter_mut().for_each(|value| step(&mut total, value));
        }
    });
    let result = Tensor::store(call.dtype(0), lines.shape(), values, Overflow::Wrap)?;
    let back: Vec<usize> = (0..axis).chain([x.rank() - 1]).chain(axis..x.rank() - 1).collect();
    Ok(result.permute(&back)?)
}
