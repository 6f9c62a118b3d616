//! `nonzero`.

use glassbox_tensor::{DType, Tensor};

use super::elementwise::unravel;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let truth: Vec<bool> = match x.dtype() {
        DType::String => x.to_strings().unwrap_or_default().iter().map(|text| !text.is_empty()).collect(),
        _ => x.load::<bool>()?.into_owned(),
    };
    let found: Vec<usize> = truth.iter().enumerate().filter(|(_, truth)| **truth).map(|(index, _)| index).collect();
    let mut places = vec![0i64; x.rank() * found.len()];
    for (column, index) in found.iter().enumerate() {
        for (row, place) in unravel(*index, x.shape()).into_iter().enumerate() {
            places[row * found.len() + column] = place as i64;
        }
    }
    one(Tensor::from_vec(&[x.rank(), found.len()], places)?)
}
