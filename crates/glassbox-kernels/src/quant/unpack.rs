//! From packed memory to vectors: codes, scales, and elements as f32.

use super::layout::{BLOCK, HALF, LINE, PANEL, Packing, Scales};
use crate::simd::Simd;

/// Evaluates an expression for each literal, one after the other, so that what depends on it is known when compiling.
macro_rules! each {
    ($name:ident in [$($value:literal)*] $body:block) => {
        $({
            const $name: usize = $value;
            $body
        })*
    };
}
pub(super) use each;

/// Shifted by `by` to the left, or to the right where that is negative. `by` is known when compiling.
#[inline(always)]
fn shift<S: Simd>(simd: S, x: S::I32, by: i32) -> S::I32 {
    match by {
        4 => simd.shl::<4>(x),
        3 => simd.shl::<3>(x),
        2 => simd.shl::<2>(x),
        1 => simd.shl::<1>(x),
        -1 => simd.shr::<1>(x),
        -2 => simd.shr::<2>(x),
        -3 => simd.shr::<3>(x),
        -4 => simd.shr::<4>(x),
        -5 => simd.shr::<5>(x),
        -6 => simd.shr::<6>(x),
        _ => x,
    }
}

/// In each lane the codes of elements `4·GROUP_OF_FOUR..` of a block of 32, a byte each, for rows that follow each other.
///
/// # Safety
/// `block` is where these rows' part of the first line of the block's codes begins.
#[inline(always)]
pub(super) unsafe fn codes<S: Simd, P: Packing, const GROUP_OF_FOUR: usize>(simd: S, block: *const u8) -> S::I32 {
    let at = GROUP_OF_FOUR;
    // SAFETY: a block has as many lines as its codes have bits, and the lanes of one line are read.
    let line = |line: usize| unsafe { simd.load_i32_at(block.add(line * LINE).cast()) };
    let masked = |x, mask| simd.and_i32(x, simd.splat_i32(mask));
    let four = || masked(shift(simd, line(at % 4), if at < 4 { 0 } else { -4 }), 0x0f0f_0f0f);
    let place = at as i32;
    let two = |first: usize, to: i32| masked(shift(simd, line(first + at / 4), to - 2 * (place % 4)), 0x0303_0303 << to);
    let one = |at_line: usize, to: i32| masked(shift(simd, line(at_line), to - place), 0x0101_0101 << to);
    match P::LAYOUT.bits {
        8 => line(at),
        6 => simd.or_i32(four(), two(4, 4)),
        5 => simd.or_i32(four(), one(4, 4)),
        4 => four(),
        3 => simd.or_i32(two(0, 0), one(2, 2)),
        _ => two(0, 0),
    }
}

/// The scales of rows for one part (16 or 32 elements, as the format has it) of half a group, and what is added to their
/// elements: both as the format defines them, rounded once.
///
/// # Safety
/// `header` is that of half a group with more parts than `part`, and `row + S::LANES` is at most [`HALF`].
#[inline(always)]
pub(super) unsafe fn scales<S: Simd, P: Packing>(
    simd: S,
    header: *const u8,
    part: usize,
    row: usize,
) -> (S::F32, S::F32) {
    // SAFETY: the header has these, see `layout`.
    let half = |place: usize| unsafe { simd.load_f16_at(header.add(place).cast::<u16>().add(row)) };
    // SAFETY: as above.
    let byte = |place: usize| unsafe { simd.load_u8_at(header.add(place + row)) };
    let halves = 2 * HALF;
    match P::LAYOUT.scales {
        Scales::Half => (half(part * halves), simd.zero()),
        Scales::HalfAndMinimum => (half(2 * part * halves), half((2 * part + 1) * halves)),
        Scales::Bytes => {
            let at = 2 * halves + 2 * part * HALF;
            let scale = simd.mul(half(0), simd.from_i32(byte(at)));
            let minimum = simd.mul(half(halves), simd.from_i32(byte(at + HALF)));
            (scale, simd.neg(minimum))
        }
        Scales::SignedBytes => {
            // SAFETY: as above.
            let byte = unsafe { simd.load_i8_at(header.add(halves + part * HALF + row).cast()) };
            (simd.mul(half(0), simd.from_i32(byte)), simd.zero())
        }
        Scales::Nibbles => {
            let both = byte(2 * halves + part * HALF);
            let scale = simd.mul(half(0), simd.from_i32(simd.and_i32(both, simd.splat_i32(0xf))));
            let minimum = simd.mul(half(halves), simd.from_i32(simd.shr::<4>(both)));
            (scale, simd.neg(minimum))
        }
    }
}

/// The elements that four codes of each lane stand for, given the lanes' scale and minimum, as `glassbox-tensor` decodes
/// them: every difference is exact, the product is rounded, then the sum.
///
/// A code is put under the exponent of a power of two whose lowest bits it then is; taking off that power and the offset
/// is exact. This needs no conversion of integers, and of the four codes two need no shift.
#[inline(always)]
pub(super) fn elements<S: Simd, P: Packing>(simd: S, codes: S::I32, scale: S::F32, minimum: S::F32) -> [S::F32; 4] {
    // The bits of 2^23, whose lowest bit is bit 0, and of 2^15, whose bit for 1 is bit 8.
    const LOW: (i32, i32, f32) = (0xff, 0x4b00_0000, 8_388_608.0);
    const HIGH: (i32, i32, f32) = (0xff00, 0x4700_0000, 32_768.0);
    let offset = P::LAYOUT.offset as f32;
    let element = |codes: S::I32, (mask, power, value): (i32, i32, f32)| {
        let bits = simd.or_i32(simd.and_i32(codes, simd.splat_i32(mask)), simd.splat_i32(power));
        let code = simd.sub(simd.from_bits(bits), simd.splat(value + offset));
        let product = simd.mul(scale, code);
        if P::LAYOUT.has_minima() { simd.add(product, minimum) } else { product }
    };
    let upper = simd.shr::<16>(codes);
    [element(codes, LOW), element(codes, HIGH), element(upper, LOW), element(upper, HIGH)]
}

/// Writes half a group as f32: element `k` of row `r` to `out[k · PANEL + r]`.
///
/// # Safety
/// `half` is that of a group of `blocks` blocks; `out` has room for `32 · blocks` times [`PANEL`] numbers, less what
/// precedes this half's rows.
#[inline(always)]
pub(super) unsafe fn decode_half<S: Simd, P: Packing>(simd: S, half: *const u8, blocks: usize, out: *mut f32) {
    let parts = BLOCK / P::LAYOUT.shared();
    for row in (0..HALF).step_by(S::LANES) {
        for block in 0..blocks {
            // SAFETY: as the caller says; the codes of the blocks follow the header.
            unsafe {
                let lines = half.add(P::LAYOUT.header_bytes(blocks) + block * P::LAYOUT.code_bytes() + 4 * row);
                let out = out.add(block * BLOCK * PANEL + row);
                let (mut scale, mut minimum) = scales::<S, P>(simd, half, block * parts, row);
                each!(AT in [0 1 2 3 4 5 6 7] {
                    if AT == 4 && parts == 2 {
                        (scale, minimum) = scales::<S, P>(simd, half, block * parts + 1, row);
                    }
                    let codes = codes::<S, P, AT>(simd, lines);
                    for (at, element) in elements::<S, P>(simd, codes, scale, minimum).into_iter().enumerate() {
                        simd.store_at(out.add((4 * AT + at) * PANEL), element);
                    }
                });
            }
        }
    }
}
