//! The innermost loops: sums for several blocks of output channels × several pixels, held in registers.
//!
//! The pixels of a tile need not be neighbours: for every tap and pixel a table says where in a plane the pixel's input
//! lies, or that it is outside, where zeros are read. So borders, strides and rows that are narrower than a tile cost
//! nothing extra, and a zero outside counts as ONNX counts it (∞ · 0 is NaN).
//!
//! The order of a sum is: sixteen input channels, tap (row by row), channel. Where a block has fewer than sixteen, several
//! are taken together for each tap, so that the order is the same at every level. A sum may be stored after sixteen input
//! channels and taken up again, which changes no bit of it; or parts of it are added ([`Before::Parts`]).

use super::finish::Finish;
use crate::simd::{Kernel, Level, MAX_LANES, Simd, run_at};

/// A pixel outside of the input. Runs are no longer where offsets may be [`NOWHERE`].
pub(super) static OUTSIDE: [f32; MAX_LANES] = [0.0; MAX_LANES];

/// In a table of offsets: the tap lies outside.
pub(super) const NOWHERE: isize = -1;

/// Numbers in a line of the caches.
const LINE: usize = 16;

/// No weights are wanted next.
pub(super) const NOTHING_AHEAD: (*const f32, usize) = (std::ptr::null(), 0);

/// The most blocks of output channels of a tile.
pub(super) const MAX_BLOCKS: usize = 4;

/// The most pixels of a tile with so many blocks of output channels: as many as the registers hold. AVX2 has 16 of
/// them: 12 sums, the inputs of 3 pixels and a weight. AVX-512 has 32: 24 sums, 4 weights and an input.
pub(super) fn most_pixels(level: Level, blocks: usize) -> usize {
    const { assert!(most_sums(Level::Avx512) == 24 && most_sums(Level::Avx2) == 12) };
    (most_sums(level) / blocks.max(1)).min(12)
}

const fn most_sums(level: Level) -> usize {
    match level {
        Level::Avx512 => 24,
        Level::Avx2 | Level::Portable => 12,
    }
}

/// Sums over some blocks of input channels, for tiles that stand side by side.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    /// The plane of the first block of input channels.
    pub(super) input: *const f32,
    /// From the plane of one block of input channels to the next.
    pub(super) plane: usize,
    /// How many blocks of input channels.
    pub(super) inputs: usize,
    /// How many of them are taken together for each tap.
    pub(super) together: usize,
    /// The taps of the kernel.
    pub(super) taps: usize,
    /// For each tap, offsets of pixels in a plane, those of the first pixel of the first tile first.
    pub(super) offsets: *const isize,
    /// From the offsets of one tap to those of the next.
    pub(super) row: usize,
    /// How much further in the plane each tap lies than the offsets of the one before say.
    pub(super) shift: usize,
    /// How many numbers that follow each other, from the place of a tap on, have weights: the channels of a block, or the
    /// columns of a kernel over plain channels.
    pub(super) run: usize,
    /// The weights of the first block of output channels: input blocks that are taken together, tap, input block, place in
    /// the run, output channel.
    pub(super) weights: *const f32,
    /// From the weights of one block of output channels to those of the next.
    pub(super) filter: usize,
    /// The output.
    pub(super) output: *mut f32,
    /// Where in the output the first pixel of the first block of channels stands.
    pub(super) place: usize,
    /// From one block of output channels to the next.
    pub(super) step: usize,
    /// The number of the first block of output channels.
    pub(super) block: usize,
    /// What of these sums is in the output already.
    pub(super) before: Before,
    /// Weights that are wanted next, in as many blocks as these, and how many of each block: they are fetched into the second
    /// cache meanwhile.
    pub(super) ahead: (*const f32, usize),
    /// What is done with sums before they are stored: [`Finish::NOTHING`] where they go on.
    pub(super) finish: Finish,
}

/// What the output has of a sum before some of its products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: it is not read.
    Nothing,
    /// A sum that goes on.
    Sum,
    /// A sum to which that of these products is added.
    Parts,
}

