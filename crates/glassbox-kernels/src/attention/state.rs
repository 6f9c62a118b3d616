//! What rows have gathered over the blocks so far.

use super::scratch::LINE;
use super::softmax::{self, COLUMNS, Gathered};
use crate::simd::Simd;

/// What some rows have gathered. There is room for sixteen rows more.
#[derive(Clone, Copy)]
pub(super) struct State {
    /// For each row, the largest score and the sum.
    pub(super) gathered: Gathered,
    /// For each row, 1 where the mask lets it see any key, otherwise 0.
    pub(super) open: *mut f32,
    /// The mixtures, [`State::width`] apart.
    pub(super) mixed: *mut f32,
}

impl State {
    /// How far mixtures of so many elements stand apart.
    pub(super) fn width(value_size: usize) -> usize {
        value_size.next_multiple_of(LINE)
    }

    /// How many numbers the state of `rows` rows has.
    pub(super) fn size(rows: usize, value_size: usize) -> usize {
        (rows * State::width(value_size)).saturating_add(3 * (rows.next_multiple_of(LINE) + LINE))
    }

    /// In memory of [`State::size`].
    pub(super) fn at(memory: *mut f32, rows: usize) -> State {
        let step = rows.next_multiple_of(LINE) + LINE;
        let part = |index: usize| memory.wrapping_add(index * step);
        State { gathered: Gathered { highest: part(0), sum: part(1) }, open: part(2), mixed: part(3) }
    }

    /// Nothing has been gathered.
    ///
    /// # Safety
    /// The memory is there.
    #[inline(always)]
    pub(super) unsafe fn clear(self, rows: usize, value_size: usize) {
        let padded = rows.next_multiple_of(LINE) + LINE;
        // SAFETY: the caller says so.
        unsafe {
            std::slice::from_raw_parts_mut(self.gathered.highest, padded).fill(f32::NEG_INFINITY);
            std::slice::from_raw_parts_mut(self.gathered.sum, 2 * padded).fill(0.0);
            std::slice::from_raw_parts_mut(self.mixed, rows * State::width(value_size)).fill(0.0);
        }
    }

    /// Adds what other rows have gathered over another block.
    ///
    /// # Safety
    /// Both are there.
    #[inline(always)]
    pub(super) unsafe fn add<S: Simd>(self, simd: S, other: State, rows: usize, value_size: usize) {
        let width = State::width(value_size);
        let count = value_size.next_multiple_of(S::LANES);
        // SAFETY: the caller says so; there is room for sixteen rows more.
        unsafe {
            for first in (0..rows).step_by(COLUMNS) {
                let read = |from: *mut f32| from.add(first).cast::<[f32; COLUMNS]>().read();
                let to = Gathered { highest: self.gathered.highest.add(first), sum: self.gathered.sum.add(first) };
                let (highest, sum) = (read(other.gathered.highest), read(other.gathered.sum));
                let [old, new] = softmax::gather(simd, to, &highest, &sum);
                for row in first..rows.min(first + COLUMNS) {
                    let factors = [old[row - first], new[row - first]];
                    softmax::mix(simd, self.mixed.add(row * width), other.mixed.add(row * width), count, factors);
                    *self.open.add(row) = self.open.add(row).read().max(other.open.add(row).read());
                }
            }
        }
    }
}
