//! `dropout`.

use glassbox_tensor::{Overflow, Tensor};

use super::mt19937::Mt19937;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let training = call.opt_tensor(2)?.map(Tensor::item::<bool>).transpose()?.unwrap_or(false);
    let ratio = if training { call.opt_tensor(1)?.map(Tensor::item::<f64>).transpose()?.unwrap_or(0.5) } else { 0.0 };
    if !(0.0..1.0).contains(&ratio) {
        return Err(call.invalid("C2", format!("the ratio is {ratio}")));
    }
    if ratio == 0.0 {
        let mask = Tensor::scalar(true).broadcast_to(x.shape())?.contiguous()?;
        return Ok(vec![x.clone().into(), mask.into()].into_iter().take(call.types.len()).collect());
    }
    let mut generator = Mt19937::new(call.attr.opt_int("seed").map_or(call.seed, i64::cast_unsigned));
    let mask: Vec<bool> = (0..x.len()).map(|_| generator.uniform() >= ratio).collect();
    let (scale, elements) = (1.0 / (1.0 - ratio), x.load::<f64>()?);
    let y = Tensor::build(call.dtype(0), x.shape(), Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in (start..).zip(out) {
            *out = elements[index] * if mask[index] { scale } else { 0.0 };
        }
    })?;
    let mask = Tensor::from_vec(x.shape(), mask)?;
    Ok(vec![y.into(), mask.into()].into_iter().take(call.types.len()).collect())
}
