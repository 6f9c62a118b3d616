//! Rows of x rounded to eight bits, as [`Activations::Int8`](super::Activations::Int8) says.

use glassbox_tensor::parallel_for;

use super::layout::BLOCK;
use super::matmul::{Rows, Split};
use super::pack::PackedBlocks;
use crate::simd::{Kernel, Level, Simd, run_at};

/// Rows of x as codes, in tiles: those of a tile together, and in it what belongs to the same k side by side.
pub(super) struct Quantized {
    /// Four codes of a row that follow each other, the first one in the lowest byte.
    pub(super) words: Vec<i32>,
    /// The step, for every 32.
    pub(super) steps: Vec<f32>,
    /// For what shares a scale of the weights: what the sum of integers begins with.
    pub(super) starts: Vec<i32>,
    /// For the same: the step times the sum of the codes.
    pub(super) sums: Vec<f32>,
}

/// Rounds rows of x as they are to be multiplied with these weights.
pub(super) fn quantize(level: Level, x: Rows<'_>, weights: &PackedBlocks, split: &Split<'_>) -> Quantized {
    let (m, k, shared) = (x.count, weights.k, weights.layout.shared());
    let mut made = Quantized {
        words: vec![0; m * k / 4],
        steps: vec![0.0; m * k / BLOCK],
        starts: vec![0; m * k / shared],
        sums: vec![0.0; m * k / shared],
    };
    let target = Target {
        words: made.words.as_mut_ptr(),
        steps: made.steps.as_mut_ptr(),
        starts: made.starts.as_mut_ptr(),
        sums: made.sums.as_mut_ptr(),
        shared,
        offset: weights.layout.offset,
        k,
    };
    let tiles = split.tiles();
    parallel_for(tiles.len(), &|index| run_at(level, Quantize { target: &target, x, tile: tiles[index] }));
    made
}

/// Where the parts of [`Quantized`] are written.
struct Target {
    words: *mut i32,
    steps: *mut f32,
    starts: *mut i32,
    sums: *mut f32,
    shared: usize,
    offset: i32,
    k: usize,
}

// SAFETY: each tile writes what belongs to its rows, which no other tile has.
unsafe impl Sync for Target {}

struct Quantize<'a> {
    target: &'a Target,
    x: Rows<'a>,
    tile: (usize, usize),
}

impl Kernel for Quantize<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let (first, height) = self.tile;
        let Target { words, steps, starts, sums, shared, offset, k } = *self.target;
        for row in 0..height {
            let values = &self.x.values[(first + row) * self.x.stride..][..k];
            for (block, values) in values.chunks_exact(BLOCK).enumerate() {
                let mut codes = [0i8; BLOCK];
                let step = round_block(values, &mut codes);
                // SAFETY: a row has k/32 steps, k/4 words and k/shared of the others; the tile's begin at its first row.
                unsafe {
                    *steps.add(first * k / BLOCK + block * height + row) = step;
                    for (at, four) in codes.chunks_exact(4).enumerate() {
                        let word = i32::from_le_bytes([four[0] as u8, four[1] as u8, four[2] as u8, four[3] as u8]);
                        *words.add(first * k / 4 + (block * 8 + at) * height + row) = word;
                    }
                    for (part, codes) in codes.chunks_exact(shared).enumerate() {
                        let at = first * k / shared + (block * (BLOCK / shared) + part) * height + row;
                        let sum: i32 = codes.iter().map(|code| i32::from(*code)).sum();
                        *starts.add(at) = -offset * sum;
                        *sums.add(at) = step * sum as f32;
                    }
                }
            }
        }
    }
}

/// The codes of 32 numbers, and their step.
#[inline(always)]
fn round_block(values: &[f32], codes: &mut [i8; BLOCK]) -> f32 {
    // As integers, so that what isn't finite is the largest.
    let most = values.iter().fold(0, |most: u32, value| most.max(value.to_bits() & 0x7fff_ffff));
    let most = f32::from_bits(most);
    if !most.is_finite() {
        return f32::NAN;
    }
    let step = most / 127.0;
    let inverse = 1.0 / step;
    if !inverse.is_finite() {
        return 0.0;
    }
    for (code, value) in codes.iter_mut().zip(values) {
        // Adding 1.5 · 2^23 rounds to an integer, whose lowest byte is then the lowest byte of the bits.
        *code = (value * inverse + 12_582_912.0).to_bits() as i8;
    }
    step
}
