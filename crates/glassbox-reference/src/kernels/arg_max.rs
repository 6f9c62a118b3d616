//! `arg_max`.

use super::arg_reduction::arg_reduce;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    arg_reduce(call, |a, b| a > b, |a, b| a > b, |a, b| a > b)
}
