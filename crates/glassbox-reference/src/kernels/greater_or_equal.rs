//! `greater_or_equal`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    compare(call, |a, b| a >= b, |a, b| a >= b, |a, b| a >= b)
}
