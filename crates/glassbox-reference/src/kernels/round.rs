//! `round`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    unary_float(call, f64::round_ties_even)
}
