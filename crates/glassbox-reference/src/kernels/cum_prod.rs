//! `cum_prod`.

use super::cumulative::accumulate;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    accumulate(call, 1, |a, b| a * b, i64::wrapping_mul, u64::wrapping_mul)
}
