//! The taps of windows as panels of a matrix, which convolutions multiply with their kernels.
//!
//! The matrix has a row for each channel and tap and a column for each window; it is never held, only
//! gathered panel by panel. Where a tap lies outside, the element is 0.

use glassbox_ir::ops::windows::AxisWindows;
use glassbox_tensor::parallel_chunks;

use super::elementwise::unravel;
use super::gemm::{Accumulate, COLUMNS, Left};

/// Windows over the planes of a tensor, and the taps of a kernel.
pub(crate) struct Grid {
    /// The spatial sizes of a plane.
    pub(crate) input: Vec<usize>,
    /// The number of windows on each axis.
    pub(crate) output: Vec<usize>,
    /// From one window to the next, on each axis.
    pub(crate) steps: Vec<i64>,
    /// Where each tap of the first window lies, on each axis.
    pub(crate) taps: Vec<Vec<i64>>,
}

/// Places in a plane of the elements of a panel row; a negative one is outside.
type Offsets = [isize; COLUMNS];

impl Grid {
    /// The windows of a convolution.
    pub(crate) fn sliding(axes: &[AxisWindows]) -> Grid {
        let kernel: Vec<usize> = axes.iter().map(|axis| axis.kernel).collect();
        let tap = |index| {
            let place = unravel(index, &kernel);
            place.iter().zip(axes).map(|(tap, axis)| *tap as i64 * axis.dilation - axis.front).collect()
        };
        Grid {
            input: axes.iter().map(|axis| axis.input).collect(),
            output: axes.iter().map(|axis| axis.windows).collect(),
            steps: axes.iter().map(|axis| axis.stride).collect(),
            taps: (0..kernel.iter().product()).map(tap).collect(),
        }
    }

    /// How many windows there are.
    pub(crate) fn windows(&self) -> usize {
        self.output.iter().product()
    }

    /// How many elements a plane has.
    pub(crate) fn plane(&self) -> usize {
        self.input.iter().product()
    }

    /// The sums over channel and tap, in that order, of `weights` (rows of channels × taps) times what the
    /// windows see in `planes` (the channels): row after row.
    pub(crate) fn sums<A: Accumulate + PartialEq>(&self, planes: &[A], weights: &[A], rows: usize) -> Vec<A> {
        if rows == 1 {
            return self.sums_of_one_row(planes, weights);
        }
        let inner = weights.len() / rows.max(1);
        Left::pack(weights, rows, inner).product(self.windows(), &|first, panel| self.gather(planes, first, panel))
    }

    /// Writes the panel that begins with window `first`.
    fn gather<A: Accumulate>(&self, planes: &[A], first: usize, panel: &mut [A]) {
        let offsets = self.offsets(first);
        let straight: Vec<bool> =
            offsets.iter().map(|row| row[0] >= 0 && row.windows(2).all(|pair| pair[1] == pair[0] + 1)).collect();
        let planes = planes.chunks_exact(self.plane().max(1));
        for (plane, lines) in planes.zip(panel.chunks_exact_mut((self.taps.len() * COLUMNS).max(1))) {
            for ((line, offsets), straight) in lines.chunks_exact_mut(COLUMNS).zip(&offsets).zip(&straight) {
                if *straight {
                    let start = offsets[0] as usize;
                    line.copy_from_slice(&plane[start..start + COLUMNS]);
                    continue;
                }
                for (out, offset) in line.iter_mut().zip(offsets) {
                    *out = if *offset < 0 { A::default() } else { plane[*offset as usize] };
                }
            }
        }
    }

    /// Where each tap of the windows from `first` on lies in a plane.
    fn offsets(&self, first: usize) -> Vec<Offsets> {
        let count = COLUMNS.min(self.windows() - first);
        let origins: Vec<Vec<i64>> = (first..first + count)
            .map(|window| {
                unravel(window, &self.output).iter().zip(&self.steps).map(|(at, step)| *at as i64 * step).collect()
            })
            .collect();
        let place = |origin: &[i64], tap: &[i64]| {
            let mut index = 0;
            for ((origin, tap), size) in origin.iter().zip(tap).zip(&self.input) {
                let at = origin + tap;
                if at < 0 || at >= *size as i64 {
                    return -1;
                }
                index = index * *size as isize + at as isize;
            }
            index
        };
        let row = |tap: &Vec<i64>| {
            let mut offsets = [-1; COLUMNS];
            offsets.iter_mut().zip(&origins).for_each(|(offset, origin)| *offset = place(origin, tap));
            offsets
        };
        self.taps.iter().map(row).collect()
    }

    /// [`Grid::sums`] for one row, as depthwise convolutions have it: without panels, line by line of the
    /// last axis. The sums, and so the bits, are the same.
    fn sums_of_one_row<A: Accumulate + PartialEq>(&self, planes: &[A], weights: &[A]) -> Vec<A> {
        let mut sums = vec![A::default(); self.windows()];
        let Some((width, outer)) = self.output.split_last() else { return sums };
        let planes: Vec<&[A]> = planes.chunks_exact(self.plane().max(1)).collect();
        parallel_chunks(&mut sums, *width, &|row, line| {
            let place = unravel(row, outer);
            for (plane, weights) in planes.iter().zip(weights.chunks_exact(self.taps.len().max(1))) {
                for (tap, weight) in self.taps.iter().zip(weights) {
                    self.add_line(plane, &place, tap, *weight, line);
                }
            }
        });
        sums
    }

