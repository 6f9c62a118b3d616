//! `reduce_mean`.

use super::reduction::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    reduce(
        call,
        |terms| terms.iter().fold(0.0, |sum, term| sum + term) / terms.len() as f64,
        |terms| terms.iter().fold(0i64, |sum, term| sum.wrapping_add(*term)).checked_div(terms.len() as i64).unwrap_or(0),
        |terms| terms.iter().fold(0u64, |sum, term| sum.wrapping_add(*term)).checked_div(terms.len() as u64).unwrap_or(0),
    )
}
