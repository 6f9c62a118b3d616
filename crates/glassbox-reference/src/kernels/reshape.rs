//! `reshape`.

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    one(call.tensor(0)?.reshape(&call.sizes(0)?)?)
}
