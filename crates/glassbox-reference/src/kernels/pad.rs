//! `pad`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::Tensor;

use super::cells::{Cells, Moved, row_major};
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let mut padded = vec![(0, 0); x.rank()];
    let pads = call.ints(1)?;
    let axes = if call.has(3) { call.ints(3)? } else { (0..x.rank() as i64).collect() };
    for (index, axis) in axes.iter().enumerate() {
        padded[normalise_axis("C1", *axis, x.rank())?] = (pads[index], pads[axes.len() + index]);
    }
    if sizes.contains(&0) {
        return one(Tensor::zeros(x.dtype(), &sizes)?);
    }
    let mode = call.attr.str("mode");
    let runs = x.shape().iter().zip(padded).zip(&sizes).map(|((extent, pads), size)| {
        let sources = sources(*extent, pads, *size, mode);
        sources.ok_or_else(|| call.invalid("C5", format!("an extent of {extent} is padded by {pads:?} with mode {mode}")))
    });
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let fill = match call.opt_tensor(2)? {
        Some(value) => value.reshape(&[])?,
        None => Tensor::zeros(x.dtype(), &[])?,
    };
    let (cells, fill) = (Cells::of(x)?, Cells::of(&fill)?);
    let mut result = cells.room(sizes.iter().product())?;
    let steps = if x.is_empty() { vec![0; x.rank()] } else { row_major(x.shape()) };
    let filling = Filling { cells: &cells, fill: &fill, steps: &steps, sizes: &sizes, runs: &runs };
    filling.axis(0, Some(0), &mut result);
    one(result.finish(x.dtype(), &sizes)?)
}

/// A run of neighbours along an axis of the result: where they begin in the operand, or that they are
/// filled; and how many there are.
type Run = (Option<usize>, usize);

/// Where the elements along one axis of the result come from; `None` where there is nothing to repeat.
fn sources(extent: usize, (before, after): (i64, i64), size: usize, mode: &str) -> Option<Vec<Run>> {
    // What is taken away goes first: `count` elements from `first` on are left.
    let first = before.min(0).unsigned_abs() as usize;
    let count = extent as i64 + before.min(0) + after.min(0);
    let mut runs: Vec<Run> = Vec::new();
    for place in 0..size as i64 {
        let place = place - before.max(0);
        let source = match mode {
            _ if (0..count).contains(&place) => Some(place),
            "constant" => None,
            _ if count < 1 => return None,
            "edge" => Some(place.clamp(0, count - 1)),
            "wrap" => Some(place.rem_euclid(count)),
            // Mirrored at the first and the last element, which aren't repeated themselves.
            _ if count == 1 => Some(0),
            _ => {
                let place = place.rem_euclid(2 * (count - 1));
                Some(place.min(2 * (count - 1) - place))
            }
        };
        let source = source.map(|source| first + source as usize);
        match (runs.last_mut(), source) {
            (Some((Some(start), length)), Some(source)) if *start + *length == source => *length += 1,
            (Some((None, length)), None) => *length += 1,
            _ => runs.push((source, 1)),
        }
    }
    Some(runs)
}

/// How a result is put together.
struct Filling<'a> {
    cells: &'a Cells<'a>,
    fill: &'a Cells<'a>,
    steps: &'a [usize],
    sizes: &'a [usize],
    runs: &'a [Vec<Run>],
}

impl Filling<'_> {
    /// The elements of the axes from `axis` on, from `offset` on in the operand, or all filled.
    fn axis(&self, axis: usize, offset: Option<usize>, result: &mut Moved) {
        let Some(offset) = offset else {
            (0..self.sizes[axis..].iter().product()).for_each(|_| result.push(self.fill, 0, 1));
            return;
        };
        if axis == self.sizes.len() {
            result.push(self.cells, offset, 1);
            return;
        }
        for (start, count) in &self.runs[axis] {
            match start {
                Some(start) if axis + 1 == self.sizes.len() => result.push(self.cells, offset + start, *count),
                Some(start) => {
                    for place in *start..start + count {
                        self.axis(axis + 1, Some(offset + place * self.steps[axis]), result);
                    }
                }
                None => (0..*count).for_each(|_| self.axis(axis + 1, None, result)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(extent: usize, pads: (i64, i64), mode: &str) -> Vec<Option<usize>> {
        let size = (extent as i64 + pads.0 + pads.1) as usize;
        let runs = sources(extent, pads, size, mode).expect("there are elements");
        runs.into_iter().flat_map(|(start, count)| (0..count).map(move |place| start.map(|start| start + place))).collect()
    }

    #[test]
    fn what_is_taken_away_is_never_repeated() {
        assert_eq!(places(3, (-1, 2), "edge"), [1, 2, 2, 2].map(Some));
        assert_eq!(places(3, (-1, 3), "wrap"), [1, 2, 1, 2, 1].map(Some));
        assert_eq!(places(4, (2, -1), "reflect"), [2, 1, 0, 1, 2].map(Some));
        assert_eq!(places(2, (-3, 3), "constant"), [None, None]);
    }

    #[test]
    fn reflection_goes_on_beyond_the_other_end() {
        assert_eq!(places(3, (5, 0), "reflect"), [1, 0, 1, 2, 1, 0, 1, 2].map(Some));
        assert_eq!(places(1, (2, 1), "reflect"), [0; 4].map(Some));
    }

    #[test]
    fn nothing_can_be_repeated() {
        assert_eq!(sources(0, (1, 0), 1, "edge"), None);
        assert_eq!(sources(2, (-2, 1), 1, "wrap"), None);
    }
}
