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
            Operation::RowMax => extreme::<S, Largest>(simd, operation, count, x, partial),
            Operation::RowMin => extreme::<S, Smallest>(simd, operation, count, x, partial),
            _ => sum(simd, count, x, partial),
        }
    }
}

/// How the numbers of a [`Operation::RowMax`] or [`Operation::RowMin`] are joined.
trait Join {
    fn join<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32;
}

struct Largest;
struct Smallest;

impl Join for Largest {
    #[inline(always)]
    fn join<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32 {
        maximum(simd, x, y)
    }
}

impl Join for Smallest {
    #[inline(always)]
    fn join<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32 {
        minimum(simd, x, y)
    }
}

/// A vector of a block.
///
/// # Safety
/// The block can be read at `place` and the lanes after it.
#[inline(always)]
unsafe fn vector<S: Simd>(simd: S, block: Place, place: usize) -> S::F32 {
    // SAFETY: as the caller says.
    unsafe { simd.load_at(block.pointer.add(place * block.step)) }
}

/// The numbers after the last full block, filled up to one.
///
/// # Safety
/// `x` can be read for `count` numbers.
#[inline(always)]
unsafe fn last_block(count: usize, x: Place, identity: f32, to: &mut [f32; BLOCK]) -> Place {
    let at = count - count % BLOCK;
    *to = [identity; BLOCK];
    for (place, number) in to.iter_mut().enumerate().take(count % BLOCK) {
        // SAFETY: as the caller says.
        *number = unsafe { *x.pointer.add((at + place) * x.step) };
    }
    Place { pointer: to.as_mut_ptr(), step: 1 }
}

/// # Safety
/// As for [`reduce`].
#[inline(always)]
unsafe fn sum<S: Simd>(simd: S, count: usize, x: Place, partial: &mut Partial) {
    let mut sums = [simd.splat_f64(0.0); 2];
    let mut rest = [0.0; BLOCK];
    let full = count / BLOCK;
    for number in 0..count.div_ceil(BLOCK) {
        // SAFETY: as the caller says; a block has four times MAX_LANES.
        unsafe {
            let block = match number < full {
                true => Place { pointer: x.pointer.add(number * BLOCK * x.step), step: x.step },
                false => last_block(count, x, 0.0, &mut rest),
            };
            for (half, sum) in sums.iter_mut().enumerate().take(MAX_LANES / S::LANES) {
                let place = half * S::LANES;
                let low = simd.add(vector(simd, block, place), vector(simd, block, place + MAX_LANES));
                let high =
                    simd.add(vector(simd, block, place + 2 * MAX_LANES), vector(simd, block, place + 3 * MAX_LANES));
                *sum = simd.add_f64(*sum, simd.widen(simd.add(low, high)));
            }
        }
    }
    let mut lanes = simd.lanes_f64(sums[0]);
    if S::LANES < MAX_LANES {
        lanes[S::LANES..].copy_from_slice(&simd.lanes_f64(sums[1])[..S::LANES]);
    }
    if lanes.iter().fold(true, |finite, sum| finite & sum.is_finite()) {
        for (partial, sum) in partial.0.iter_mut().zip(lanes) {
            *partial += sum;
        }
    } else {
        // SAFETY: as the caller says.
        unsafe { one_by_one(Operation::RowSum, count, x, partial) }
    }
}

/// # Safety
/// As for [`reduce`].
#[inline(always)]
unsafe fn extreme<S: Simd, J: Join>(simd: S, operation: Operation, count: usize, x: Place, partial: &mut Partial) {
    let identity = identity(operation);
    let mut found = [simd.splat(identity); 2];
    let mut rest = [0.0; BLOCK];
    let full = count / BLOCK;
    for number in 0..count.div_ceil(BLOCK) {
        // SAFETY: as the caller says; a block has four times MAX_LANES.
        unsafe {
            let block = match number < full {
                true => Place { pointer: x.pointer.add(number * BLOCK * x.step), step: x.step },
                false => last_block(count, x, identity, &mut rest),
            };
            for (half, found) in found.iter_mut().enumerate().take(MAX_LANES / S::LANES) {
                let place = half * S::LANES;
                let low = J::join(simd, vector(simd, block, place), vector(simd, block, place + MAX_LANES));
                let high = J::join(
                    simd,
                    vector(simd, block, place + 2 * MAX_LANES),
                    vector(simd, block, place + 3 * MAX_LANES),
                );
                *found = J::join(simd, *found, J::join(simd, low, high));
            }
        }
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
