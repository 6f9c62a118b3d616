//! `range`.

use glassbox_tensor::{Class, Compute, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    one(match call.dtype(0).class() {
        Class::Float => numbers::<f64>(call, |start, delta, place| start + place as f64 * delta)?,
        Class::Signed => numbers::<i64>(call, |start, delta, place| start.wrapping_add(delta.wrapping_mul(place as i64)))?,
        _ => numbers::<u64>(call, |start, delta, place| start.wrapping_add(delta.wrapping_mul(place)))?,
    })
}

fn numbers<C: Compute>(call: &Call, number: impl Fn(C, C, u64) -> C + Sync) -> Result<Tensor, KernelError> {
    let (start, delta) = (call.tensor(0)?.item::<C>()?, call.tensor(2)?.item::<C>()?);
    let tensor = Tensor::build(call.dtype(0), &call.sizes(0)?, Overflow::Wrap, |first, out: &mut [C]| {
        for (place, out) in out.iter_mut().enumerate() {
            *out = number(start, delta, (first + place) as u64);
        }
    });
    Ok(tensor?)
}
