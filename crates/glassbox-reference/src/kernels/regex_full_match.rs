//! `regex_full_match`.

use glassbox_tensor::Tensor;

use super::re2::full_match;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let pattern = call.attr.str("pattern");
    let regex = full_match(pattern).map_err(|reason| call.invalid("C1", format!("{pattern:?}: {reason}")))?;
    let strings = x.to_strings().unwrap_or_default();
    one(Tensor::from_vec(x.shape(), strings.iter().map(|text| regex.is_match(text)).collect())?)
}
