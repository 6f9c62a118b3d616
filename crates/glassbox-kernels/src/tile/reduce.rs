//! Reductions over a row, in an order that neither the number of lanes nor of threads changes.
//!
//! A row is cut into blocks of 64 numbers. Of a block, the sums of the numbers i, i + 16, i + 32, i + 48 are taken in f32
//! as (a + b) + (c + d), and added to the sum of place i, one of 16 in f64. In the end the 16 are added in halves. So
//! the error before the last rounding is below 2^-23 · Σ|x|. Where the f32 sums overflow, or a number is infinite or NaN,
//! the tile is summed again in f64 throughout.

use super::loops::{Place, maximum, minimum};
use super::program::Operation;
use crate::simd::{MAX_LANES, Simd};

const BLOCK: usize = 4 * MAX_LANES;

/// What a reduction has gathered of the row so far, for each place in a block modulo [`MAX_LANES`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Partial(pub(super) [f64; MAX_LANES]);

impl Partial {
    pub(super) fn empty(operation: Operation) -> Partial {
        Partial([identity(operation).into(); MAX_LANES])
    }

    /// The result for a row of so many columns.
    pub(super) fn finish(mut self, operation: Operation, columns: usize) -> f32 {
        let mut half = MAX_LANES / 2;
        while half > 0 {
            for lane in 0..half {
                self.0[lane] = join(operation, self.0[lane], self.0[lane + half]);
            }
            half /= 2;
        }
        match operation {
            Operation::RowMean => (self.0[0] / columns as f64) as f32,
            _ => self.0[0] as f32,
        }
    }

    fn add(&mut self, operation: Operation, lane: usize, x: f64) {
        self.0[lane] = join(operation, self.0[lane], x);
    }
}

fn identity(operation: Operation) -> f32 {
    match operation {
        Operation::RowMax => f32::NEG_INFINITY,
        Operation::RowMin => f32::INFINITY,
        _ => 0.0,
    }
}

fn join(operation: Operation, x: f64, y: f64) -> f64 {
    match operation {
        Operation::RowMax if x > y || x.is_nan() => x,
        Operation::RowMin if x < y || x.is_nan() => x,
        Operation::RowMax | Operation::RowMin => y,
        _ => x + y,
    }
}

/// Takes `count` numbers into a reduction; of all tiles of a row only the last may have another number than a multiple of
/// [`BLOCK`].
///
/// # Safety
/// `x` can be read for `count` numbers.
#[inline(always)]
pub(super) unsafe fn reduce<S: Simd>(simd: S, operation: Operation, count: usize, x: Place, partial: &mut Partial) {
    // SAFETY: as the caller says.
    unsafe {
        match operation {
            Operation::RowMax => {
                extreme(simd, count, x, f32::NEG_INFINITY, partial, operation, |x, y| maximum(simd, x, y))
            }
            Operation::RowMin => extreme(simd, count, x, f32::INFINITY, partial, operation, |x, y| minimum(simd, x, y)),
            _ => sum(simd, count, x, partial),
        }
    }
}

/// The place of a block, and the block that is read in its stead where it is the last and not full.
///
/// # Safety
/// `x` can be read for `count` numbers, `at` is below `count`.
#[inline(always)]
unsafe fn block(count: usize, at: usize, x: Place, rest: &mut [f32; BLOCK]) -> Place {
    // SAFETY: as the caller says.
    unsafe {
        let from = x.pointer.add(at * x.step);
        if count - at >= BLOCK {
            return Place { pointer: from, step: x.step };
        }
        for (place, number) in rest.iter_mut().enumerate().take(count - at) {
            *number = *from.add(place * x.step);
        }
        Place { pointer: rest.as_mut_ptr(), step: 1 }
    }
}

/// # Safety
/// As for [`reduce`].
#[inline(always)]
unsafe fn sum<S: Simd>(simd: S, count: usize, x: Place, partial: &mut Partial) {
    let mut sums = [simd.splat_f64(0.0); 2];
    let mut at = 0;
    while at < count {
        let mut rest = [0.0; BLOCK];
        // SAFETY: as the caller says; a block has four times MAX_LANES.
        unsafe {
            let block = block(count, at, x, &mut rest);
            let load = |place: usize| simd.load_at(block.pointer.add(place * block.step));
            for (vector, sum) in sums.iter_mut().enumerate().take(MAX_LANES / S::LANES) {
                let place = vector * S::LANES;
                let low = simd.add(load(place), load(place + MAX_LANES));
                let high = simd.add(load(place + 2 * MAX_LANES), load(place + 3 * MAX_LANES));
                *sum = simd.add_f64(*sum, simd.widen(simd.add(low, high)));
            }
        }
        at += BLOCK;
    }
    let mut lanes = simd.lanes_f64(sums[0]);
    if S::LANES < MAX_LANES {
        lanes[S::LANES..].copy_from_slice(&simd.lanes_f64(sums[1])[..S::LANES]);
    }
    if lanes.iter().sum::<f64>().is_finite() {
        lanes.into_iter().enumerate().for_each(|(lane, sum)| partial.0[lane] += sum);
    } else {
        // SAFETY: as the caller says.
        unsafe { one_by_one(Operation::RowSum, count, x, partial) }
    }
}

/// # Safety
/// As for [`reduce`].
#[inline(always)]
unsafe fn extreme<S: Simd>(
    simd: S,
    count: usize,
    x: Place,
    identity: f32,
    partial: &mut Partial,
    operation: Operation,
    join: impl Fn(S::F32, S::F32) -> S::F32,
) {
    let mut found = [simd.splat(identity); 2];
    let mut at = 0;
    while at < count {
        let mut rest = [identity; BLOCK];
        // SAFETY: as the caller says; a block has four times MAX_LANES.
        unsafe {
            let block = block(count, at, x, &mut rest);
            let load = |place: usize| simd.load_at(block.pointer.add(place * block.step));
            for (vector, found) in found.iter_mut().enumerate().take(MAX_LANES / S::LANES) {
                let place = vector * S::LANES;
                let low = join(load(place), load(place + MAX_LANES));
                let high = join(load(place + 2 * MAX_LANES), load(place + 3 * MAX_LANES));
                *found = join(*found, join(low, high));
            }
        }
        at += BLOCK;
    }
    let mut lanes = simd.lanes(found[0]);
    if S::LANES < MAX_LANES {
        lanes[S::LANES..].copy_from_slice(&simd.lanes(found[1])[..S::LANES]);
    }
    for (lane, found) in lanes.into_iter().enumerate() {
        partial.add(operation, lane, f64::from(found));
    }
}

/// # Safety
/// As for [`reduce`].
#[inline(never)]
unsafe fn one_by_one(operation: Operation, count: usize, x: Place, partial: &mut Partial) {
    for at in 0..count {
        // SAFETY: as the caller says.
        let x = unsafe { *x.pointer.add(at * x.step) };
        partial.add(operation, at % MAX_LANES, f64::from(x));
    }
}
