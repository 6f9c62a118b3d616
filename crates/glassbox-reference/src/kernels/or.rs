//! `or`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    logical(call, |a, b| a | b)
}
