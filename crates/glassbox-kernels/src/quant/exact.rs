//! Products with f32 activations: weights become f32 in scratch memory, a group of a panel at a time, and are multiplied
//! from there with all rows of x.
//!
//! The order of a sum: k is cut into chunks of [`CHUNK`] elements from the beginning (the last one shorter); within a chunk
//! `sum = fma(x, w, sum)` in order from zero; the sums of the chunks are added in order to a total that begins with zero.

use std::marker::PhantomData;

use super::layout::{BLOCK, GROUP, HALF, PANEL, Packing, for_format};
use super::matmul::{Item, Scratch};
use super::unpack::decode_half;
use crate::simd::{Kernel, Level, Simd, run_at};

/// Elements of a chunk.
const CHUNK: usize = 64;

/// The most rows of x in a tile: as many as leave registers for two vectors of weights.
pub(super) const fn tile_rows(level: Level) -> &'static [usize] {
    match level {
        Level::Avx512 => &[12, 8, 4, 2, 1],
        Level::Avx2 => &[6, 4, 2, 1],
        Level::Portable => &[4, 1],
    }
}

/// Multiplies panels of weights with rows of x, see [`Item`].
pub(super) fn multiply(level: Level, item: &Item<'_>, x: &[f32], scratch: &mut Scratch) {
    let (k, layout) = (item.weights.k, item.weights.layout);
    let x = &x[item.rows.start * k..item.rows.end * k];
    for panel in item.panels.clone() {
        let totals = scratch.totals(item.rows.len());
        totals.fill(0.0);
        let totals = totals.as_mut_ptr();
        let decoded = scratch.weights();
        let mut group = item.weights.panel(panel).as_ptr().cast::<u8>();
        for start in (0..k).step_by(GROUP) {
            let size = GROUP.min(k - start);
            for_format!(item.weights.format, P => run_at(level, Decode::<P>(group, size / BLOCK, decoded, PhantomData)));
            run_at(level, Tiles { rows: item.rows.len(), weights: decoded, x: x.as_ptr(), start, size, k, totals });
            group = group.wrapping_add(2 * layout.half_bytes(size / BLOCK));
        }
        item.write(panel, scratch.totals(item.rows.len()));
    }
}

/// Decodes a group of so many blocks. It is only made with a group of a panel and scratch memory for one.
struct Decode<P>(*const u8, usize, *mut f32, PhantomData<P>);

impl<P: Packing> Kernel for Decode<P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Decode(group, blocks, out, _) = self;
        for half in 0..PANEL / HALF {
            // SAFETY: a group has both halves, and the scratch has room for a group of a panel.
            unsafe {
                let half_group = group.add(half * P::LAYOUT.half_bytes(blocks));
                decode_half::<S, P>(simd, half_group, blocks, out.add(half * HALF));
            }
        }
    }
}

/// Adds the products of one group to the totals of all rows. It is only made with the group's elements as `weights`, the
/// tiles of `rows` rows of `k` elements as `x`, and [`PANEL`] totals a row.
struct Tiles {
    rows: usize,
    weights: *const f32,
    x: *const f32,
    start: usize,
    size: usize,
    k: usize,
    totals: *mut f32,
}

impl Kernel for Tiles {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Tiles { rows, weights, x, start, size, k, totals } = self;
        let mut first = 0;
        for &height in tile_rows(S::LEVEL) {
            while rows - first >= height {
                // SAFETY: a tile's elements stand together, those of one k side by side.
                unsafe {
                    let (x, totals) = (x.add(first * k + start * height), totals.add(first * PANEL));
                    match height {
                        12 if S::LEVEL == Level::Avx512 => tile::<S, 12, 1>(simd, weights, x, size, totals),
                        8 if S::LEVEL == Level::Avx512 => tile::<S, 8, 1>(simd, weights, x, size, totals),
                        6 if S::LEVEL == Level::Avx2 => tile::<S, 6, 1>(simd, weights, x, size, totals),
                        4 => tile::<S, 4, 1>(simd, weights, x, size, totals),
                        2 if S::LEVEL != Level::Portable => tile::<S, 2, 2>(simd, weights, x, size, totals),
                        _ => tile::<S, 1, 4>(simd, weights, x, size, totals),
                    }
                }
                first += height;
            }
        }
    }
}

/// Adds the products of `size` elements of `ROWS` rows of x and a panel to their totals. `CHUNKS` chunks are under way at
/// a time, so that there are enough sums that don't wait for each other.
///
/// # Safety
/// `weights` has `size` times [`PANEL`] numbers, `x` `size` times `ROWS`, `totals` `ROWS` times [`PANEL`].
#[inline(always)]
unsafe fn tile<S: Simd, const ROWS: usize, const CHUNKS: usize>(
    simd: S,
    weights: *const f32,
    x: *const f32,
    size: usize,
    totals: *mut f32,
) {
    for column in (0..PANEL).step_by(2 * S::LANES) {
        let mut start = 0;
        while start < size {
            // SAFETY: `start` and what is read from there on are below `size`, columns below PANEL.
            unsafe {
                let (weights, x, totals) =
                    (weights.add(start * PANEL + column), x.add(start * ROWS), totals.add(column));
                if size - start >= CHUNKS * CHUNK {
                    chunks::<S, ROWS, CHUNKS>(simd, weights, x, CHUNK, totals);
                    start += CHUNKS * CHUNK;
                } else {
                    let length = CHUNK.min(size - start);
                    chunks::<S, ROWS, 1>(simd, weights, x, length, totals);
                    start += length;
                }
            }
        }
    }
}

/// Adds `CHUNKS` chunks of `length` elements to the totals of two vectors of columns.
///
/// # Safety
/// There are as many elements; see [`tile`].
#[inline(always)]
unsafe fn chunks<S: Simd, const ROWS: usize, const CHUNKS: usize>(
    simd: S,
    weights: *const f32,
    x: *const f32,
    length: usize,
    totals: *mut f32,
) {
    let mut sums = [[[simd.zero(); 2]; ROWS]; CHUNKS];
    for at in 0..length {
        for (chunk, sums) in sums.iter_mut().enumerate() {
            let at = chunk * CHUNK + at;
            // SAFETY: as the caller says.
            unsafe {
                let weights = weights.add(at * PANEL);
                let pair = [simd.load_at(weights), simd.load_at(weights.add(S::LANES))];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat(*x.add(at * ROWS + row));
                    sums[0] = simd.fma(x, pair[0], sums[0]);
                    sums[1] = simd.fma(x, pair[1], sums[1]);
                }
            }
        }
    }
    for sums in sums {
        for (row, sums) in sums.into_iter().enumerate() {
            for (at, sum) in sums.into_iter().enumerate() {
                // SAFETY: as the caller says.
                unsafe {
                    let total = totals.add(row * PANEL + at * S::LANES);
                    simd.store_at(total, simd.add(simd.load_at(total), sum));
                }
            }
        }
    }
}
