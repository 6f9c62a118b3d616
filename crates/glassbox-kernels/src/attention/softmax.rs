//! From scores to weights, and how blocks are put together.

use std::ops::Range;

use super::exp::exp_of_negative;
use super::{Attention, Mask};
use crate::math::tanh;
use crate::simd::Simd;

/// How many columns are taken together: the lanes of the widest level, so that a sum over a row is the same at every.
pub(super) const COLUMNS: usize = 16;

/// What is kept of a row of scores: their largest, and the sum of e^(score - largest).
#[derive(Clone, Copy)]
pub(super) struct Sums {
    pub(super) highest: f32,
    pub(super) sum: f32,
}

/// Where the numbers stand that are added to a row of scores.
pub(super) enum Bias {
    None,
    /// One for each column of the block.
    Row(*const f32),
}

/// The row of the mask for the keys of a block: in place where it stands so, otherwise made in `room`.
///
/// # Safety
/// The mask has the head, query and keys, and `room` the columns.
#[inline(always)]
pub(super) unsafe fn bias<S: Simd>(
    simd: S,
    mask: &Mask,
    [batch, head, query]: [usize; 3],
    keys: Range<usize>,
    room: *mut f32,
) -> Bias {
    let place =
        |strides: [usize; 4]| batch * strides[0] + head * strides[1] + query * strides[2] + keys.start * strides[3];
    let count = keys.len();
    // SAFETY: the caller says that all is there.
    unsafe {
        match mask {
            Mask::None => return Bias::None,
            Mask::Add(view) => {
                let from = view.data.as_ptr().wrapping_add(place(view.strides));
                if view.strides[3] == 1 {
                    return Bias::Row(from);
                }
                for column in 0..count {
                    *room.add(column) = *from.add(column * view.strides[3]);
                }
            }
            Mask::Allow(view) => {
                let from = view.data.as_ptr().wrapping_add(place(view.strides));
                let step = view.strides[3];
                let whole = if step == 1 { count / S::LANES * S::LANES } else { 0 };
                let closed = simd.splat(f32::NEG_INFINITY);
                for column in (0..whole).step_by(S::LANES) {
                    let shut = simd.eq_i32(simd.load_u8_at(from.add(column)), simd.splat_i32(0));
                    simd.store_at(room.add(column), simd.select(shut, closed, simd.zero()));
                }
                for column in whole..count {
                    *room.add(column) = if *from.add(column * step) == 0 { f32::NEG_INFINITY } else { 0.0 };
                }
            }
        }
    }
    Bias::Row(room)
}

/// Makes weights e^(score - highest) of a row of products, in place. Of the columns from `columns.start` to
/// `columns.end`, both multiples of [`COLUMNS`], those outside `seen` become 0.
///
/// # Safety
/// The row can be written in all of `columns`, and the bias read for `count` columns of the block, which `seen` lies in.
#[allow(clippy::needless_range_loop, reason = "iterators over vectors aren't always compiled for the level")]
#[inline(always)]
pub(super) unsafe fn weights<S: Simd>(
    simd: S,
    attention: &Attention,
    row: *mut f32,
    columns: Range<usize>,
    seen: Range<usize>,
    (bias, count): (Bias, usize),
) -> Sums {
    let plain = matches!(bias, Bias::None) && attention.softcap == 0.0 && attention.scale > 0.0;
    // SAFETY: the caller says that all is there.
    unsafe {
        if !plain {
            masked(simd, attention, row, columns.clone(), (bias, count));
        }
        for column in (columns.start..seen.start).chain(seen.end..columns.end) {
            *row.add(column) = f32::NEG_INFINITY;
        }
        // Two at once, so that neither waits for the other.
        let mut highest = simd.splat(f32::NEG_INFINITY);
        let mut other = highest;
        let mut column = columns.start;
        while column + 2 * S::LANES <= columns.end {
            highest = simd.max(highest, simd.load_at(row.add(column)));
            other = simd.max(other, simd.load_at(row.add(column + S::LANES)));
            column += 2 * S::LANES;
        }
        if column < columns.end {
            highest = simd.max(highest, simd.load_at(row.add(column)));
        }
        let highest = simd.max(highest, other);
        // The scale is taken with the difference, rounded once.
        let scale = if plain { attention.scale } else { 1.0 };
        let highest = simd.largest(highest) * scale;
        // An infinite score makes the row NaN, also where only its product with the scale is infinite.
        let subtracted = match highest {
            f32::NEG_INFINITY => 0.0,
            f32::INFINITY => f32::NAN,
            _ => -highest,
        };
        let subtracted = simd.splat(subtracted);
        let scale = simd.splat(scale);
        let mut sums = [simd.zero(); 2];
        for column in columns.step_by(COLUMNS) {
            for half in 0..COLUMNS / S::LANES {
                let at = row.add(column + half * S::LANES);
                let weight = exp_of_negative(simd, simd.fma(simd.load_at(at), scale, subtracted));
                simd.store_at(at, weight);
                sums[half] = simd.add(sums[half], weight);
            }
        }
        // The sum over sixteen lanes, halves being added to each other.
        let sum = if S::LANES == COLUMNS { simd.sum(sums[0]) } else { simd.sum(simd.add(sums[0], sums[1])) };
        Sums { highest, sum }
    }
}

