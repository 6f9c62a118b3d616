//! From packed memory to vectors: codes, scales, and elements as f32.

use super::layout::{BLOCK, LINE, PANEL, Packing, Scales};
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

/// A line of a block's codes, for rows that follow each other.
///
/// # Safety
/// As [`codes`] says; the block has that line.
#[inline(always)]
unsafe fn line<S: Simd>(simd: S, block: *const u8, line: usize) -> S::I32 {
    // SAFETY: the lanes of one line are read.
    unsafe { simd.load_i32_at(block.add(line * LINE).cast()) }
}

/// Shifted to the left by `by`, or to the right, and of each byte the bits of `mask`.
#[inline(always)]
fn field<S: Simd>(simd: S, x: S::I32, by: i32, mask: u8) -> S::I32 {
    simd.and_i32(shift(simd, x, by), simd.splat_i32(i32::from_le_bytes([mask; 4])))
}

/// Four bits from the plane that begins with the first line.
///
/// # Safety
/// As [`codes`] says.
#[inline(always)]
unsafe fn four_bits<S: Simd, const AT: usize>(simd: S, block: *const u8) -> S::I32 {
    // SAFETY: the plane has four lines.
    let line = unsafe { line(simd, block, AT % 4) };
    field(simd, line, if AT < 4 { 0 } else { -4 }, 0xf)
}

/// Two bits from the plane that begins with line `first`, as bits `to..` of each byte.
///
/// # Safety
/// As [`codes`] says; the plane is there.
#[inline(always)]
unsafe fn two_bits<S: Simd, const AT: usize>(simd: S, block: *const u8, first: usize, to: i32) -> S::I32 {
    // SAFETY: the plane has two lines.
    let line = unsafe { line(simd, block, first + AT / 4) };
    field(simd, line, to - 2 * (AT % 4) as i32, 3 << to)
}

/// One bit from the plane of line `at`, as bit `to` of each byte.
///
/// # Safety
/// As [`codes`] says; the plane is there.
#[inline(always)]
unsafe fn one_bit<S: Simd, const AT: usize>(simd: S, block: *const u8, at: usize, to: i32) -> S::I32 {
    // SAFETY: the plane has one line.
    let line = unsafe { line(simd, block, at) };
    field(simd, line, to - AT as i32, 1 << to)
}

/// In each lane the codes of elements `4·AT..` of a block of 32, a byte each, for rows that follow each other.
///
/// Here and in what follows there are no closures: one that isn't inlined would be compiled without the level's
/// instructions.
///
/// # Safety
/// `block` is where these rows' part of the first line of the block's codes begins.
#[inline(always)]
pub(super) unsafe fn codes<S: Simd, P: Packing, const AT: usize>(simd: S, block: *const u8) -> S::I32 {
    // SAFETY: a block has these planes, see `layout`.
    unsafe {
        match P::LAYOUT.bits {
            8 => line(simd, block, AT),
            6 => simd.or_i32(four_bits::<S, AT>(simd, block), two_bits::<S, AT>(simd, block, 4, 4)),
            5 => simd.or_i32(four_bits::<S, AT>(simd, block), one_bit::<S, AT>(simd, block, 4, 4)),
            4 => four_bits::<S, AT>(simd, block),
            3 => simd.or_i32(two_bits::<S, AT>(simd, block, 0, 0), one_bit::<S, AT>(simd, block, 2, 2)),
            _ => two_bits::<S, AT>(simd, block, 0, 0),
        }
    }
}

/// The `at`-th of the f16 of all rows that a header begins with, from row `row` on.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn halves<S: Simd>(simd: S, header: *const u8, at: usize, row: usize) -> S::F32 {
    // SAFETY: the caller says so.
    unsafe { simd.load_f16_at(header.cast::<u16>().add(at * PANEL + row)) }
}

/// The `at`-th of the bytes of all rows that follow as many bytes, from row `row` on.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn bytes<S: Simd>(simd: S, header: *const u8, after: usize, at: usize, row: usize) -> S::I32 {
    // SAFETY: the caller says so.
    unsafe { simd.load_u8_at(header.add(after + at * PANEL + row)) }
}

