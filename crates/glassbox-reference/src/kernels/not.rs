//! `not`.

use super::elementwise::*;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    one(map1(call.tensor(0)?, call.dtype(0), |x: bool| !x)?)
}