impl Sums {
    /// Computes the sums of `blocks` blocks of output channels and `pixels` pixels.
    ///
    /// # Safety
    /// The pointers and strides lead to memory that is there for all of it, and the output is the caller's own;
    /// the weights are packed for the lanes of the level; the processor has the level; `blocks` is at most
    /// [`MAX_BLOCKS`].
    pub(super) unsafe fn compute(&self, level: Level, blocks: usize, pixels: usize) {
        if pixels == 0 {
            return;
        }
        // As many tiles as needed, of sizes that differ by one at most: a narrow tile would wait for its sums.
        let tiles = pixels.div_ceil(most_pixels(level, blocks));
        let (size, wider) = (pixels / tiles, pixels % tiles);
        let (wide, narrow) = (Run { first: 0, tile: 0, tiles: wider }, tiles - wider);
        let narrow = Run { first: wider * (size + 1), tile: wider, tiles: narrow };
        let lines = (self.ahead.1 / LINE).div_ceil((tiles * self.inputs * self.taps).max(1));
        // SAFETY: the caller says so; the two parts are the pixels.
        unsafe {
            self.dispatch(level, blocks, size + 1, wide, lines);
            self.dispatch(level, blocks, size, narrow, lines);
        }
    }

    /// # Safety
    /// As [`Sums::compute`].
    unsafe fn dispatch(&self, level: Level, blocks: usize, size: usize, run: Run, lines: usize) {
        if run.tiles == 0 {
            return;
        }
        macro_rules! choose {
            ($($blocks:literal: $($size:literal)*;)*) => {
                match (blocks, size) {
                    $($(($blocks, $size) => run_at(level, Tiles::<$blocks, $size> { sums: self, run, lines }),)*)*
                    _ => debug_assert!(false, "no tile of {blocks} blocks and {size} pixels"),
                }
            };
        }
        choose! {
            1: 1 2 3 4 5 6 7 8 9 10 11 12;
            2: 1 2 3 4 5 6 7 8 9 10 11 12;
            3: 1 2 3 4 5 6 7 8;
            4: 1 2 3 4 5 6;
        }
    }
}

/// Tiles of one size, side by side.
#[derive(Clone, Copy)]
struct Run {
    /// The first pixel.
    first: usize,
    /// The number of the first tile.
    tile: usize,
    /// How many tiles.
    tiles: usize,
}

/// Tiles whose size is known.
struct Tiles<'a, const BLOCKS: usize, const PIXELS: usize> {
    sums: &'a Sums,
    run: Run,
    /// How many lines of each block of the weights ahead are fetched with each tap.
    lines: usize,
}

impl<const BLOCKS: usize, const PIXELS: usize> Kernel for Tiles<'_, BLOCKS, PIXELS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Tiles that don't fit are never chosen; they aren't compiled either.
        if const { BLOCKS * PIXELS > most_sums(S::LEVEL) } {
            return;
        }
        let taps = self.sums.inputs * self.sums.taps;
        for tile in 0..self.run.tiles {
            let ahead = self.sums.ahead.0.wrapping_add((self.run.tile + tile) * taps * self.lines * LINE);
            let first = self.run.first + tile * PIXELS;
            // SAFETY: whoever calls `Sums::compute` says so.
            unsafe { sum_tile::<S, BLOCKS, PIXELS>(s, self.sums, first, (ahead, self.lines)) };
        }
    }
}

/// # Safety
/// As [`Sums::compute`], for the pixels from `first` on.
#[inline(always)]
unsafe fn sum_tile<S: Simd, const BLOCKS: usize, const PIXELS: usize>(
    s: S,
    sums: &Sums,
    first: usize,
    (mut ahead, lines): (*const f32, usize),
) {
    // SAFETY: the caller says that all of it is there.
    unsafe {
        let mut tile = [[s.zero(); PIXELS]; BLOCKS];
        let place = sums.place + first * S::LANES;
        if sums.before == Before::Sum {
            for block in 0..BLOCKS {
                for pixel in 0..PIXELS {
                    tile[block][pixel] = s.load_at(sums.output.add(place + block * sums.step + pixel * S::LANES));
                }
            }
        }
        let (mut weights, mut plane, filter) = (sums.weights, sums.input, sums.filter);
        let (taps, row, run, shift) = (sums.taps, sums.row, sums.run, sums.shift);
        let step = sums.plane.wrapping_sub(taps * shift);
        let mut left = sums.inputs;
        // The residual is fetched while the sums are computed, a block with each tap.
        let (residual, mut fetched) = (sums.finish.residual(place), 0);
        while left > 0 {
            let together = left.min(sums.together);
            let mut offsets = sums.offsets.add(first);
            for _ in 0..taps {
                for part in 0..together {
                    let plane = plane.wrapping_add(part * sums.plane);
                    let mut inputs = [OUTSIDE.as_ptr(); PIXELS];
                    for (pixel, input) in inputs.iter_mut().enumerate() {
                        let offset = *offsets.add(pixel);
                        *input = if offset < 0 { OUTSIDE.as_ptr() } else { plane.offset(offset) };
                    }
                    for channel in 0..run {
                        add_channel(s, &mut tile, &inputs, channel, weights.add(channel * S::LANES), filter);
                    }
                    for line in 0..lines {
                        for block in 0..BLOCKS {
                            fetch(ahead.wrapping_add(block * filter + line * LINE));
                        }
                    }
                    ahead = ahead.wrapping_add(lines * LINE);
                    if fetched < BLOCKS
                        && let Some(residual) = residual
                    {
                        for pixel in 0..PIXELS {
                            fetch_near(residual.wrapping_add(fetched * sums.step + pixel * S::LANES));
                        }
                        fetched += 1;
                    }
                    weights = weights.add(run * S::LANES);
                }
                offsets = offsets.wrapping_add(row);
                plane = plane.wrapping_add(shift);
            }
            plane = plane.wrapping_add(step).wrapping_add((together - 1) * sums.plane);
            left -= together;
        }
        if sums.before == Before::Parts {
            for block in 0..BLOCKS {
                for pixel in 0..PIXELS {
                    let before = s.load_at(sums.output.add(place + block * sums.step + pixel * S::LANES));
                    tile[block][pixel] = s.add(before, tile[block][pixel]);
                }
            }
        }
        finish_tile(s, &mut tile, sums, place);
    }
}

