//! `reduce_sum`.

use super::reduction::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    reduce(
        call,
        |terms| terms.iter().fold(0.0, |sum, term| sum + term),
        |terms| terms.iter().fold(0, |sum, term| sum.wrapping_add(*term)),
        |terms| terms.iter().fold(0, |sum, term| sum.wrapping_add(*term)),
    )
}
