//! `non_max_suppression`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (boxes, scores) = (call.tensor(0)?, call.tensor(1)?);
    let &[batches, classes, count] = scores.shape() else {
        return Err(call.invalid("C1", format!("scores of sizes {:?}", scores.shape())));
    };
    let number = |index: usize| -> Result<Option<f64>, KernelError> {
        Ok(call.opt_tensor(index)?.map(|tensor| tensor.item::<f64>()).transpose()?)
    };
    let most = call.opt_tensor(2)?.map(|tensor| tensor.item::<i64>()).transpose()?.unwrap_or(0).max(0) as usize;
    let overlap = number(3)?.unwrap_or(0.0);
    let least = number(4)?;
    if !(0.0..=1.0).contains(&overlap) {
        return Err(call.invalid("C2", format!("iou_threshold is {overlap}")));
    }
    let centered = call.attr.int("center_point_box") == 1;
    let (corners, scores) = (boxes.load::<f64>()?, scores.load::<f64>()?);
    let areas: Vec<Area> = corners.as_chunks::<4>().0.iter().map(|numbers| Area::new(*numbers, centered)).collect();
    let mut selected = Vec::new();
    for batch in 0..batches {
        let areas = &areas[batch * count..(batch + 1) * count];
        for class in 0..classes {
            let first = (batch * classes + class) * count;
            let scores = &scores[first..first + count];
            for index in take(areas, scores, most, overlap, least) {
                selected.extend([batch as i64, class as i64, index as i64]);
            }
        }
    }
    one(Tensor::from_vec(&[selected.len() / 3, 3], selected)?)
}

/// The boxes of one class that are taken, the best first.
fn take(areas: &[Area], scores: &[f64], most: usize, overlap: f64, least: Option<f64>) -> Vec<usize> {
    let good = |index: &usize| !scores[*index].is_nan() && least.is_none_or(|least| scores[*index] > least);
    let mut candidates: Vec<usize> = (0..scores.len()).filter(good).collect();
    // Sorting keeps the order of equal scores.
    candidates.sort_by(|a, b| scores[*b].partial_cmp(&scores[*a]).unwrap_or(std::cmp::Ordering::Equal));
    let mut taken: Vec<usize> = Vec::new();
    for candidate in candidates {
        if taken.len() == most {
            break;
        }
        if !taken.iter().any(|other| areas[candidate].overlap(&areas[*other]) > overlap) {
            taken.push(candidate);
        }
    }
    taken
}

/// A box: its lower and upper ends along x and along y.
struct Area {
    x: [f64; 2],
    y: [f64; 2],
}

impl Area {
    fn new([a, b, c, d]: [f64; 4], centered: bool) -> Area {
        match centered {
            true => Area { x: [a - c / 2.0, a + c / 2.0], y: [b - d / 2.0, b + d / 2.0] },
            false => Area { x: [b.min(d), b.max(d)], y: [a.min(c), a.max(c)] },
        }
    }

    fn size(&self) -> f64 {
        (self.x[1] - self.x[0]) * (self.y[1] - self.y[0])
    }

    /// The intersection over the union; 0 where there is none.
    fn overlap(&self, other: &Area) -> f64 {
        let width = self.x[1].min(other.x[1]) - self.x[0].max(other.x[0]);
        let height = self.y[1].min(other.y[1]) - self.y[0].max(other.y[0]);
        let (a, b) = (self.size(), other.size());
        if !(width > 0.0 && height > 0.0 && a > 0.0 && b > 0.0) {
            return 0.0;
        }
        let common = width * height;
        common / (a + b - common)
    }
}