/// Asks for a line of memory to be brought into the second cache. It need not be there.
#[inline(always)]
fn fetch(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has the instruction, which doesn't fail whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// Asks for a line of memory to be brought into the first cache. It need not be there.
#[inline(always)]
fn fetch_near(line: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has the instruction, which doesn't fail whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// Finishes the sums of a tile and stores them at `place`.
///
/// Each loop is so short that the compiler unrolls it, which keeps the tile in registers from its first sum on.
///
/// # Safety
/// As [`Sums::compute`].
#[inline(always)]
unsafe fn finish_tile<S: Simd, const BLOCKS: usize, const PIXELS: usize>(
    s: S,
    tile: &mut [[S::F32; PIXELS]; BLOCKS],
    sums: &Sums,
    place: usize,
) {
    // SAFETY: the caller says that all of it is there.
    unsafe {
        if sums.finish.has_bias() {
            let mut biases = [s.zero(); BLOCKS];
            for block in 0..BLOCKS {
                biases[block] = sums.finish.bias(s, sums.block + block);
            }
            for block in 0..BLOCKS {
                for pixel in 0..PIXELS {
                    tile[block][pixel] = s.add(tile[block][pixel], biases[block]);
                }
            }
        }
        if let Some(residual) = sums.finish.residual(place) {
            for block in 0..BLOCKS {
                for pixel in 0..PIXELS {
                    let x = s.load_at(residual.add(block * sums.step + pixel * S::LANES));
                    tile[block][pixel] = s.add(tile[block][pixel], x);
                }
            }
        }
        let [low, high] = sums.finish.bounds(s);
        let output = sums.output.add(place);
        for block in 0..BLOCKS {
            for pixel in 0..PIXELS {
                let x = s.min(high, s.max(low, tile[block][pixel]));
                s.store_at(output.add(block * sums.step + pixel * S::LANES), x);
            }
        }
    }
}

/// Adds the products of one channel of the pixels with one weight for each output channel.
///
/// # Safety
/// The inputs have this channel, and each block of output channels has a vector of weights.
#[inline(always)]
pub(super) unsafe fn add_channel<S: Simd, const BLOCKS: usize, const PIXELS: usize>(
    s: S,
    tile: &mut [[S::F32; PIXELS]; BLOCKS],
    inputs: &[*const f32; PIXELS],
    channel: usize,
    weights: *const f32,
    filter: usize,
) {
    // SAFETY: the caller says so.
    unsafe {
        if const { matches!(S::LEVEL, Level::Avx512) } {
            let mut vectors = [s.zero(); BLOCKS];
            for (block, vector) in vectors.iter_mut().enumerate() {
                *vector = s.load_at(weights.add(block * filter));
            }
            for pixel in 0..PIXELS {
                let x = s.splat(*inputs[pixel].add(channel));
                for block in 0..BLOCKS {
                    tile[block][pixel] = s.fma(x, vectors[block], tile[block][pixel]);
                }
            }
        } else {
            let mut values = [s.zero(); PIXELS];
            for (input, value) in inputs.iter().zip(&mut values) {
                *value = s.splat(*input.add(channel));
            }
            for (block, tile) in tile.iter_mut().enumerate() {
                let vector = s.load_at(weights.add(block * filter));
                for pixel in 0..PIXELS {
                    tile[pixel] = s.fma(values[pixel], vector, tile[pixel]);
                }
            }
        }
    }
}
