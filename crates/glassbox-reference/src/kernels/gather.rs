//! `gather`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::Tensor;

use super::cells::{Cells, resolve};
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let axis = normalise_axis("C1", call.attr.int("axis"), x.rank())?;
    let extent = x.shape()[axis];
    let indices = resolve(&call.ints(1)?, extent, "C2")?;
    if sizes.contains(&0) {
        return one(Tensor::zeros(x.dtype(), &sizes)?);
    }
    let (outer, inner) = (&x.shape()[..axis], x.shape()[axis + 1..].iter().product::<usize>());
    let cells = Cells::of(x)?;
    let mut result = cells.room(sizes.iter().product())?;
    for turn in 0..outer.iter().product() {
        for index in &indices {
            result.push(&cells, (turn * extent + index) * inner, inner);
        }
    }
    one(result.finish(x.dtype(), &sizes)?)
}
