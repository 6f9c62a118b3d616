//! The formats of 256 elements: sub-blocks of 16 or 32 with small scales of their own, under one or two
//! scales for all.

use super::decode::half_at;

/// 16 sub-blocks of 16. Scales (low nibble) and minima (high nibble), 64 bytes of codes, d, dmin.
pub(super) fn decode_q2_k(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (sub, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[sub] & 0xf);
        let min = dmin * f32::from(scales[sub] >> 4);
        // 128 elements share 32 bytes: two bits of each for every 32 of them.
        let (first, shift) = (sub / 8 * 32 + sub % 2 * 16, sub % 8 / 2 * 2);
        for (out, byte) in out.iter_mut().zip(&codes[first..]) {
            *out = scale * f32::from(byte >> shift & 3) - min;
        }
    }
}

/// 16 sub-blocks of 16. The third bits (inverted), 64 bytes of the lower bits, 12 bytes of scales, d.
pub(super) fn decode_q3_k(block: &[u8], out: &mut [f32]) {
    let (high, codes, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    for (sub, out) in out.chunks_exact_mut(16).enumerate() {
        let low = scales[sub % 8] >> (sub / 8 * 4) & 0xf;
        let top = scales[8 + sub % 4] >> (sub / 4 * 2) & 3;
        let scale = d * f32::from(i16::from(low | top << 4) - 32);
        let half = sub % 2 * 16;
        let (first, shift) = (sub / 8 * 32 + half, sub % 8 / 2 * 2);
        for ((out, byte), bits) in out.iter_mut().zip(&codes[first..]).zip(&high[half..]) {
            let offset = if bits >> (sub / 2) & 1 == 1 { 0 } else { 4 };
            *out = scale * f32::from(i16::from(byte >> shift & 3) - offset);
        }
    }
}

/// The 6-bit scale and minimum of a sub-block of `q4_k` or `q5_k`, from their 12 bytes.
pub(super) fn scale_and_min(packed: &[u8], sub: usize) -> (u8, u8) {
    match sub {
        0..4 => (packed[sub] & 0x3f, packed[sub + 4] & 0x3f),
        _ => {
            let low = packed[sub + 4];
            ((low & 0xf) | (packed[sub - 4] >> 2 & 0x30), (low >> 4) | (packed[sub] >> 2 & 0x30))
        }
    }
}

/// 8 sub-blocks of 32. d, dmin, 12 bytes of scales and minima, 128 bytes of codes.
pub(super) fn decode_q4_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin, scales, codes) = (half_at(block, 0), half_at(block, 2), &block[4..16], &block[16..144]);
    for (sub, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, sub);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = sub % 2 * 4;
        for (out, byte) in out.iter_mut().zip(&codes[sub / 2 * 32..]) {
            *out = scale * f32::from(byte >> shift & 0xf) - min;
        }
    }
}

/// As `q4_k`, with 32 bytes of the fifth bits before the codes.
pub(super) fn decode_q5_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin, scales) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    let (high, codes) = (&block[16..48], &block[48..176]);
    for (sub, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, sub);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = sub % 2 * 4;
        for ((out, byte), bits) in out.iter_mut().zip(&codes[sub / 2 * 32..]).zip(high) {
            *out = scale * f32::from((byte >> shift & 0xf) | (bits >> sub & 1) << 4) - min;
        }
    }
}

/// 16 sub-blocks of 16. 128 bytes of the lower four bits, 64 of the upper two, 16 signed scales, d.
pub(super) fn decode_q6_k(block: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    for (sub, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[sub].cast_signed());
        let (part, within) = (sub / 8, sub % 8);
        // Of the 128 elements of a part, the low nibbles of 64 bytes are the first half.
        let (first, shift) = (part * 64 + within % 4 * 16, within / 4 * 4);
        let (first_high, shift_high) = (part * 32 + within % 2 * 16, within / 2 * 2);
        for ((out, byte), bits) in out.iter_mut().zip(&low[first..]).zip(&high[first_high..]) {
            let code = (byte >> shift & 0xf) | (bits >> shift_high & 3) << 4;
            *out = scale * f32::from(i16::from(code) - 32);
        }
    }
}
