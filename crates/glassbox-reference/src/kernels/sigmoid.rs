//! `sigmoid`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    unary_float(call, |x| 1.0 / (1.0 + libm::exp(-x)))
}
