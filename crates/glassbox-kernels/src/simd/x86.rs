//! AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::{Kernel, Level, MAX_LANES, Simd};

/// Compiled with the instructions of [`Level::Avx2`].
///
/// # Safety
/// The processor has them.
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt")]
pub(super) unsafe fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Compiled with the instructions of [`Level::Avx512`].
///
/// # Safety
/// The processor has them.
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

/// Eight lanes. Made by [`run`](super::run) alone, where the processor has AVX2, FMA and F16C.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// For kernels of more instructions than a level has, which have an entry of their own.
    ///
    /// # Safety
    /// The processor has AVX2, FMA and F16C.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Avx2 {
        Avx2(())
    }
}

/// Sixteen lanes. Made by [`run`](super::run) alone, where the processor has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// For kernels of more instructions than a level has, which have an entry of their own.
    ///
    /// # Safety
    /// The processor has AVX-512 F, BW, DQ and VL.
    #[inline(always)]
    pub(crate) unsafe fn assume() -> Avx512 {
        Avx512(())
    }
}

/// One line of an implementation: a name, its parameters, and what it gives.
macro_rules! operations {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $body:expr;)*) => {
        $(#[inline(always)]
        #[allow(unused_unsafe, reason = "what concerns masks alone is safe")]
        fn $name(self, $($arg: $ty),*) -> $out {
            // SAFETY: `self` exists only where the processor has the instructions.
            unsafe { $body }
        })*
    };
}

/// One line of an implementation that reads or writes memory.
macro_rules! accesses {
    ($($name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? = $body:expr;)*) => {
        $(#[inline(always)]
        unsafe fn $name(self, $($arg: $ty),*) $(-> $out)? {
            // SAFETY: `self` exists only where the processor has the instructions; the caller says that the memory is there.
            unsafe { $body }
        })*
    };
}

/// Masks of eight lanes, of which the first `count` are set.
#[inline(always)]
fn first_lanes(count: usize) -> __m256i {
    const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let count = count.min(8);
    // SAFETY: eight lanes from `8 - count` lie within the sixteen.
    unsafe { LANES.as_ptr().add(8 - count).cast::<__m256i>().read_unaligned() }
}

impl Simd for Avx2 {
    const LANES: usize = 8;
    const LEVEL: Level = Level::Avx2;
    type F32 = __m256;
    type I32 = __m256i;
    type Mask = __m256;
    type F64 = [__m256d; 2];

