//! `abs`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    unary(call, f64::abs, i64::wrapping_abs, |x| x)
}
