//! `reduce_prod`.

use super::reduction::*;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    reduce(
        call,
        |terms| terms.iter().product(),
        |terms| terms.iter().fold(1, |product, term| product.wrapping_mul(*term)),
        |terms| terms.iter().fold(1, |product, term| product.wrapping_mul(*term)),
    )
}
