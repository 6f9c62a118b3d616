//! `max_unpool`.

use glassbox_ir::Dim;
use glassbox_ir::ops::max_unpool::unpooled;

use super::elementwise::unravel;
use super::take::take;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let dims: Vec<Dim> = x.shape().iter().map(|size| Dim::from(*size)).collect();
    let counted = unpooled(call.attr, &dims)?.iter().map(Dim::as_size).collect::<Option<Vec<_>>>();
    let counted = counted.ok_or_else(|| KernelError::invalid("C4", "the sizes overflow"))?;
    let total = counted.iter().try_fold(1usize, |product, size| product.checked_mul(*size)).unwrap_or(usize::MAX);
    // The element of x that each element of the result is.
    let mut sources: Vec<Option<usize>> = vec![None; sizes.iter().product()];
    for (source, index) in call.ints(1)?.iter().enumerate() {
        let Some(index) = usize::try_from(*index).ok().filter(|index| *index < total) else {
            return Err(call.invalid("C6", format!("index {index} is outside of the {total} elements of {counted:?}")));
        };
        let place = unravel(index, &counted);
        if place.iter().zip(&sizes).all(|(at, size)| at < size) {
            sources[place.iter().zip(&sizes).fold(0, |index, (at, size)| index * size + at)] = Some(source);
        }
    }
    one(take(x, &sizes, |index| sources[index])?)
}
