//! `neg`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    unary(call, |x| -x, i64::wrapping_neg, u64::wrapping_neg)
}