    /// Adds, for the windows of one line, what a tap sees times its weight.
    fn add_line<A: Accumulate + PartialEq>(
        &self,
        plane: &[A],
        place: &[usize],
        tap: &[i64],
        weight: A,
        line: &mut [A],
    ) {
        let last = self.input.len() - 1;
        let (size, step) = (self.input[last] as i64, self.steps[last]);
        let mut base = Some(0);
        for (axis, at) in place.iter().enumerate() {
            let at = *at as i64 * self.steps[axis] + tap[axis];
            let inside = (0..self.input[axis] as i64).contains(&at);
            base = base.filter(|_| inside).map(|base| base * self.input[axis] + at as usize);
        }
        // The windows whose tap is inside: 0 <= window * step + tap < size.
        let bound = |distance: i64| (distance.max(0) as u64).div_ceil(step as u64).min(line.len() as u64) as usize;
        let (from, to) = match base {
            Some(_) => (bound(-tap[last]), bound(size - tap[last])),
            None => (0, 0),
        };
        let outside = A::default().add_product(weight, A::default());
        if outside != A::default() {
            // An infinity or NaN as the weight makes even the zeros outside count.
            let (before, rest) = line.split_at_mut(from);
            let after = &mut rest[to.max(from) - from..];
            before.iter_mut().chain(after).for_each(|sum| *sum = sum.add_product(weight, A::default()));
        }
        let (Some(base), true) = (base, from < to) else { return };
        let first = base * self.input[last] + (from as i64 * step + tap[last]) as usize;
        let seen = plane[first..].iter().step_by(step as usize);
        if step == 1 {
            for (sum, x) in line[from..to].iter_mut().zip(&plane[first..]) {
                *sum = sum.add_product(*x, weight);
            }
        } else {
            for (sum, x) in line[from..to].iter_mut().zip(seen) {
                *sum = sum.add_product(*x, weight);
            }
        }
    }
}

/// Calls `visit` with the place in a plane of each tap of a window that lies inside, in row-major order.
pub(crate) fn visit(axes: &[AxisWindows], window: &[usize], visit: &mut impl FnMut(usize)) {
    fn walk(axes: &[AxisWindows], window: &[usize], base: usize, visit: &mut impl FnMut(usize)) {
        let ([axis, axes @ ..], [at, window @ ..]) = (axes, window) else { return visit(base) };
        let (first, taps) = axis.taps(*at);
        for tap in taps {
            let place = first + tap as i64 * axis.dilation;
            walk(axes, window, base * axis.input + place as usize, visit);
        }
    }
    walk(axes, window, 0, visit);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(stride: [i64; 2], dilation: [i64; 2], front: [i64; 2]) -> Grid {
        let axis = |axis: usize| {
            let (input, kernel) = ([9, 23][axis], [2, 3][axis]);
            let spread = (kernel as i64 - 1) * dilation[axis] + 1;
            let windows = ((input as i64 + 2 * front[axis] - spread) / stride[axis] + 1) as usize;
            let (stride, dilation, front) = (stride[axis], dilation[axis], front[axis]);
            AxisWindows { input, kernel, stride, dilation, front, end: front, windows }
        };
        Grid::sliding(&[axis(0), axis(1)])
    }

    #[test]
    fn one_row_gives_the_bits_of_many() {
        let value = |seed: usize| ((seed * 7919 + 13) % 101) as f64 / 7.0 - 5.0;
        for (stride, dilation, front) in [([1, 1], [1, 1], [0, 0]), ([2, 3], [1, 2], [1, 2]), ([1, 2], [3, 1], [4, 3])]
        {
            let grid = grid(stride, dilation, front);
            let planes: Vec<f64> = (0..2 * grid.plane()).map(value).collect();
            let mut weights: Vec<f64> = (0..2 * grid.taps.len()).map(|seed| value(seed + 500)).collect();
            for special in [1.5, f64::INFINITY, f64::NAN] {
                weights[4] = special;
                let one = grid.sums(&planes, &weights, 1);
                let two = grid.sums(&planes, &[&weights[..], &weights[..]].concat(), 2);
                assert_eq!(one.len(), grid.windows());
                let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(one.iter().zip(&two).all(|(a, b)| same(*a, *b)), "{stride:?} {dilation:?} {front:?}");
            }
        }
    }

    #[test]
    fn a_sum_is_that_of_the_taps_inside() {
        let grid = grid([2, 3], [1, 2], [1, 2]);
        let planes: Vec<i64> = (0..grid.plane() as i64).map(|index| index * index % 89 - 40).collect();
        let weights: Vec<i64> = (0..grid.taps.len() as i64).map(|index| 3 * index - 7).collect();
        let sums = grid.sums(&planes, &weights, 1);
        for (window, sum) in sums.iter().enumerate() {
            let (row, column) = ((window / grid.output[1]) as i64 * 2 - 1, (window % grid.output[1]) as i64 * 3 - 2);
            let mut expected = 0;
            for (tap, weight) in weights.iter().enumerate() {
                let (y, x) = (row + tap as i64 / 3, column + tap as i64 % 3 * 2);
                if (0..9).contains(&y) && (0..23).contains(&x) {
                    expected += planes[(y * 23 + x) as usize] * weight;
                }
            }
            assert_eq!(*sum, expected, "window {window}");
        }
    }
}
