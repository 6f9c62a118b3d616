//! `grid_sample`.

use glassbox_tensor::{Overflow, Tensor};

use super::elementwise::unravel;
use super::interpolation::{cubic, triangle};
use super::take::take;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, grid, sizes) = (call.tensor(0)?, call.tensor(1)?, call.sizes(0)?);
    let (spatial, align) = (&x.shape()[2..], call.attr.bool("align_corners"));
    let padding = match call.attr.str("padding_mode") {
        "border" => Padding::Border,
        "reflection" => Padding::Reflection,
        _ => Padding::Zeros,
    };
    let axes: Vec<Axis> = spatial.iter().map(|size| Axis { size: *size, align, padding }).collect();
    let (plane, places) = (spatial.iter().product::<usize>(), sizes[2..].iter().product::<usize>());
    let coordinates = grid.load::<f64>()?;
    // The place in x of element `index` of the result: its plane, and a coordinate on each axis.
    let place = |index: usize| {
        let (planes, at) = (index / places, index % places);
        let first = (planes / sizes[1] * places + at) * axes.len();
        let normalised = &coordinates[first..first + axes.len()];
        // The innermost coordinate stands first.
        (planes * plane, normalised.iter().rev().zip(&axes).map(|(at, axis)| axis.coordinate(*at)).collect::<Vec<f64>>())
    };
    if call.attr.str("mode") == "nearest" {
        return one(take(x, &sizes, |index| {
            let (first, place) = place(index);
            let steps = place.iter().zip(&axes);
            let offset = steps.clone().try_fold(0, |offset, (at, axis)| {
                Some(offset * axis.size + axis.element(axis.inside(libm::rint(*at)))?)
            });
            offset.map(|offset| first + offset)
        })?);
    }
    let cubic = call.attr.str("mode") == "cubic";
    let elements = x.load::<f64>()?;
    one(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in (start..).zip(out) {
            let (first, place) = place(index);
            let taps: Vec<Vec<(usize, f64)>> = place.iter().zip(&axes).map(|(at, axis)| axis.taps(*at, cubic)).collect();
            let counts: Vec<usize> = taps.iter().map(Vec::len).collect();
            for choice in 0..counts.iter().product() {
                let (mut offset, mut weight) = (0, 1.0);
                for ((at, taps), axis) in unravel(choice, &counts).iter().zip(&taps).zip(&axes) {
                    offset = offset * axis.size + taps[*at].0;
                    weight *= taps[*at].1;
                }
                *out += weight * elements[first + offset];
            }
        }
    })?)
}

/// What stands outside.
#[derive(Clone, Copy)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// One axis of x.
struct Axis {
    size: usize,
    align: bool,
    padding: Padding,
}

impl Axis {
    /// The coordinate for one in [-1, 1].
    fn coordinate(&self, normalised: f64) -> f64 {
        let size = self.size as f64;
        if self.align { (normalised + 1.0) / 2.0 * (size - 1.0) } else { ((normalised + 1.0) * size - 1.0) / 2.0 }
    }

    /// The outer ends: centres of the outer elements, or their edges.
    fn ends(&self) -> (f64, f64) {
        let size = self.size as f64;
        if self.align { (0.0, size - 1.0) } else { (-0.5, size - 0.5) }
    }

    /// The coordinate, moved or mirrored into the axis where that is what padding says. Moving it leaves the nearest element
    /// and the two around it the same values; the four taps of cubic are moved one by one instead.
    fn inside(&self, at: f64) -> f64 {
        let (low, high) = self.ends();
        match self.padding {
            Padding::Zeros => at,
            _ if at >= low && at <= high => at,
            _ if at.is_nan() => 0.0,
            Padding::Border => at.clamp(0.0, self.size as f64 - 1.0),
            Padding::Reflection => reflected(at, low, high),
        }
    }

    /// The element at a whole coordinate.
    fn element(&self, at: f64) -> Option<usize> {
        let last = self.size as f64 - 1.0;
        if at >= 0.0 && at <= last {
            return Some(at as usize);
        }
        match self.padding {
            Padding::Zeros => None,
            Padding::Border => Some(at.clamp(0.0, last) as usize),
            Padding::Reflection => {
                let (low, high) = self.ends();
                Some(reflected(at, low, high).clamp(0.0, last) as usize)
            }
        }
    }

    /// The elements around a coordinate that count, and how much.
    fn taps(&self, at: f64, is_cubic: bool) -> Vec<(usize, f64)> {
        let moved = matches!(self.padding, Padding::Border) && is_cubic && at.is_finite();
        let at = if moved { at } else { self.inside(at) };
        let low = at.floor();
        // Where floats lie further apart than elements, `low + step` is no other place; what is between them is.
        let within = at - low;
        let around: &[f64] = if is_cubic { &[-1.0, 0.0, 1.0, 2.0] } else { &[0.0, 1.0] };
        let tap = |step: &f64| {
            let distance = step - within;
            let weight = if is_cubic { cubic(distance, -0.75) } else { triangle(distance) };
            (weight != 0.0).then_some((self.element(low + step)?, weight))
        };
        around.iter().filter_map(tap).collect()
    }
}

/// A coordinate mirrored at the ends until it lies between them. What is not finite goes to the front.
fn reflected(at: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range <= 0.0 || !at.is_finite() {
        return low;
    }
    let distance = (at - low).abs();
    let (turns, rest) = ((distance / range).floor(), distance % range);
    if turns % 2.0 == 0.0 { low + rest } else { high - rest }
}
