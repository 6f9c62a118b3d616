//! The fields of a GGUF block: its codes as bytes, and its scales as a header has them.
//!
//! This is the way into packed memory; what the fields mean is said in `glassbox-tensor`'s `block` module.

use glassbox_tensor::BlockFormat;

use super::layout::{BLOCK, GROUP, PANEL};

/// The codes of a block, unsigned and in order; as many as the block has elements are written.
pub(super) fn codes(format: BlockFormat, block: &[u8], out: &mut [u8; GROUP]) {
    match format {
        BlockFormat::Q8_0 => out.iter_mut().zip(&block[2..]).for_each(|(code, byte)| *code = byte ^ 0x80),
        BlockFormat::Q4_0 => nibbles(&block[2..18], &mut out[..BLOCK]),
        BlockFormat::Q4_1 => nibbles(&block[4..20], &mut out[..BLOCK]),
        BlockFormat::Q5_0 => {
            nibbles(&block[6..22], &mut out[..BLOCK]);
            fifth_bits(&block[2..6], &mut out[..BLOCK]);
        }
        BlockFormat::Q5_1 => {
            nibbles(&block[8..24], &mut out[..BLOCK]);
            fifth_bits(&block[4..8], &mut out[..BLOCK]);
        }
        BlockFormat::Q2K => crumbs(&block[16..80], out),
        BlockFormat::Q3K => {
            crumbs(&block[32..96], out);
            spread::<1, 32>(&block[..32], out, 2);
        }
        BlockFormat::Q4K => out.chunks_exact_mut(64).zip(block[16..144].chunks_exact(32)).for_each(both_nibbles),
        BlockFormat::Q5K => {
            out.chunks_exact_mut(64).zip(block[48..176].chunks_exact(32)).for_each(both_nibbles);
            spread::<1, 32>(&block[16..48], out, 4);
        }
        BlockFormat::Q6K => {
            out.chunks_exact_mut(128).zip(block[..128].chunks_exact(64)).for_each(both_nibbles);
            out.chunks_exact_mut(128)
                .zip(block[128..192].chunks_exact(32))
                .for_each(|(out, bytes)| spread::<2, 32>(bytes, out, 4));
        }
        BlockFormat::Q8_1 | BlockFormat::Q8K | BlockFormat::IQ4NL => {}
    }
}

/// The lower halves of bytes, then the upper ones.
fn both_nibbles((out, bytes): (&mut [u8], &[u8])) {
    nibbles(bytes, out);
}

fn nibbles(bytes: &[u8], out: &mut [u8]) {
    let (low, high) = out.split_at_mut(bytes.len());
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        *low = byte & 0xf;
        *high = byte >> 4;
    }
}

fn fifth_bits(bytes: &[u8], out: &mut [u8]) {
    for (out, byte) in out.chunks_exact_mut(8).zip(bytes) {
        out.iter_mut().enumerate().for_each(|(at, code)| *code |= (byte >> at & 1) << 4);
    }
}

/// Codes of two bits: of each 128, 32 bytes have bits 0 and 1 for the first 32, and so on.
fn crumbs(bytes: &[u8], out: &mut [u8; GROUP]) {
    out.fill(0);
    out.chunks_exact_mut(128).zip(bytes.chunks_exact(32)).for_each(|(out, bytes)| spread::<2, 32>(bytes, out, 0));
}

/// Of every `PERIOD` codes the `i`-th has bits `i·BITS..` of the byte in its place; they are set from bit `to` on.
fn spread<const BITS: usize, const PERIOD: usize>(bytes: &[u8], out: &mut [u8], to: usize) {
    for (part, out) in out.chunks_exact_mut(PERIOD).enumerate() {
        for (code, byte) in out.iter_mut().zip(bytes) {
            *code |= (byte >> (part * BITS) & ((1 << BITS) - 1)) << to;
        }
    }
}

/// Writes the scales of a row into the header of a group. `at` is which of the group's blocks of 32 this is; a block
/// of 256 is the whole group.
pub(super) fn scales(format: BlockFormat, block: &[u8], at: usize, row: usize, header: &mut [u8]) {
    let mut half = |place: usize, from: usize| {
        header[place + 2 * row..][..2].copy_from_slice(&block[from..from + 2]);
    };
    let halves = 2 * PANEL;
    match format {
        BlockFormat::Q8_0 | BlockFormat::Q4_0 | BlockFormat::Q5_0 => half(at * halves, 0),
        BlockFormat::Q4_1 | BlockFormat::Q5_1 => {
            half(2 * at * halves, 0);
            half((2 * at + 1) * halves, 2);
        }
        BlockFormat::Q4K | BlockFormat::Q5K => {
            half(0, 0);
            half(halves, 2);
            for part in 0..8 {
                let (scale, minimum) = scale_and_minimum(&block[4..16], part);
                header[2 * halves + 2 * part * PANEL + row] = scale;
                header[2 * halves + (2 * part + 1) * PANEL + row] = minimum;
            }
        }
        BlockFormat::Q6K => {
            half(0, 208);
            (0..16).for_each(|part| header[halves + part * PANEL + row] = block[192 + part]);
        }
        BlockFormat::Q3K => {
            half(0, 108);
            let scales = &block[96..108];
            for part in 0..16 {
                let low = scales[part % 8] >> (part / 8 * 4) & 0xf;
                let top = scales[8 + part % 4] >> (part / 4 * 2) & 3;
                header[halves + part * PANEL + row] = (low | top << 4).wrapping_sub(32);
            }
        }
        BlockFormat::Q2K => {
            half(0, 80);
            half(halves, 82);
            (0..16).for_each(|part| header[2 * halves + part * PANEL + row] = block[part]);
        }
        BlockFormat::Q8_1 | BlockFormat::Q8K | BlockFormat::IQ4NL => {}
    }
}

/// The 6-bit scale and minimum of 32 elements of `q4_k` or `q5_k`: the first four of each stand in the lower bits of
/// bytes, the others' lower halves in the last four bytes and their upper bits above the first ones.
fn scale_and_minimum(packed: &[u8], part: usize) -> (u8, u8) {
    if part < 4 {
        return (packed[part] & 0x3f, packed[part + 4] & 0x3f);
    }
    let low = packed[part + 4];
    ((low & 0xf) | packed[part - 4] >> 6 << 4, low >> 4 | packed[part] >> 6 << 4)
}
