//! `concat_from_sequence`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::Tensor;

use super::concat::concatenate;
use super::sequences::items;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let parts: Vec<&Tensor> = items(call)?.iter().filter_map(|item| item.as_tensor()).collect();
    let Some(first) = parts.first() else { return Err(call.invalid("C2", "the sequence has no element")) };
    let axis = call.attr.int("axis");
    if !call.attr.bool("new_axis") {
        return one(concatenate(&parts, normalise_axis("C1", axis, first.rank())?)?);
    }
    let axis = normalise_axis("C1", axis, first.rank() + 1)?;
    if let Some(other) = parts.iter().find(|part| part.shape() != first.shape()) {
        return Err(call.invalid("C3", format!("the elements have sizes {:?} and {:?}", first.shape(), other.shape())));
    }
    let parts = parts.iter().map(|part| part.expand_dims(axis)).collect::<Result<Vec<_>, _>>()?;
    one(concatenate(&parts.iter().collect::<Vec<_>>(), axis)?)
}
