//! `bitwise_xor`.

use super::elementwise::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    // No operand is a float.
    binary(call, |_, _| f64::NAN, |a, b| a ^ b, |a, b| a ^ b)
}
