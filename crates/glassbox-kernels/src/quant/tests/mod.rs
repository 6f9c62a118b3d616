//! Products with packed blocks against plain loops over what `glassbox-tensor` decodes, at every level.

mod edges;
mod exact;
mod int8;

use glassbox_tensor::{BlockFormat, DType, Tensor, on_one_thread};

use super::{Activations, PackedBlocks, Rows, RowsMut, matmul_at};
use crate::Epilogue;
use crate::simd::Level;

const FORMATS: [BlockFormat; 10] = [
    BlockFormat::Q8_0,
    BlockFormat::Q5_0,
    BlockFormat::Q5_1,
    BlockFormat::Q4_0,
    BlockFormat::Q4_1,
    BlockFormat::Q2K,
    BlockFormat::Q3K,
    BlockFormat::Q4K,
    BlockFormat::Q5K,
    BlockFormat::Q6K,
];

/// Where the f16 fields of a block stand: the scale, and the scale of minima.
fn halves(format: BlockFormat) -> (usize, Option<usize>) {
    match format {
        BlockFormat::Q4_1 | BlockFormat::Q5_1 | BlockFormat::Q4K | BlockFormat::Q5K => (0, Some(2)),
        BlockFormat::Q2K => (80, Some(82)),
        BlockFormat::Q3K => (108, None),
        BlockFormat::Q6K => (208, None),
        _ => (0, None),
    }
}

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// In -1..1.
    fn number(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }
}

/// Blocks of random codes for a matrix, with scales of either sign of about 0.01.
fn blocks(format: BlockFormat, n: usize, k: usize, random: &mut Random) -> Vec<u8> {
    let count = n * k / format.block_elements();
    let mut bytes: Vec<u8> = (0..count * format.block_bytes()).map(|_| (random.next() >> 32) as u8).collect();
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        let (scale, minimum) = halves(format);
        for at in [Some(scale), minimum].into_iter().flatten() {
            let value = half::f16::from_f32(random.number() * 0.02);
            block[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
    }
    bytes
}

/// The weights as f32.
fn decoded(format: BlockFormat, n: usize, k: usize, bytes: &[u8]) -> Vec<f32> {
    let tensor = Tensor::from_bytes(DType::Block(format), &[n, k], bytes.to_vec()).expect("blocks");
    tensor.dequantize_blocks().expect("f32").to_vec::<f32>().expect("f32")
}

/// The product at a level, on one thread.
fn product(level: Level, x: &[f32], weights: &PackedBlocks, activations: Activations) -> Vec<f32> {
    let (n, k) = (weights.rows(), weights.columns());
    let m = x.len() / k;
    let mut y = vec![f32::NAN; m * n];
    let rows = Rows { values: x, count: m, stride: k };
    on_one_thread(|| matmul_at(level, rows, weights, RowsMut { values: &mut y, stride: n }, activations, None));
    y
}

/// Bits, any NaN being the same.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }).collect()
}

fn widths(format: BlockFormat) -> &'static [usize] {
    if format.block_elements() == 32 { &[32, 96, 320, 640] } else { &[256, 768] }
}
