//! `reduce_min`.

use super::min::minimum;
use super::reduction::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let bits = match call.dtype(0) {
        glassbox_tensor::DType::Bool => 1,
        dtype => dtype.bits().unwrap_or(64).clamp(1, 64),
    };
    reduce(
        call,
        |terms| terms.iter().copied().fold(f64::INFINITY, minimum),
        |terms| terms.iter().copied().min().unwrap_or(i64::MAX >> (64 - bits)),
        |terms| terms.iter().copied().min().unwrap_or(u64::MAX >> (64 - bits)),
    )
}
