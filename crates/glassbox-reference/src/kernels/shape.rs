//! `shape`.

use glassbox_ir::ops::shape::axis_range;
use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let sizes = call.tensor(0)?.shape();
    let range = axis_range(sizes.len(), call.attr.int("start"), call.attr.opt_int("end"));
    let extents: Vec<i64> = sizes[range].iter().map(|size| *size as i64).collect();
    one(Tensor::from_vec(&[extents.len()], extents)?)
}