    accesses! {
        load_at(from: *const f32) -> __m256 = _mm256_loadu_ps(from);
        store_at(to: *mut f32, x: __m256) = _mm256_storeu_ps(to, x);
        load_part_at(from: *const f32, count: usize) -> __m256 = _mm256_maskload_ps(from, first_lanes(count));
        store_part_at(to: *mut f32, count: usize, x: __m256) = _mm256_maskstore_ps(to, first_lanes(count), x);
        load_i32_at(from: *const i32) -> __m256i = _mm256_loadu_si256(from.cast());
        store_i32_at(to: *mut i32, x: __m256i) = _mm256_storeu_si256(to.cast(), x);
        load_i8_at(from: *const i8) -> __m256i = _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()));
        load_u8_at(from: *const u8) -> __m256i = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
        load_i8_pairs_at(from: *const i8) -> __m256i = _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast()));
        load_f16_at(from: *const u16) -> __m256 = _mm256_cvtph_ps(_mm_loadu_si128(from.cast()));
        store_f16_at(to: *mut u16, x: __m256) = _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x));
        load_bf16_at(from: *const u16) -> __m256 =
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()))));
        store_bf16_at(to: *mut u16, x: __m256) = {
            let rounded = bf16_bits(Avx2(()), x);
            let packed = _mm256_packus_epi32(rounded, rounded);
            let packed = _mm256_permute4x64_epi64::<0b1000>(packed);
            _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(packed));
        };
    }

    operations! {
        splat(x: f32) -> __m256 = _mm256_set1_ps(x);
        add(x: __m256, y: __m256) -> __m256 = _mm256_add_ps(x, y);
        sub(x: __m256, y: __m256) -> __m256 = _mm256_sub_ps(x, y);
        mul(x: __m256, y: __m256) -> __m256 = _mm256_mul_ps(x, y);
        div(x: __m256, y: __m256) -> __m256 = _mm256_div_ps(x, y);
        fma(x: __m256, y: __m256, z: __m256) -> __m256 = _mm256_fmadd_ps(x, y, z);
        fnma(x: __m256, y: __m256, z: __m256) -> __m256 = _mm256_fnmadd_ps(x, y, z);
        min(x: __m256, y: __m256) -> __m256 = _mm256_min_ps(x, y);
        max(x: __m256, y: __m256) -> __m256 = _mm256_max_ps(x, y);
        sqrt(x: __m256) -> __m256 = _mm256_sqrt_ps(x);
        floor(x: __m256) -> __m256 = _mm256_floor_ps(x);
        ceil(x: __m256) -> __m256 = _mm256_ceil_ps(x);
        trunc(x: __m256) -> __m256 = _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(x);
        round_even(x: __m256) -> __m256 = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        lt(x: __m256, y: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LT_OQ>(x, y);
        le(x: __m256, y: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LE_OQ>(x, y);
        eq(x: __m256, y: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_EQ_OQ>(x, y);
        ne(x: __m256, y: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_NEQ_UQ>(x, y);
        and_mask(x: __m256, y: __m256) -> __m256 = _mm256_and_ps(x, y);
        or_mask(x: __m256, y: __m256) -> __m256 = _mm256_or_ps(x, y);
        not_mask(x: __m256) -> __m256 = _mm256_xor_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
        select(mask: __m256, x: __m256, y: __m256) -> __m256 = _mm256_blendv_ps(y, x, mask);
        select_i32(mask: __m256, x: __m256i, y: __m256i) -> __m256i =
            _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(y), _mm256_castsi256_ps(x), mask));
        permute(x: __m256, lanes: __m256i) -> __m256 = _mm256_permutevar8x32_ps(x, lanes);
        any(mask: __m256) -> bool = _mm256_movemask_ps(mask) != 0;
        to_bits(x: __m256) -> __m256i = _mm256_castps_si256(x);
        from_bits(x: __m256i) -> __m256 = _mm256_castsi256_ps(x);
        to_i32_nearest(x: __m256) -> __m256i = _mm256_cvtps_epi32(x);
        from_i32(x: __m256i) -> __m256 = _mm256_cvtepi32_ps(x);
        splat_i32(x: i32) -> __m256i = _mm256_set1_epi32(x);
        add_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_add_epi32(x, y);
        sub_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_sub_epi32(x, y);
        mul_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_mullo_epi32(x, y);
        dot_i16(x: __m256i, y: __m256i, z: __m256i) -> __m256i = _mm256_add_epi32(z, _mm256_madd_epi16(x, y));
        and_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_and_si256(x, y);
        or_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_or_si256(x, y);
        xor_i32(x: __m256i, y: __m256i) -> __m256i = _mm256_xor_si256(x, y);
        eq_i32(x: __m256i, y: __m256i) -> __m256 = _mm256_castsi256_ps(_mm256_cmpeq_epi32(x, y));
        gt_i32(x: __m256i, y: __m256i) -> __m256 = _mm256_castsi256_ps(_mm256_cmpgt_epi32(x, y));
        sum(x: __m256) -> f32 = {
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        };
        largest(x: __m256) -> f32 = {
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps::<1>(x, x)))
        };
        widen(x: __m256) -> [__m256d; 2] =
            [_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x))];
        narrow(x: [__m256d; 2]) -> __m256 = _mm256_set_m128(_mm256_cvtpd_ps(x[1]), _mm256_cvtpd_ps(x[0]));
        splat_f64(x: f64) -> [__m256d; 2] = [_mm256_set1_pd(x); 2];
        add_f64(x: [__m256d; 2], y: [__m256d; 2]) -> [__m256d; 2] = [_mm256_add_pd(x[0], y[0]), _mm256_add_pd(x[1], y[1])];
        mul_f64(x: [__m256d; 2], y: [__m256d; 2]) -> [__m256d; 2] = [_mm256_mul_pd(x[0], y[0]), _mm256_mul_pd(x[1], y[1])];
        div_f64(x: [__m256d; 2], y: [__m256d; 2]) -> [__m256d; 2] = [_mm256_div_pd(x[0], y[0]), _mm256_div_pd(x[1], y[1])];
        fma_f64(x: [__m256d; 2], y: [__m256d; 2], z: [__m256d; 2]) -> [__m256d; 2] =
            [_mm256_fmadd_pd(x[0], y[0], z[0]), _mm256_fmadd_pd(x[1], y[1], z[1])];
        round_even_f64(x: [__m256d; 2]) -> [__m256d; 2] = {
            const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
            [_mm256_round_pd::<MODE>(x[0]), _mm256_round_pd::<MODE>(x[1])]
        };
        lanes_f64(x: [__m256d; 2]) -> [f64; MAX_LANES] = {
            let mut lanes = [0.0; MAX_LANES];
            _mm256_storeu_pd(lanes.as_mut_ptr(), x[0]);
            _mm256_storeu_pd(lanes.as_mut_ptr().add(4), x[1]);
            lanes
        };
    }

    #[inline(always)]
    unsafe fn transpose_at(self, from: &[*const f32; MAX_LANES], offset: usize, to: *mut f32, pitch: usize) {
        for column in [0, 4] {
            // SAFETY: `self` exists only where the processor has the instructions; the caller says that the memory is there.
            unsafe {
                let mut rows = [_mm256_setzero_ps(); 4];
                for row in 0..4 {
                    let x = _mm256_castps128_ps256(_mm_loadu_ps(from[row].add(offset + column)));
                    rows[row] = _mm256_insertf128_ps::<1>(x, _mm_loadu_ps(from[row + 4].add(offset + column)));
                }
                let (a, b) = (_mm256_unpacklo_ps(rows[0], rows[1]), _mm256_unpackhi_ps(rows[0], rows[1]));
                let (c, d) = (_mm256_unpacklo_ps(rows[2], rows[3]), _mm256_unpackhi_ps(rows[2], rows[3]));
                _mm256_storeu_ps(to.add(column * pitch), _mm256_shuffle_ps::<0x44>(a, c));
                _mm256_storeu_ps(to.add((column + 1) * pitch), _mm256_shuffle_ps::<0xee>(a, c));
                _mm256_storeu_ps(to.add((column + 2) * pitch), _mm256_shuffle_ps::<0x44>(b, d));
                _mm256_storeu_ps(to.add((column + 3) * pitch), _mm256_shuffle_ps::<0xee>(b, d));
            }
        }
    }
    #[inline(always)]
    fn shl<const BITS: u32>(self, x: __m256i) -> __m256i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm256_sll_epi32(x, _mm_cvtsi32_si128(BITS as i32)) }
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: __m256i) -> __m256i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm256_srl_epi32(x, _mm_cvtsi32_si128(BITS as i32)) }
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: __m256i) -> __m256i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm256_sra_epi32(x, _mm_cvtsi32_si128(BITS as i32)) }
    }
}

