//! `min`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    fold(call, minimum, i64::min, u64::min)
}

/// The smaller; NaN if either is NaN.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}
