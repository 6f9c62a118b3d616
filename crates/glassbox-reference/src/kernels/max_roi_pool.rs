//! `max_roi_pool`.

use glassbox_tensor::{Overflow, Tensor};

use super::elementwise::unravel;
use super::max::maximum;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, rois, sizes) = (call.tensor(0)?, call.tensor(1)?.load::<f64>()?, call.sizes(0)?);
    let [images, channels, height, width] = x.shape()[..] else { return Err(call.invalid("C1", "x isn't of rank 4")) };
    let scale = call.attr.float("spatial_scale");
    for roi in rois.chunks_exact(5) {
        let image = roi[0] >= 0.0 && roi[0] < images as f64 && roi[0].fract() == 0.0;
        if !image || roi.iter().any(|value| !value.is_finite()) {
            return Err(call.invalid("C3", format!("the region {roi:?} is of none of {images} images, or not finite")));
        }
    }
    let elements = x.load::<f64>()?;
    one(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in out.iter_mut().enumerate() {
            let place = unravel(start + index, &sizes);
            let roi = &rois[place[0] * 5..][..5];
            let edge = |index: usize| libm::round(roi[index] * scale);
            let rows = cell(edge(2), edge(4), place[2], sizes[2], height);
            let columns = cell(edge(1), edge(3), place[3], sizes[3], width);
            let plane = (roi[0] as usize * channels + place[1]) * height;
            let seen = rows.flat_map(|row| columns.clone().map(move |column| (plane + row) * width + column));
            *out = seen.map(|at| elements[at]).reduce(maximum).unwrap_or(0.0);
        }
    })?)
}

/// The elements of one cell of a region, on one axis.
fn cell(first: f64, last: f64, cell: usize, cells: usize, extent: usize) -> std::ops::Range<usize> {
    let size = (last - first + 1.0).max(1.0) / cells as f64;
    let bound = |at: f64| (at + first).clamp(0.0, extent as f64) as usize;
    bound((cell as f64 * size).floor())..bound(((cell + 1) as f64 * size).ceil())
}