/// In the lower half of each lane, the bits of bf16 nearest to x, of two the even one; a quiet NaN where x is one.
#[inline(always)]
fn bf16_bits<S: Simd>(simd: S, x: S::F32) -> S::I32 {
    let bits = simd.to_bits(x);
    let odd = simd.and_i32(simd.shr::<16>(bits), simd.splat_i32(1));
    let rounded = simd.add_i32(simd.add_i32(bits, simd.splat_i32(0x7fff)), odd);
    let quiet = simd.or_i32(bits, simd.splat_i32(0x0040_0000));
    let chosen = simd.select_i32(simd.ne(x, x), quiet, rounded);
    simd.shr::<16>(chosen)
}

impl Simd for Avx512 {
    const LANES: usize = 16;
    const LEVEL: Level = Level::Avx512;
    type F32 = __m512;
    type I32 = __m512i;
    type Mask = __mmask16;
    type F64 = [__m512d; 2];

    accesses! {
        load_at(from: *const f32) -> __m512 = _mm512_loadu_ps(from);
        store_at(to: *mut f32, x: __m512) = _mm512_storeu_ps(to, x);
        load_part_at(from: *const f32, count: usize) -> __m512 = _mm512_maskz_loadu_ps(first_bits(count), from);
        store_part_at(to: *mut f32, count: usize, x: __m512) = _mm512_mask_storeu_ps(to, first_bits(count), x);
        load_i32_at(from: *const i32) -> __m512i = _mm512_loadu_si512(from.cast());
        store_i32_at(to: *mut i32, x: __m512i) = _mm512_storeu_si512(to.cast(), x);
        load_i8_at(from: *const i8) -> __m512i = _mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()));
        load_u8_at(from: *const u8) -> __m512i = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
        load_i8_pairs_at(from: *const i8) -> __m512i = _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast()));
        load_f16_at(from: *const u16) -> __m512 = _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()));
        store_f16_at(to: *mut u16, x: __m512) =
            _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x));
        load_bf16_at(from: *const u16) -> __m512 =
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()))));
        store_bf16_at(to: *mut u16, x: __m512) =
            _mm256_storeu_si256(to.cast(), _mm512_cvtepi32_epi16(bf16_bits(Avx512(()), x)));
    }

    operations! {
        splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        add(x: __m512, y: __m512) -> __m512 = _mm512_add_ps(x, y);
        sub(x: __m512, y: __m512) -> __m512 = _mm512_sub_ps(x, y);
        mul(x: __m512, y: __m512) -> __m512 = _mm512_mul_ps(x, y);
        div(x: __m512, y: __m512) -> __m512 = _mm512_div_ps(x, y);
        fma(x: __m512, y: __m512, z: __m512) -> __m512 = _mm512_fmadd_ps(x, y, z);
        fnma(x: __m512, y: __m512, z: __m512) -> __m512 = _mm512_fnmadd_ps(x, y, z);
        min(x: __m512, y: __m512) -> __m512 = _mm512_min_ps(x, y);
        max(x: __m512, y: __m512) -> __m512 = _mm512_max_ps(x, y);
        sqrt(x: __m512) -> __m512 = _mm512_sqrt_ps(x);
        floor(x: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(x);
        ceil(x: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>(x);
        trunc(x: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(x);
        round_even(x: __m512) -> __m512 =
            _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
        lt(x: __m512, y: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, y);
        le(x: __m512, y: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, y);
        eq(x: __m512, y: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(x, y);
        ne(x: __m512, y: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, y);
        and_mask(x: __mmask16, y: __mmask16) -> __mmask16 = x & y;
        or_mask(x: __mmask16, y: __mmask16) -> __mmask16 = x | y;
        not_mask(x: __mmask16) -> __mmask16 = !x;
        select(mask: __mmask16, x: __m512, y: __m512) -> __m512 = _mm512_mask_blend_ps(mask, y, x);
        select_i32(mask: __mmask16, x: __m512i, y: __m512i) -> __m512i = _mm512_mask_blend_epi32(mask, y, x);
        permute(x: __m512, lanes: __m512i) -> __m512 = _mm512_permutexvar_ps(lanes, x);
        any(mask: __mmask16) -> bool = mask != 0;
        to_bits(x: __m512) -> __m512i = _mm512_castps_si512(x);
        from_bits(x: __m512i) -> __m512 = _mm512_castsi512_ps(x);
        to_i32_nearest(x: __m512) -> __m512i = _mm512_cvtps_epi32(x);
        from_i32(x: __m512i) -> __m512 = _mm512_cvtepi32_ps(x);
        splat_i32(x: i32) -> __m512i = _mm512_set1_epi32(x);
        add_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_add_epi32(x, y);
        sub_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_sub_epi32(x, y);
        mul_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_mullo_epi32(x, y);
        dot_i16(x: __m512i, y: __m512i, z: __m512i) -> __m512i = _mm512_add_epi32(z, _mm512_madd_epi16(x, y));
        and_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_and_si512(x, y);
        or_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_or_si512(x, y);
        xor_i32(x: __m512i, y: __m512i) -> __m512i = _mm512_xor_si512(x, y);
        eq_i32(x: __m512i, y: __m512i) -> __mmask16 = _mm512_cmpeq_epi32_mask(x, y);
        gt_i32(x: __m512i, y: __m512i) -> __mmask16 = _mm512_cmpgt_epi32_mask(x, y);
        sum(x: __m512) -> f32 = {
            let x = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        };
        largest(x: __m512) -> f32 = {
            let x = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_shuffle_ps::<1>(x, x)))
        };
        widen(x: __m512) -> [__m512d; 2] =
            [_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(x))];
        narrow(x: [__m512d; 2]) -> __m512 = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(_mm512_cvtpd_ps(x[0])), _mm512_cvtpd_ps(x[1]));
        splat_f64(x: f64) -> [__m512d; 2] = [_mm512_set1_pd(x); 2];
        add_f64(x: [__m512d; 2], y: [__m512d; 2]) -> [__m512d; 2] = [_mm512_add_pd(x[0], y[0]), _mm512_add_pd(x[1], y[1])];
        mul_f64(x: [__m512d; 2], y: [__m512d; 2]) -> [__m512d; 2] = [_mm512_mul_pd(x[0], y[0]), _mm512_mul_pd(x[1], y[1])];
        div_f64(x: [__m512d; 2], y: [__m512d; 2]) -> [__m512d; 2] = [_mm512_div_pd(x[0], y[0]), _mm512_div_pd(x[1], y[1])];
        fma_f64(x: [__m512d; 2], y: [__m512d; 2], z: [__m512d; 2]) -> [__m512d; 2] =
            [_mm512_fmadd_pd(x[0], y[0], z[0]), _mm512_fmadd_pd(x[1], y[1], z[1])];
        round_even_f64(x: [__m512d; 2]) -> [__m512d; 2] = {
            const MODE: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
            [_mm512_roundscale_pd::<MODE>(x[0]), _mm512_roundscale_pd::<MODE>(x[1])]
        };
        lanes_f64(x: [__m512d; 2]) -> [f64; MAX_LANES] = {
            let mut lanes = [0.0; MAX_LANES];
            _mm512_storeu_pd(lanes.as_mut_ptr(), x[0]);
            _mm512_storeu_pd(lanes.as_mut_ptr().add(8), x[1]);
            lanes
        };
    }

    #[inline(always)]
    unsafe fn transpose_at(self, from: &[*const f32; MAX_LANES], offset: usize, to: *mut f32, pitch: usize) {
        for column in [0, 4, 8, 12] {
            // SAFETY: `self` exists only where the processor has the instructions; the caller says that the memory is there.
            unsafe {
                let mut rows = [_mm512_setzero_ps(); 4];
                for row in 0..4 {
                    let x = _mm512_castps128_ps512(_mm_loadu_ps(from[row].add(offset + column)));
                    let x = _mm512_insertf32x4::<1>(x, _mm_loadu_ps(from[row + 4].add(offset + column)));
                    let x = _mm512_insertf32x4::<2>(x, _mm_loadu_ps(from[row + 8].add(offset + column)));
                    rows[row] = _mm512_insertf32x4::<3>(x, _mm_loadu_ps(from[row + 12].add(offset + column)));
                }
                let (a, b) = (_mm512_unpacklo_ps(rows[0], rows[1]), _mm512_unpackhi_ps(rows[0], rows[1]));
                let (c, d) = (_mm512_unpacklo_ps(rows[2], rows[3]), _mm512_unpackhi_ps(rows[2], rows[3]));
                _mm512_storeu_ps(to.add(column * pitch), _mm512_shuffle_ps::<0x44>(a, c));
                _mm512_storeu_ps(to.add((column + 1) * pitch), _mm512_shuffle_ps::<0xee>(a, c));
                _mm512_storeu_ps(to.add((column + 2) * pitch), _mm512_shuffle_ps::<0x44>(b, d));
                _mm512_storeu_ps(to.add((column + 3) * pitch), _mm512_shuffle_ps::<0xee>(b, d));
            }
        }
    }
    #[inline(always)]
    fn shl<const BITS: u32>(self, x: __m512i) -> __m512i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm512_slli_epi32::<BITS>(x) }
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: __m512i) -> __m512i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm512_srli_epi32::<BITS>(x) }
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: __m512i) -> __m512i {
        // SAFETY: `self` exists only where the processor has the instructions.
        unsafe { _mm512_srai_epi32::<BITS>(x) }
    }
}

/// A mask of which the first `count` lanes are set.
#[inline(always)]
fn first_bits(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}
