//! `split`.

use glassbox_ir::infer::normalise_axis;

use crate::call::{Call, Outcome};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let axis = normalise_axis("C1", call.attr.int("axis"), x.rank())?;
    let extents: Vec<usize> = match call.has(1) {
        true => {
            let given = call.ints(1)?;
            let extents = given.iter().map(|extent| usize::try_from(*extent).ok()).collect::<Option<Vec<_>>>();
            extents.filter(|extents| extents.len() == call.types.len()).ok_or_else(|| {
                call.invalid("C3", format!("{} parts with the extents {given:?}", call.types.len()))
            })?
        }
        false => {
            let extent = |index: usize| Ok::<_, KernelError>(call.sizes(index)?[axis]);
            (0..call.types.len()).map(extent).collect::<Result<_, _>>()?
        }
    };
    let sum = extents.iter().try_fold(0usize, |sum, extent| sum.checked_add(*extent));
    if sum != Some(x.shape()[axis]) {
        return Err(call.invalid("C3", format!("parts of {extents:?} of an extent of {}", x.shape()[axis])));
    }
    let mut start = 0;
    let part = |extent: &usize| {
        let part = x.slice_axis(axis, start, *extent, 1)?;
        start += extent;
        Ok(part.into())
    };
    extents.iter().map(part).collect()
}
