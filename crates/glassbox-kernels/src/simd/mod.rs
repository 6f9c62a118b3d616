//! Vectors of the width that the processor has.
//!
//! A kernel is written once, as a [`Kernel`] that is generic over [`Simd`]; [`run`] compiles it for each [`Level`] and calls
//! the one that this processor has. Everything between [`run`] and an instruction must be `#[inline(always)]`, so that it is
//! compiled with the instructions of its level.
//!
//! Every operation of a level gives the same bits in every other, lane by lane; where levels differ in what they can,
//! the wider operation is made of narrower ones. What depends on the number of lanes is the order of a sum over lanes.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// The variable of the environment that names the [`Level`] to use, where the best one shall not be: `portable`, `avx2`,
/// `avx512`. One that the processor lacks is not taken.
pub const VARIABLE: &str = "GLASSBOX_SIMD";

/// The most lanes that any level has: room for a vector of any.
pub const MAX_LANES: usize = 16;

/// A set of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor has.
    Portable,
    /// AVX2, FMA and F16C: 8 lanes.
    Avx2,
    /// AVX-512 F, BW, DQ, VL: 16 lanes.
    Avx512,
}

impl Level {
    /// Every level, the narrowest first.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// The name, as [`VARIABLE`] has it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether this processor has the instructions.
    ///
    /// ```
    /// use glassbox_kernels::simd::Level;
    /// assert!(Level::Portable.is_available() && Level::best().is_available());
    /// ```
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The level that kernels use: the widest that the processor has, or the one that [`VARIABLE`] names.
    pub fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var(VARIABLE).ok();
            let named = Level::ALL.into_iter().find(|level| wanted.as_deref() == Some(level.name()));
            let widest = || Level::ALL.into_iter().rev().find(|level| level.is_available());
            named.filter(|level| level.is_available()).or_else(widest).unwrap_or(Level::Portable)
        })
    }

    /// The levels that this processor has, for tests; it says which it lacks.
    pub fn available() -> Vec<Level> {
        let (there, lacking): (Vec<_>, Vec<_>) = Level::ALL.into_iter().partition(|level| level.is_available());
        lacking.iter().for_each(|level| println!("skipped: no {} here", level.name()));
        there
    }
}

/// Work that is compiled for every level.
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Does it with vectors of one level. The implementation must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Does work with the best vectors of this processor.
///
/// ```
/// use glassbox_kernels::simd::{Kernel, Simd, run};
/// struct Double<'a>(&'a mut [f32]);
/// impl Kernel for Double<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run<S: Simd>(self, simd: S) {
///         let mut chunks = self.0.chunks_exact_mut(S::LANES);
///         for chunk in &mut chunks {
///             let x = simd.load(chunk);
///             simd.store(chunk, simd.add(x, x));
///         }
///         let rest = chunks.into_remainder();
///         let x = simd.load_part(rest);
///         simd.store_part(rest, simd.add(x, x));
///     }
/// }
/// let mut numbers = [1.5f32; 21];
/// run(Double(&mut numbers));
/// assert_eq!(numbers, [3.0; 21]);
/// ```
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    run_at(Level::best(), kernel)
}

/// Does work with the vectors of a level; with the best that there are where the processor lacks that level.
pub fn run_at<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions.
        Level::Avx512 if level.is_available() => unsafe { x86::run_avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions.
        Level::Avx512 | Level::Avx2 if Level::Avx2.is_available() => unsafe { x86::run_avx2(kernel) },
        _ => kernel.run(Portable),
    }
}

