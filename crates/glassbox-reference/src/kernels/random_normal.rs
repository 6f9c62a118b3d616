//! `random_normal`.

use glassbox_tensor::{Overflow, Tensor};

use super::random::Stream;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (stream, mean, scale) = (Stream::new(call), call.attr.float("mean"), call.attr.float("scale"));
    one(Tensor::build(call.dtype(0), &call.sizes(0)?, Overflow::Wrap, |start, out: &mut [f64]| {
        for (offset, out) in out.iter_mut().enumerate() {
            *out = mean + scale * stream.normal((start + offset) as u64);
        }
    })?)
}