/// The scales of rows for one part (16 or 32 elements, as the format has it) of a group, and what is added to their
/// elements: both as the format defines them, rounded once.
///
/// # Safety
/// `header` is that of a group with more parts than `part`, and `row + S::LANES` is at most [`PANEL`].
#[inline(always)]
pub(super) unsafe fn scales<S: Simd, P: Packing>(
    simd: S,
    header: *const u8,
    part: usize,
    row: usize,
) -> (S::F32, S::F32) {
    // After one f16 of all rows, and after two.
    let (one, two) = (2 * PANEL, 4 * PANEL);
    // SAFETY: the header has these, see `layout`.
    unsafe {
        match P::LAYOUT.scales {
            Scales::Half => (halves(simd, header, part, row), simd.zero()),
            Scales::HalfAndMinimum => (halves(simd, header, 2 * part, row), halves(simd, header, 2 * part + 1, row)),
            Scales::Bytes => {
                let scale = simd.from_i32(bytes(simd, header, two, 2 * part, row));
                let minimum = simd.from_i32(bytes(simd, header, two, 2 * part + 1, row));
                let scale = simd.mul(halves(simd, header, 0, row), scale);
                (scale, simd.neg(simd.mul(halves(simd, header, 1, row), minimum)))
            }
            Scales::SignedBytes => {
                let byte = simd.load_i8_at(header.add(one + part * PANEL + row).cast());
                (simd.mul(halves(simd, header, 0, row), simd.from_i32(byte)), simd.zero())
            }
            Scales::Nibbles => {
                let both = bytes(simd, header, two, part, row);
                let scale = simd.from_i32(simd.and_i32(both, simd.splat_i32(0xf)));
                let minimum = simd.from_i32(simd.shr::<4>(both));
                let scale = simd.mul(halves(simd, header, 0, row), scale);
                (scale, simd.neg(simd.mul(halves(simd, header, 1, row), minimum)))
            }
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
    let upper = simd.shr::<16>(codes);
    [
        element::<S, P, 0>(simd, codes, scale, minimum),
        element::<S, P, 8>(simd, codes, scale, minimum),
        element::<S, P, 0>(simd, upper, scale, minimum),
        element::<S, P, 8>(simd, upper, scale, minimum),
    ]
}

/// The element whose code is bits `BIT..BIT + 8` of each lane; `BIT` is 0 or 8.
#[inline(always)]
fn element<S: Simd, P: Packing, const BIT: u32>(simd: S, codes: S::I32, scale: S::F32, minimum: S::F32) -> S::F32 {
    // Where an f32 has this power of two as its exponent, bit `BIT` is worth one.
    let power = (1 << (23 - BIT)) as f32;
    let code = simd.and_i32(codes, simd.splat_i32(0xff << BIT));
    let bits = simd.or_i32(code, simd.splat_i32(power.to_bits() as i32));
    let code = simd.sub(simd.from_bits(bits), simd.splat(power + P::LAYOUT.offset as f32));
    let product = simd.mul(scale, code);
    if P::LAYOUT.has_minima() { simd.add(product, minimum) } else { product }
}

/// Writes a group as f32: element `k` of row `r` to `out[k · PANEL + r]`.
///
/// # Safety
/// `group` is one of `blocks` blocks; `out` has room for `32 · blocks` times [`PANEL`] numbers.
#[inline(always)]
pub(super) unsafe fn decode<S: Simd, P: Packing>(simd: S, group: *const u8, blocks: usize, out: *mut f32) {
    let parts = BLOCK / P::LAYOUT.shared();
    for block in 0..blocks {
        for row in (0..PANEL).step_by(S::LANES) {
            // SAFETY: as the caller says; the codes of the blocks follow the header.
            unsafe {
                let lines = group.add(P::LAYOUT.header_bytes(blocks) + block * P::LAYOUT.code_bytes() + 4 * row);
                let out = out.add(block * BLOCK * PANEL + row);
                let (mut scale, mut minimum) = scales::<S, P>(simd, group, block * parts, row);
                each!(AT in [0 1 2 3 4 5 6 7] {
                    if AT == 4 && parts == 2 {
                        (scale, minimum) = scales::<S, P>(simd, group, block * parts + 1, row);
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

/// Asks for packed memory that is read soon after what `at` points to, as much as one block of codes takes.
///
/// Processors find out by themselves that memory is read in order, but not across pages, and not as early as it takes.
#[inline(always)]
pub(super) fn prefetch_block<P: Packing>(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    for unit in 0..P::LAYOUT.group_bytes(8).div_ceil(8).div_ceil(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch may be of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(AHEAD + 64 * unit).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// How far ahead memory is asked for.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 4096;
