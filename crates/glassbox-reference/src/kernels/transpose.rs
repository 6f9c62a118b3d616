//! `transpose`.

use glassbox_ir::ops::transpose::axis_order;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    one(x.permute(&axis_order(call.attr.ints("perm"), x.rank())?)?)
}
