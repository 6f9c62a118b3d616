//! From the bytes of a block to f32: the formats of 32 elements, and the way to those of 256.
//!
//! Every product and sum is rounded to f32 once, in the order in which the formulas stand here; that makes
//! the results those of other software, to the bit (a NaN's payload apart).

use half::f16;

use super::{BlockFormat, k_quants};

/// The values that the codes of `iq4_nl` stand for.
const IQ4_NL_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The f16 at a place of a block, as f32. Blocks are as long as their format says.
pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

impl BlockFormat {
    /// The elements of blocks that follow each other, as f32.
    ///
    /// ```
    /// use glassbox_tensor::BlockFormat;
    /// let mut out = [0.0; 32];
    /// // The scale 2 (f16 0x4000) and codes of 3.
    /// BlockFormat::Q8_0.decode_blocks(&[&[0x00, 0x40][..], &[3; 32]].concat(), &mut out);
    /// assert_eq!(out, [6.0; 32]);
    /// ```
    ///
    /// # Panics
    /// Where `bytes` aren't whole blocks, or `out` isn't as long as their elements are.
    pub fn decode_blocks(self, bytes: &[u8], out: &mut [f32]) {
        let (size, elements) = (self.block_bytes(), self.block_elements());
        assert!(bytes.len().is_multiple_of(size), "{} bytes aren't whole blocks", bytes.len());
        assert!(out.len() == bytes.len() / size * elements, "{} numbers for {} bytes", out.len(), bytes.len());
        out.chunks_exact_mut(elements).zip(bytes.chunks_exact(size)).for_each(|(out, block)| self.decode(block, out));
    }

    /// The elements of one block: `block` has [`block_bytes`](BlockFormat::block_bytes) bytes and `out`
    /// [`block_elements`](BlockFormat::block_elements) elements.
    pub(super) fn decode(self, block: &[u8], out: &mut [f32]) {
        match self {
            // d, codes: the low nibbles are the first half.
            BlockFormat::Q4_0 => {
                let d = half_at(block, 0);
                nibbles(&block[2..], out, |code| d * f32::from(i16::from(code) - 8));
            }
            BlockFormat::IQ4NL => {
                let d = half_at(block, 0);
                nibbles(&block[2..], out, |code| d * f32::from(IQ4_NL_VALUES[usize::from(code)]));
            }
            // d, minimum, codes.
            BlockFormat::Q4_1 => {
                let (d, min) = (half_at(block, 0), half_at(block, 2));
                nibbles(&block[4..], out, |code| d * f32::from(code) + min);
            }
            // d, the fifth bits of all codes, codes.
            BlockFormat::Q5_0 => {
                let d = half_at(block, 0);
                fives(&block[2..6], &block[6..], out, |code| d * f32::from(i16::from(code) - 16));
            }
            BlockFormat::Q5_1 => {
                let (d, min) = (half_at(block, 0), half_at(block, 2));
                fives(&block[4..8], &block[8..], out, |code| d * f32::from(code) + min);
            }
            // d, and for q8_1 a sum that only products use; codes.
            BlockFormat::Q8_0 => bytes(half_at(block, 0), &block[2..], out),
            BlockFormat::Q8_1 => bytes(half_at(block, 0), &block[4..], out),
            // d as f32, codes, sums that only products use.
            BlockFormat::Q8K => {
                bytes(f32::from_le_bytes([block[0], block[1], block[2], block[3]]), &block[4..260], out);
            }
            BlockFormat::Q2K => k_quants::decode_q2_k(block, out),
            BlockFormat::Q3K => k_quants::decode_q3_k(block, out),
            BlockFormat::Q4K => k_quants::decode_q4_k(block, out),
            BlockFormat::Q5K => k_quants::decode_q5_k(block, out),
            BlockFormat::Q6K => k_quants::decode_q6_k(block, out),
        }
    }
}

fn nibbles(codes: &[u8], out: &mut [f32], value: impl Fn(u8) -> f32) {
    let (low, high) = out.split_at_mut(16);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(codes) {
        *low = value(byte & 0xf);
        *high = value(byte >> 4);
    }
}

fn fives(fifth: &[u8], codes: &[u8], out: &mut [f32], value: impl Fn(u8) -> f32) {
    let fifth = u32::from_le_bytes([fifth[0], fifth[1], fifth[2], fifth[3]]);
    let (low, high) = out.split_at_mut(16);
    for (at, ((low, high), byte)) in low.iter_mut().zip(high).zip(codes).enumerate() {
        *low = value((byte & 0xf) | ((fifth >> at & 1) << 4) as u8);
        *high = value((byte >> 4) | ((fifth >> (at + 16) & 1) << 4) as u8);
    }
}

fn bytes(d: f32, codes: &[u8], out: &mut [f32]) {
    for (out, code) in out.iter_mut().zip(codes) {
        *out = d * f32::from(code.cast_signed());
    }
}
