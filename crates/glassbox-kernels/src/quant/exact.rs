//! Products with f32 activations: weights become f32 in scratch memory, a group of a panel at a time, and are multiplied
//! from there with all rows of x.
//!
//! The order of a sum: k is cut into chunks of [`CHUNK`] elements from the beginning (the last one shorter); within a chunk
//! `sum = fma(x, w, sum)` in order from zero; the sums of the chunks are added in order to a total that begins with zero.

use std::marker::PhantomData;

use super::layout::{BLOCK, GROUP, PANEL, Packing, for_format};
use super::matmul::{Item, Scratch};
use super::unpack::{codes, decode, each, elements, prefetch_block, scales};
use crate::simd::{Kernel, Level, Simd, run_at};

/// Elements of a chunk.
const CHUNK: usize = 64;
/// Elements of a panel that are multiplied with all rows before the next ones are: with a tile of x they stay in the first
/// cache.
const STEP: usize = 2 * CHUNK;

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
            let blocks = size / BLOCK;
            if item.rows.len() == 1 && level != Level::Portable {
                let x = &x[start..start + size];
                for_format!(item.weights.format, P => run_at(level, One::<P> { group, x, totals, packing: PhantomData }));
            } else {
                for_format!(item.weights.format, P => run_at(level, Decode::<P>(group, blocks, decoded, PhantomData)));
                run_at(level, Tiles { rows: item.rows.len(), weights: decoded, x: x.as_ptr(), start, size, k, totals });
            }
            group = group.wrapping_add(layout.group_bytes(blocks));
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
        // SAFETY: the scratch has room for a group of a panel.
        unsafe { decode::<S, P>(simd, group, blocks, out) };
    }
}

/// Multiplies a group with one row of x, without a way through memory. It is only made with a group of as many elements as
/// `x` has, and [`PANEL`] totals.
struct One<'a, P> {
    group: *const u8,
    x: &'a [f32],
    totals: *mut f32,
    packing: PhantomData<P>,
}

impl<P: Packing> Kernel for One<'_, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // What is computed elsewhere isn't compiled here.
        if S::LEVEL == Level::Portable {
            return;
        }
        let blocks = self.x.len() / BLOCK;
        for column in (0..PANEL).step_by(2 * S::LANES) {
            let mut block = 0;
            // SAFETY: blocks up to `blocks` are there.
            unsafe {
                while block + 4 <= blocks {
                    self.chunks::<S, 2>(simd, column, block, 2);
                    block += 4;
                }
                while block < blocks {
                    let count = 2.min(blocks - block);
                    self.chunks::<S, 1>(simd, column, block, count);
                    block += count;
                }
            }
        }
    }
}

impl<P: Packing> One<'_, P> {
    /// `CHUNKS` chunks of `count` blocks each, of which the first is `first`, for two vectors of columns.
    ///
    /// # Safety
    /// They are there. With several chunks, `count` is as many blocks as a chunk has.
    #[inline(always)]
    unsafe fn chunks<S: Simd, const CHUNKS: usize>(&self, simd: S, column: usize, first: usize, count: usize) {
        let parts = BLOCK / P::LAYOUT.shared();
        let lines = self.group.wrapping_add(P::LAYOUT.header_bytes(self.x.len() / BLOCK) + 4 * column);
        let mut sums = [[simd.zero(); 2]; CHUNKS];
        for at in 0..count {
            let mut scaling = [[(simd.zero(), simd.zero()); 2]; CHUNKS];
            each!(AT in [0 1 2 3 4 5 6 7] {
                for chunk in 0..CHUNKS {
                    let block = first + chunk * count + at;
                    let lines = lines.wrapping_add(block * P::LAYOUT.code_bytes());
                    if AT == 0 && column == 0 {
                        prefetch_block::<P>(lines);
                    }
                    let x = self.x.as_ptr().wrapping_add(block * BLOCK + 4 * AT);
                    for vector in 0..2 {
                        let lane = vector * S::LANES;
                        // SAFETY: the block is there, the caller says, and x has its elements.
                        unsafe {
                            if (AT * 4).is_multiple_of(P::LAYOUT.shared()) {
                                let part = block * parts + AT * 4 / P::LAYOUT.shared();
                                scaling[chunk][vector] = scales::<S, P>(simd, self.group, part, column + lane);
                            }
                            let codes = codes::<S, P, AT>(simd, lines.add(4 * lane));
                            let (scale, minimum) = scaling[chunk][vector];
                            for (at, element) in elements::<S, P>(simd, codes, scale, minimum).into_iter().enumerate() {
                                sums[chunk][vector] = simd.fma(simd.splat(*x.add(at)), element, sums[chunk][vector]);
                            }
                        }
                    }
                }
            });
        }
        for sums in sums {
            for (vector, sum) in sums.into_iter().enumerate() {
                // SAFETY: there are totals for all columns.
                unsafe {
                    let total = self.totals.add(column + vector * S::LANES);
                    simd.store_at(total, simd.add(simd.load_at(total), sum));
                }
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
        for from in (0..size).step_by(STEP) {
            let length = STEP.min(size - from);
            let mut first = 0;
            for &height in tile_rows(S::LEVEL) {
                while rows - first >= height {
                    // SAFETY: a tile's elements stand together, those of one k side by side.
                    unsafe {
                        let weights = weights.add(from * PANEL);
                        let (x, totals) = (x.add(first * k + (start + from) * height), totals.add(first * PANEL));
                        match height {
                            12 if S::LEVEL == Level::Avx512 => tile::<S, 12, 1>(simd, weights, x, length, totals),
                            8 if S::LEVEL == Level::Avx512 => tile::<S, 8, 1>(simd, weights, x, length, totals),
                            6 if S::LEVEL == Level::Avx2 => tile::<S, 6, 1>(simd, weights, x, length, totals),
                            4 => tile::<S, 4, 1>(simd, weights, x, length, totals),
                            2 if S::LEVEL != Level::Portable => tile::<S, 2, 2>(simd, weights, x, length, totals),
                            _ => tile::<S, 1, 2>(simd, weights, x, length, totals),
                        }
                    }
                    first += height;
                }
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