/// Vectors of f32, of i32 and of f64, of [`Simd::LANES`] lanes, and what can be done with them. A value of the implementing type
/// is the proof that the processor has the instructions.
///
/// Comparisons with NaN are false, but for [`Simd::ne`].
#[allow(clippy::wrong_self_convention, reason = "`self` is the level, not what is converted")]
pub trait Simd: Copy + Send + Sync + 'static {
    /// How many lanes a vector has: a power of two, [`MAX_LANES`] at most.
    const LANES: usize;
    /// Which level it is.
    const LEVEL: Level;
    /// Lanes of f32.
    type F32: Copy;
    /// Lanes of i32.
    type I32: Copy;
    /// For each lane, whether.
    type Mask: Copy;
    /// As many lanes of f64.
    type F64: Copy;

    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements; it needs no alignment.
    unsafe fn load_at(self, from: *const f32) -> Self::F32;
    /// # Safety
    /// `to` can be written for [`Simd::LANES`] elements; it needs no alignment.
    unsafe fn store_at(self, to: *mut f32, x: Self::F32);
    /// The first `count` lanes, at most [`Simd::LANES`]; zeros in the others.
    ///
    /// # Safety
    /// `from` can be read for `count` elements.
    unsafe fn load_part_at(self, from: *const f32, count: usize) -> Self::F32;
    /// The first `count` lanes, at most [`Simd::LANES`].
    ///
    /// # Safety
    /// `to` can be written for `count` elements.
    unsafe fn store_part_at(self, to: *mut f32, count: usize, x: Self::F32);
    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements.
    unsafe fn load_i32_at(self, from: *const i32) -> Self::I32;
    /// # Safety
    /// `to` can be written for [`Simd::LANES`] elements.
    unsafe fn store_i32_at(self, to: *mut i32, x: Self::I32);
    /// Signed bytes, widened.
    ///
    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements.
    unsafe fn load_i8_at(self, from: *const i8) -> Self::I32;
    /// Unsigned bytes, widened.
    ///
    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements.
    unsafe fn load_u8_at(self, from: *const u8) -> Self::I32;
    /// Signed bytes, widened to i16, two in each lane: the first in its lower half.
    ///
    /// # Safety
    /// `from` can be read for twice [`Simd::LANES`] elements.
    unsafe fn load_i8_pairs_at(self, from: *const i8) -> Self::I32;
    /// Halves (IEEE binary16), widened exactly.
    ///
    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements.
    unsafe fn load_f16_at(self, from: *const u16) -> Self::F32;
    /// Rounded to halves, to nearest even.
    ///
    /// # Safety
    /// `to` can be written for [`Simd::LANES`] elements.
    unsafe fn store_f16_at(self, to: *mut u16, x: Self::F32);
    /// The upper halves of f32, widened exactly.
    ///
    /// # Safety
    /// `from` can be read for [`Simd::LANES`] elements.
    unsafe fn load_bf16_at(self, from: *const u16) -> Self::F32;
    /// Rounded to bf16, to nearest even; a NaN stays one.
    ///
    /// # Safety
    /// `to` can be written for [`Simd::LANES`] elements.
    unsafe fn store_bf16_at(self, to: *mut u16, x: Self::F32);

    /// Reads [`Simd::LANES`] numbers from `offset` on behind each of the first [`Simd::LANES`] pointers, and writes them
    /// transposed: the first ones to `to`, the second ones to `to + pitch`, and so on, in this order, so that of rows that
    /// overlap the later one stays.
    ///
    /// # Safety
    /// Behind each of the pointers, `offset + LANES` elements can be read, and at each of the rows `LANES` written.
    #[inline(always)]
    unsafe fn transpose_at(self, from: &[*const f32; MAX_LANES], offset: usize, to: *mut f32, pitch: usize) {
        for place in 0..Self::LANES {
            for (lane, from) in from.iter().enumerate().take(Self::LANES) {
                // SAFETY: the caller says that both are there.
                unsafe { *to.add(place * pitch + lane) = *from.add(offset + place) };
            }
        }
    }

    /// The same number in every lane.
    fn splat(self, x: f32) -> Self::F32;
    /// x + y.
    fn add(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x − y.
    fn sub(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x · y.
    fn mul(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x / y.
    fn div(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x · y + z, rounded once.
    fn fma(self, x: Self::F32, y: Self::F32, z: Self::F32) -> Self::F32;
    /// z − x · y, rounded once.
    fn fnma(self, x: Self::F32, y: Self::F32, z: Self::F32) -> Self::F32;
    /// x where x < y, otherwise y: y where either is NaN.
    fn min(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x where x > y, otherwise y: y where either is NaN.
    fn max(self, x: Self::F32, y: Self::F32) -> Self::F32;
    /// The square root, rounded once.
    fn sqrt(self, x: Self::F32) -> Self::F32;
    /// The next integer below.
    fn floor(self, x: Self::F32) -> Self::F32;
    /// The next integer above.
    fn ceil(self, x: Self::F32) -> Self::F32;
    /// The next integer toward zero.
    fn trunc(self, x: Self::F32) -> Self::F32;
    /// The nearest integer, of two the even one.
    fn round_even(self, x: Self::F32) -> Self::F32;

    /// x < y.
    fn lt(self, x: Self::F32, y: Self::F32) -> Self::Mask;
    /// x ≤ y.
    fn le(self, x: Self::F32, y: Self::F32) -> Self::Mask;
    /// x = y.
    fn eq(self, x: Self::F32, y: Self::F32) -> Self::Mask;
    /// x ≠ y, or either is NaN.
    fn ne(self, x: Self::F32, y: Self::F32) -> Self::Mask;
    /// Both.
    fn and_mask(self, x: Self::Mask, y: Self::Mask) -> Self::Mask;
    /// One, or both.
    fn or_mask(self, x: Self::Mask, y: Self::Mask) -> Self::Mask;
    /// Not.
    fn not_mask(self, x: Self::Mask) -> Self::Mask;
    /// x where the mask is set, otherwise y.
    fn select(self, mask: Self::Mask, x: Self::F32, y: Self::F32) -> Self::F32;
    /// x where the mask is set, otherwise y.
    fn select_i32(self, mask: Self::Mask, x: Self::I32, y: Self::I32) -> Self::I32;
    /// For each lane, the lane of x that `lanes` names, which is below [`Simd::LANES`].
    fn permute(self, x: Self::F32, lanes: Self::I32) -> Self::F32;
    /// Whether any lane is set.
    fn any(self, mask: Self::Mask) -> bool;

    /// The bits as they are.
    fn to_bits(self, x: Self::F32) -> Self::I32;
    /// The bits as they are.
    fn from_bits(self, x: Self::I32) -> Self::F32;
    /// The nearest integer, of two the even one; `i32::MIN` where i32 has none.
    fn to_i32_nearest(self, x: Self::F32) -> Self::I32;
    /// The integer as f32, rounded once.
    fn from_i32(self, x: Self::I32) -> Self::F32;
    /// The same integer in every lane.
    fn splat_i32(self, x: i32) -> Self::I32;
    /// x + y, wrapping.
    fn add_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// x − y, wrapping.
    fn sub_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// x · y, wrapping.
    fn mul_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// z + the products of both i16 in each lane of x and y, wrapping.
    fn dot_i16(self, x: Self::I32, y: Self::I32, z: Self::I32) -> Self::I32;
    /// Bit by bit.
    fn and_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// Bit by bit.
    fn or_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// Bit by bit.
    fn xor_i32(self, x: Self::I32, y: Self::I32) -> Self::I32;
    /// Shifted left by `BITS`.
    fn shl<const BITS: u32>(self, x: Self::I32) -> Self::I32;
    /// Shifted right by `BITS`, zeros coming in.
    fn shr<const BITS: u32>(self, x: Self::I32) -> Self::I32;
    /// Shifted right by `BITS`, copies of the sign coming in.
    fn sar<const BITS: u32>(self, x: Self::I32) -> Self::I32;
    /// x = y.
    fn eq_i32(self, x: Self::I32, y: Self::I32) -> Self::Mask;
    /// x > y.
    fn gt_i32(self, x: Self::I32, y: Self::I32) -> Self::Mask;

    /// The sum of all lanes: halves are added to each other until one lane is left.
    fn sum(self, x: Self::F32) -> f32;
    /// The largest lane; of NaNs nothing is said.
    fn largest(self, x: Self::F32) -> f32;

    /// The lanes as f64, exactly.
    fn widen(self, x: Self::F32) -> Self::F64;
    /// Rounded to f32, to nearest even.
    fn narrow(self, x: Self::F64) -> Self::F32;
    /// The same number in every lane.
    fn splat_f64(self, x: f64) -> Self::F64;
    /// x + y.
    fn add_f64(self, x: Self::F64, y: Self::F64) -> Self::F64;
    /// x · y.
    fn mul_f64(self, x: Self::F64, y: Self::F64) -> Self::F64;
    /// x / y.
    fn div_f64(self, x: Self::F64, y: Self::F64) -> Self::F64;
    /// x · y + z, rounded once.
    fn fma_f64(self, x: Self::F64, y: Self::F64, z: Self::F64) -> Self::F64;
    /// The nearest integer, of two the even one.
    fn round_even_f64(self, x: Self::F64) -> Self::F64;
    /// The lanes, the others of [`MAX_LANES`] being zero.
    fn lanes_f64(self, x: Self::F64) -> [f64; MAX_LANES];

    /// Zero in every lane.
    #[inline(always)]
    fn zero(self) -> Self::F32 {
        self.splat(0.0)
    }

    /// |x|, also of NaN.
    #[inline(always)]
    fn abs(self, x: Self::F32) -> Self::F32 {
        self.from_bits(self.and_i32(self.to_bits(x), self.splat_i32(i32::MAX)))
    }

    /// −x, also of NaN.
    #[inline(always)]
    fn neg(self, x: Self::F32) -> Self::F32 {
        self.from_bits(self.xor_i32(self.to_bits(x), self.splat_i32(i32::MIN)))
    }

    /// The first lanes of a slice.
    ///
    /// # Panics
    /// Where it has fewer than [`Simd::LANES`].
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::F32 {
        assert!(from.len() >= Self::LANES);
        // SAFETY: there are as many.
        unsafe { self.load_at(from.as_ptr()) }
    }

    /// Into the first lanes of a slice.
    ///
    /// # Panics
    /// Where it has fewer than [`Simd::LANES`].
    #[inline(always)]
    fn store(self, to: &mut [f32], x: Self::F32) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: there are as many.
        unsafe { self.store_at(to.as_mut_ptr(), x) }
    }

    /// What a slice has, [`Simd::LANES`] at most; zeros in the other lanes.
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> Self::F32 {
        // SAFETY: there are as many.
        unsafe { self.load_part_at(from.as_ptr(), from.len().min(Self::LANES)) }
    }

    /// As much as a slice has room for.
    #[inline(always)]
    fn store_part(self, to: &mut [f32], x: Self::F32) {
        // SAFETY: there are as many.
        unsafe { self.store_part_at(to.as_mut_ptr(), to.len().min(Self::LANES), x) }
    }

    /// The lanes, the others of [`MAX_LANES`] being zero.
    #[inline(always)]
    fn lanes(self, x: Self::F32) -> [f32; MAX_LANES] {
        let mut lanes = [0.0; MAX_LANES];
        self.store(&mut lanes, x);
        lanes
    }
}

#[cfg(test)]
mod tests;