/// The products of a row scaled, capped, and with the bias added.
///
/// # Safety
/// As [`weights`].
#[inline(always)]
unsafe fn masked<S: Simd>(
    simd: S,
    attention: &Attention,
    row: *mut f32,
    columns: Range<usize>,
    (bias, count): (Bias, usize),
) {
    let cap = attention.softcap;
    let scale = simd.splat(if cap > 0.0 { attention.scale / cap } else { attention.scale });
    for column in columns.step_by(S::LANES) {
        // SAFETY: the caller says that all is there.
        unsafe {
            let at = row.add(column);
            let added = match bias {
                Bias::None => simd.zero(),
                Bias::Row(bias) if column + S::LANES <= count => simd.load_at(bias.add(column)),
                Bias::Row(bias) => simd.load_part_at(bias.wrapping_add(column), count.saturating_sub(column)),
            };
            let score = match cap > 0.0 {
                true => {
                    let capped = tanh(simd, simd.mul(simd.load_at(at), scale));
                    simd.fma(capped, simd.splat(cap), added)
                }
                false => simd.fma(simd.load_at(at), scale, added),
            };
            simd.store_at(at, score);
        }
    }
}

/// What rows have gathered over the blocks so far, for each of up to sixteen rows.
#[derive(Clone, Copy)]
pub(super) struct Gathered {
    pub(super) highest: *mut f32,
    pub(super) sum: *mut f32,
}

/// Adds what a block gave, `sums`, to what sixteen rows have gathered; gives by which the gathered mixture and the
/// mixture of the block are to be multiplied.
///
/// # Safety
/// There are sixteen rows.
#[inline(always)]
pub(super) unsafe fn gather<S: Simd>(
    simd: S,
    gathered: Gathered,
    highest: &[f32; COLUMNS],
    sum: &[f32; COLUMNS],
) -> [[f32; COLUMNS]; 2] {
    let mut factors = [[0.0; COLUMNS]; 2];
    for at in (0..COLUMNS).step_by(S::LANES) {
        // SAFETY: there are sixteen rows.
        unsafe {
            let (to_highest, to_sum) = (gathered.highest.add(at), gathered.sum.add(at));
            let (before, new) = (simd.load_at(to_highest), simd.load(&highest[at..]));
            let both = simd.max(before, new);
            let nothing = simd.eq(both, simd.splat(f32::NEG_INFINITY));
            let subtracted = simd.select(nothing, simd.zero(), both);
            let old_factor = exp_of_negative(simd, simd.sub(before, subtracted));
            let new_factor = exp_of_negative(simd, simd.sub(new, subtracted));
            let scaled = simd.mul(simd.load_at(to_sum), old_factor);
            simd.store_at(to_sum, simd.fma(simd.load(&sum[at..]), new_factor, scaled));
            simd.store_at(to_highest, both);
            simd.store(&mut factors[0][at..], old_factor);
            simd.store(&mut factors[1][at..], new_factor);
        }
    }
    factors
}

/// `to * factors[0] + from * factors[1]`, in `to`.
///
/// # Safety
/// Both have as many elements, a multiple of the lanes.
#[inline(always)]
pub(super) unsafe fn mix<S: Simd>(simd: S, to: *mut f32, from: *const f32, count: usize, factors: [f32; 2]) {
    let (old, new) = (simd.splat(factors[0]), simd.splat(factors[1]));
    for at in (0..count).step_by(S::LANES) {
        // SAFETY: the caller says that all is there.
        unsafe {
            let scaled = simd.mul(simd.load_at(to.add(at)), old);
            simd.store_at(to.add(at), simd.fma(simd.load_at(from.add(at)), new, scaled));
        }
    }
}
