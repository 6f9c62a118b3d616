//! Copies of queries, keys and values in the order in which the products read them.

use std::ops::Range;

use super::product;
use super::scratch::LINE;
use crate::simd::{MAX_LANES, Simd};

/// Rows of numbers in place: element `c` of row `r` stands at `from + r * row + c * column`.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) from: *const f32,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Rows {
    /// Where a row begins.
    #[inline(always)]
    pub(super) fn at(self, row: usize) -> *const f32 {
        self.from.wrapping_add(row * self.row)
    }
}

/// A group of at most `M` queries, given as where each begins, side by side: element `c` of query `r` to `c * M + r`.
/// What stands within a vector's length behind the group is overwritten.
///
/// # Safety
/// Each pointer is that of a query of `size` elements, `column` apart, and `to` has room for them and one vector more.
#[inline(always)]
pub(super) unsafe fn queries<S: Simd>(
    simd: S,
    rows: &[*const f32; MAX_LANES],
    group: usize,
    size: usize,
    column: usize,
    to: *mut f32,
) {
    let whole = if column == 1 { size / S::LANES * S::LANES } else { 0 };
    // SAFETY: the caller says that all is there.
    unsafe {
        for c in (0..whole).step_by(S::LANES) {
            simd.transpose_at(rows, c, to.add(c * group), group);
        }
        for c in whole..size {
            for (r, row) in rows.iter().enumerate().take(group) {
                *to.add(c * group + r) = *row.add(c * column);
            }
        }
    }
}

/// The vectors `vectors` of keys, of which the first is the first of a pair, each of `size` elements: element `c` of the
/// keys of vector `v` to pair `v / 2`, row `c`, half `v % 2`. Lanes past the last of `count` keys hold some key.
///
/// # Safety
/// The `count` keys are there, `count` isn't 0, the vectors begin below it, and `to` has room for the pairs.
#[inline(always)]
pub(super) unsafe fn keys<S: Simd>(
    simd: S,
    from: Rows,
    (count, size): (usize, usize),
    vectors: Range<usize>,
    to: *mut f32,
) {
    let width = 2 * S::LANES;
    for vector in vectors.clone() {
        let first = vector * S::LANES;
        let place = vector - vectors.start;
        // SAFETY: the caller says that all is there; keys past the last are the last.
        unsafe {
            let to = to.add(place / 2 * size * width + place % 2 * S::LANES);
            if from.column == 1 {
                let rows: [*const f32; MAX_LANES] = std::array::from_fn(|lane| from.at((first + lane).min(count - 1)));
                let whole = size / S::LANES * S::LANES;
                for c in (0..whole).step_by(S::LANES) {
                    simd.transpose_at(&rows, c, to.add(c * width), width);
                }
                for c in whole..size {
                    for (lane, row) in rows.iter().enumerate().take(S::LANES) {
                        *to.add(c * width + lane) = *row.add(c);
                    }
                }
            } else if from.row == 1 {
                let there = (count - first).min(S::LANES);
                for c in 0..size {
                    simd.store_at(to.add(c * width), simd.load_part_at(from.at(first).add(c * from.column), there));
                }
            } else {
                for lane in 0..S::LANES {
                    let row = from.at((first + lane).min(count - 1));
                    for c in 0..size {
                        *to.add(c * width + lane) = *row.add(c * from.column);
                    }
                }
            }
        }
    }
}

/// The values of keys `keys`, each of `size` elements: elements `2 LANES p ..` of key `j` to pair `p`, row `j`, of
/// `pitch` rows for each pair. Lanes past the last element hold zeros in the vectors that have any element.
///
/// # Safety
/// The values are there, and `to` has room for the pairs.
#[inline(always)]
pub(super) unsafe fn values<S: Simd>(simd: S, from: Rows, keys: Range<usize>, size: usize, to: *mut f32, pitch: usize) {
    let width = 2 * S::LANES;
    for vector in 0..size.div_ceil(S::LANES) {
        let first = vector * S::LANES;
        let there = (size - first).min(S::LANES);
        for key in keys.clone() {
            // SAFETY: the caller says that all is there.
            unsafe {
                let from_row = from.at(key).wrapping_add(first * from.column);
                let to = to.add(vector / 2 * pitch * width + key * width + vector % 2 * S::LANES);
                if from.column == 1 {
                    let x = if there == S::LANES { simd.load_at(from_row) } else { simd.load_part_at(from_row, there) };
                    simd.store_at(to, x);
                } else {
                    simd.store_at(to, simd.zero());
                    for c in 0..there {
                        *to.add(c) = *from_row.add(c * from.column);
                    }
                }
            }
        }
    }
}

/// Asks for the values of keys `keys`, each of `size` elements, before they are needed: where rows are few, memory is what
/// takes the time, and the processor doesn't see ahead from the keys to the values.
#[inline(always)]
pub(super) fn fetch(from: Rows, keys: Range<usize>, size: usize) {
    if from.column != 1 {
        return;
    }
    for key in keys {
        for c in (0..size).step_by(LINE) {
            product::fetch(from.at(key).wrapping_add(c));
        }
    }
}
