//! `sub`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    binary(call, |a, b| a - b, i64::wrapping_sub, u64::wrapping_sub)
}
