//! `reduce_max`.

use glassbox_tensor::DType;

use super::max::maximum;
use super::reduction::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let dtype = call.dtype(0);
    reduce(
        call,
        |terms| terms.iter().copied().fold(f64::NEG_INFINITY, maximum),
        |terms| terms.iter().copied().max().unwrap_or(least(dtype)),
        |terms| terms.iter().copied().max().unwrap_or(0),
    )
}

/// The least value of a signed dtype.
pub(super) fn least(dtype: DType) -> i64 {
    i64::MIN >> (64 - dtype.bits().unwrap_or(64).clamp(1, 64))
}
