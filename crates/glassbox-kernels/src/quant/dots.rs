//! Sums of products of unsigned codes and signed bytes, exact on every processor.
//!
//! Codes of x are in −127..=127, and at most 32 products are added between [`Dots::begin`] and [`Dots::end`].

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Portable, Simd};

/// Sums of products in each lane: four bytes of a lane times four bytes.
pub(super) trait Dots<S: Simd>: Copy {
    /// How many rows of x a tile may have, the most first; the last is one.
    const TILE_ROWS: &'static [usize];
    /// A sum under way.
    type Sum: Copy;
    /// Begins with a number: `−offset` times the sum of x's codes.
    fn begin(self, simd: S, start: S::I32) -> Self::Sum;
    /// Codes as [`Dots::add`] takes them.
    fn prepare(self, simd: S, codes: S::I32) -> S::I32;
    /// Adds four products in each lane; at most eight times.
    fn add(self, simd: S, sum: Self::Sum, codes: S::I32, x: S::I32) -> Self::Sum;
    /// The whole sum; it is given again what it began with.
    fn end(self, simd: S, sum: Self::Sum, start: S::I32) -> S::I32;
}

/// One instruction for all of it.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Vnni(());

#[cfg(target_arch = "x86_64")]
impl Vnni {
    /// # Safety
    /// The processor has AVX512-VNNI.
    #[inline(always)]
    pub(super) unsafe fn assume() -> Vnni {
        Vnni(())
    }
}

#[cfg(target_arch = "x86_64")]
impl Dots<Avx512> for Vnni {
    const TILE_ROWS: &'static [usize] = &[12, 8, 4, 2, 1];
    type Sum = __m512i;
    #[inline(always)]
    fn begin(self, _: Avx512, start: __m512i) -> __m512i {
        start
    }
    #[inline(always)]
    fn prepare(self, _: Avx512, codes: __m512i) -> __m512i {
        codes
    }
    #[inline(always)]
    fn add(self, _: Avx512, sum: __m512i, codes: __m512i, x: __m512i) -> __m512i {
        // SAFETY: `self` exists only where the processor has the instruction.
        unsafe { _mm512_dpbusd_epi32(sum, codes, x) }
    }
    #[inline(always)]
    fn end(self, _: Avx512, sum: __m512i, _: __m512i) -> __m512i {
        sum
    }
}

/// Products of bytes, two of which are added in 16 bits. That holds what there is:
///
/// - codes of up to 4 bits: eight times two products are at most 16 · 15 · 127 = 30,480, and are widened at the end;
/// - up to 6 bits: two products are at most 2 · 63 · 127 = 16,002, and are widened at once;
/// - 8 bits: codes less 128 are signed. Their magnitudes, up to 128, are multiplied with x that has taken their sign, and
///   two products are at most 2 · 128 · 127 = 32,512.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Maddubs<const BITS: u32>;

#[cfg(target_arch = "x86_64")]
impl<const BITS: u32> Dots<Avx2> for Maddubs<BITS> {
    const TILE_ROWS: &'static [usize] = &[4, 2, 1];
    type Sum = __m256i;
    #[inline(always)]
    fn begin(self, simd: Avx2, start: __m256i) -> __m256i {
        if BITS == 6 { start } else { simd.splat_i32(0) }
    }
    #[inline(always)]
    fn prepare(self, simd: Avx2, codes: __m256i) -> __m256i {
        if BITS == 8 { simd.xor_i32(codes, simd.splat_i32(0x8080_8080_u32 as i32)) } else { codes }
    }
    #[inline(always)]
    fn add(self, _: Avx2, sum: __m256i, codes: __m256i, x: __m256i) -> __m256i {
        // SAFETY: an `Avx2` exists only where the processor has the instructions.
        unsafe {
            match BITS {
                4 => _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, x)),
                6 => _mm256_add_epi32(sum, widened(_mm256_maddubs_epi16(codes, x))),
                _ => {
                    let products = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes));
                    _mm256_add_epi32(sum, widened(products))
                }
            }
        }
    }
    #[inline(always)]
    fn end(self, simd: Avx2, sum: __m256i, start: __m256i) -> __m256i {
        match BITS {
            // SAFETY: an `Avx2` exists only where the processor has the instructions.
            4 => simd.add_i32(start, unsafe { widened(sum) }),
            _ => sum,
        }
    }
}

/// Sums of two neighbours of 16 bits.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn widened(x: __m256i) -> __m256i {
    // SAFETY: the processor has AVX2, the caller says.
    unsafe { _mm256_madd_epi16(x, _mm256_set1_epi16(1)) }
}

/// Byte by byte.
#[derive(Clone, Copy)]
pub(super) struct Words;

impl Dots<Portable> for Words {
    const TILE_ROWS: &'static [usize] = &[4, 1];
    type Sum = <Portable as Simd>::I32;
    #[inline(always)]
    fn begin(self, _: Portable, start: Self::Sum) -> Self::Sum {
        start
    }
    #[inline(always)]
    fn prepare(self, _: Portable, codes: Self::Sum) -> Self::Sum {
        codes
    }
    #[inline(always)]
    fn add(self, _: Portable, sum: Self::Sum, codes: Self::Sum, x: Self::Sum) -> Self::Sum {
        std::array::from_fn(|lane| {
            let products = codes[lane].to_le_bytes().into_iter().zip(x[lane].to_le_bytes());
            sum[lane] + products.map(|(code, x)| i32::from(code) * i32::from(x.cast_signed())).sum::<i32>()
        })
    }
    #[inline(always)]
    fn end(self, _: Portable, sum: Self::Sum, _: Self::Sum) -> Self::Sum {
        sum
    }
}
