//! `sign`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    unary(call, sign, i64::signum, |x| x.min(1))
}

/// A zero keeps its sign, NaN stays.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}
