//! `slice`.

use glassbox_ir::infer::normalise_axis;
use glassbox_ir::ops::slice::slice_axis;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let mut x = call.tensor(0)?.clone();
    let (starts, ends) = (call.ints(1)?, call.ints(2)?);
    let axes = if call.has(3) { call.ints(3)? } else { (0..starts.len() as i64).collect() };
    let steps = if call.has(4) { call.ints(4)? } else { vec![1; starts.len()] };
    for (((axis, start), end), step) in axes.iter().zip(starts).zip(ends).zip(steps) {
        let axis = normalise_axis("C1", *axis, x.rank())?;
        let part = slice_axis(axis, x.shape()[axis], start, end, step);
        // With one element or none the step doesn't matter, and may be larger than any tensor.
        let step = if part.count > 1 { part.step as isize } else { 1 };
        let start = if part.count > 0 { part.start } else { 0 };
        x = x.slice_axis(axis, start, part.count, step)?;
    }
    one(x)
}
