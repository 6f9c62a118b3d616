//! `roi_align`.

use glassbox_tensor::{Overflow, Tensor};

use super::elementwise::unravel;
use super::max::maximum;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

/// The most points of a cell each way.
const MAX_POINTS: f64 = 4096.0;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, rois, images, sizes) = (call.tensor(0)?, call.tensor(1)?.load::<f64>()?, call.ints(2)?, call.sizes(0)?);
    let [batch, channels, height, width] = x.shape()[..] else { return Err(call.invalid("C1", "x isn't of rank 4")) };
    let regions = rois.chunks_exact(4).map(|roi| Roi::new(call, roi, &sizes)).collect::<Result<Vec<_>, _>>()?;
    if let Some(image) = images.iter().find(|image| !(0..batch as i64).contains(image)) {
        return Err(call.invalid("C4", format!("there is an index {image} of {batch} images")));
    }
    let average = call.attr.str("mode") == "avg";
    let elements = x.load::<f64>()?;
    one(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in out.iter_mut().enumerate() {
            let [region, channel, row, column] = unravel(start + index, &sizes)[..] else { continue };
            let plane = (images[region] as usize * channels + channel) * height * width;
            let read = |row: usize, column: usize| elements[plane + row * width + column];
            let rows = regions[region][0].points(row, height);
            let columns = regions[region][1].points(column, width);
            let count = rows.len() * columns.len();
            let points = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
            let weighted = points.map(|(row, column)| {
                let (Some(row), Some(column)) = (row, column) else { return [0.0; 4] };
                let term = |upper: bool, right: bool| {
                    let weight = row.weight(upper) * column.weight(right);
                    if weight == 0.0 { 0.0 } else { weight * read(row.element(upper), column.element(right)) }
                };
                [term(false, false), term(false, true), term(true, false), term(true, true)]
            });
            *out = match (count, average) {
                (0, _) => 0.0,
                (_, true) => weighted.flatten().fold(0.0, |sum, term| sum + term) / count as f64,
                (_, false) => weighted.flatten().fold(f64::NEG_INFINITY, maximum),
            };
        }
    })?)
}

/// A region, on one axis.
struct Roi {
    start: f64,
    /// The size of a cell.
    cell: f64,
    /// How many points a cell has.
    points: usize,
}

/// A point between two elements.
struct Point {
    low: usize,
    high: usize,
    /// How far it is from the low one.
    fraction: f64,
}

impl Roi {
    /// The rows and the columns of a region.
    fn new(call: &Call, roi: &[f64], sizes: &[usize]) -> Result<[Roi; 2], KernelError> {
        let half = call.attr.str("coordinate_transformation_mode") == "half_pixel";
        let (scale, ratio) = (call.attr.float("spatial_scale"), call.attr.int("sampling_ratio"));
        let axis = |first: f64, last: f64, cells: usize| {
            let move_by = if half { 0.5 } else { 0.0 };
            let start = first * scale - move_by;
            let mut extent = last * scale - move_by - start;
            if !half {
                extent = extent.max(1.0);
            }
            let cell = extent / cells as f64;
            let points = if ratio > 0 { ratio as f64 } else { cell.ceil().max(0.0) };
            if !cell.is_finite() || !start.is_finite() {
                return Err(call.invalid("C4", format!("the region {roi:?} isn't finite")));
            }
            if points > MAX_POINTS {
                return Err(call.invalid("C5", format!("the region {roi:?} has cells of {points} points each way")));
            }
            Ok(Roi { start, cell, points: points as usize })
        };
        Ok([axis(roi[1], roi[3], sizes[2])?, axis(roi[0], roi[2], sizes[3])?])
    }

    /// The points of a cell; `None` for those outside of an axis of this extent.
    fn points(&self, cell: usize, extent: usize) -> Vec<Option<Point>> {
        let first = self.start + cell as f64 * self.cell;
        let point = |index: usize| {
            let at = first + (index as f64 + 0.5) * self.cell / self.points as f64;
            if extent == 0 || at < -1.0 || at > extent as f64 {
                return None;
            }
            let (at, last) = (at.max(0.0), extent - 1);
            let low = at as usize;
            if low >= last {
                return Some(Point { low: last, high: last, fraction: 0.0 });
            }
            Some(Point { low, high: low + 1, fraction: at - low as f64 })
        };
        (0..self.points).map(point).collect()
    }
}

impl Point {
    fn weight(&self, high: bool) -> f64 {
        if high { self.fraction } else { 1.0 - self.fraction }
    }

    fn element(&self, high: bool) -> usize {
        if high { self.high } else { self.low }
    }
}
