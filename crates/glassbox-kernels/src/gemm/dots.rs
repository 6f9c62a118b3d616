//! The engines whose units hold several numbers: two or four bytes that are summed in i32, and two bf16 that are summed in
//! f32.
//!
//! Integers: no engine saturates. A sum wraps at 32 bits, so every engine gives the same integers whatever the values.

use super::float::tile_rows;
#[cfg(target_arch = "x86_64")]
use super::tile::VECTORS;
use super::tile::{Block, Engine, compute};
use crate::simd::{Kernel, Level, Simd, run_at};

/// How many rows a block has at least that is computed in tiles of the processor.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
const LEAST_TILED: usize = 4;

/// With which instructions products of bytes are summed.
///
/// ```
/// use glassbox_kernels::gemm::ByteDot;
/// assert!(ByteDot::best().is_available());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteDot {
    /// Bytes are widened to i16, of which two products are summed at once, with the vectors of a level.
    Pairs(Level),
    /// `vpdpbusd` with 8 lanes (AVX-VNNI): four products at once.
    Quads8,
    /// `vpdpbusd` with 16 lanes (AVX512-VNNI): four products at once.
    Quads16,
    /// `tdpbusd` (AMX-INT8): 64 products of sixteen rows and columns at once, where there are several rows; as
    /// [`ByteDot::Quads16`] otherwise.
    Tiles,
}

impl ByteDot {
    /// Every way.
    pub const ALL: [ByteDot; 6] = [
        ByteDot::Pairs(Level::Portable),
        ByteDot::Pairs(Level::Avx2),
        ByteDot::Pairs(Level::Avx512),
        ByteDot::Quads8,
        ByteDot::Quads16,
        ByteDot::Tiles,
    ];

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            ByteDot::Pairs(level) => level.is_available(),
            #[cfg(target_arch = "x86_64")]
            ByteDot::Quads8 => Level::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            ByteDot::Quads16 => Level::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"),
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            ByteDot::Tiles => ByteDot::Quads16.is_available() && super::amx::is_available(),
            #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
            _ => false,
        }
    }

    /// The fastest of the [best level](Level::best). A level that is named where the processor has a better one is taken
    /// to stand for a processor that has that level and nothing else.
    pub fn best() -> ByteDot {
        let level = Level::best();
        let widest = !Level::Avx512.is_available();
        match level {
            Level::Avx512 if ByteDot::Tiles.is_available() => ByteDot::Tiles,
            Level::Avx512 if ByteDot::Quads16.is_available() => ByteDot::Quads16,
            Level::Avx2 if widest && ByteDot::Quads8.is_available() => ByteDot::Quads8,
            _ => ByteDot::Pairs(level),
        }
    }

    /// How many products of an element are summed at once.
    pub(super) fn unit(self) -> usize {
        match self {
            ByteDot::Pairs(_) => 2,
            ByteDot::Quads8 | ByteDot::Quads16 | ByteDot::Tiles => 4,
        }
    }

    /// The level whose vectors it has.
    pub(super) fn level(self) -> Level {
        match self {
            ByteDot::Pairs(level) => level,
            ByteDot::Quads8 => Level::Avx2,
            ByteDot::Quads16 | ByteDot::Tiles => Level::Avx512,
        }
    }
}

/// Computes a block of bytes.
///
/// # Safety
/// As [`compute`] demands, with panels for this way.
pub(super) unsafe fn compute_bytes(dot: ByteDot, block: &Block) {
    struct Work<'a>(&'a Block);
    impl Kernel for Work<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            // SAFETY: as the caller of `compute_bytes` says.
            unsafe { compute(Pairs(simd), self.0) }
        }
    }
    match dot {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        // SAFETY: the processor has the instructions; the block is as the caller says.
        ByteDot::Tiles if dot.is_available() => unsafe { x86::compute_tiles(block) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions; the block is as the caller says.
        ByteDot::Quads16 if dot.is_available() => unsafe { x86::compute_quads16(block) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        ByteDot::Quads8 if dot.is_available() => unsafe { x86::compute_quads8(block) },
        // Panels of other ways aren't packed where the processor lacks the instructions.
        _ => run_at(dot.level(), Work(block)),
    }
}

/// Whether this processor sums products of two bf16.
pub(super) fn has_bf16_dot() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Level::Avx512.is_available() && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Computes a block of pairs of bf16.
///
/// # Safety
/// As [`compute`] demands, with panels of pairs; [`has_bf16_dot`].
pub(super) unsafe fn compute_bf16(block: &Block) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as the caller says.
    unsafe {
        x86::compute_bf16(block);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = block;
}

/// What engines of i32 have in common, with the vectors of a [`Simd`] in `self.0`.
macro_rules! integer_sums {
    () => {
        #[inline(always)]
        fn zero(self) -> Self::Vector {
            self.0.splat_i32(0)
        }
        #[inline(always)]
        unsafe fn broadcast(self, from: *const u32) -> Self::Vector {
            // SAFETY: as the caller says.
            self.0.splat_i32(unsafe { *from } as i32)
        }
        #[inline(always)]
        fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
            self.0.add_i32(x, y)
        }
        #[inline(always)]
        unsafe fn load_sums(self, from: *const u32, count: usize) -> Self::Vector {
            // SAFETY: as the caller says.
            unsafe {
                match count == Self::LANES {
                    true => self.0.load_i32_at(from.cast()),
                    false => self.0.to_bits(self.0.load_part_at(from.cast(), count)),
                }
            }
        }
        #[inline(always)]
        unsafe fn store_sums(self, to: *mut u32, count: usize, sums: Self::Vector) {
            // SAFETY: as the caller says.
            unsafe {
                match count == Self::LANES {
                    true => self.0.store_i32_at(to.cast(), sums),
                    false => self.0.store_part_at(to.cast(), count, self.0.from_bits(sums)),
                }
            }
        }
    };
}

/// A unit of A is two i16, one of B two i8.
#[derive(Clone, Copy)]
struct Pairs<S>(S);

impl<S: Simd> Engine for Pairs<S> {
    type Vector = S::I32;
    const LANES: usize = S::LANES;
    const ROWS: usize = tile_rows(S::LEVEL);
    const STORED: usize = 2;

    integer_sums!();

    #[inline(always)]
    unsafe fn load(self, from: *const u8) -> S::I32 {
        // SAFETY: as the caller says.
        unsafe { self.0.load_i8_pairs_at(from.cast()) }
    }
    #[inline(always)]
    fn multiply_add(self, a: S::I32, b: S::I32, sums: S::I32) -> S::I32 {
        self.0.dot_i16(a, b, sums)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::*;
    use crate::simd::{Avx2, Avx512};

    /// A unit of A is four u8, one of B four i8. Made by [`compute_quads8`] and [`compute_quads16`] alone.
    #[derive(Clone, Copy)]
    struct Quads<S>(S);

    /// # Safety
    /// The processor has the instructions of [`ByteDot::Quads16`]; as [`compute`] demands.
    #[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(super) unsafe fn compute_quads16(block: &Block) {
        // SAFETY: as the caller says.
        unsafe { compute(Quads(Avx512::assume()), block) }
    }

    /// # Safety
    /// The processor has the instructions of [`ByteDot::Tiles`]; as [`compute`] demands.
    #[cfg(target_os = "linux")]
    pub(super) unsafe fn compute_tiles(block: &Block) {
        // SAFETY: as the caller says; a panel is as those of quads.
        unsafe {
            if block.rows < LEAST_TILED {
                return compute_quads16(block);
            }
            let done = super::super::amx::compute(block);
            if done < block.units {
                block.rest(done, VECTORS * Avx512::LANES, 4).for_each(|rest| compute_quads16(&rest));
            }
        }
    }

    /// # Safety
    /// The processor has the instructions of [`ByteDot::Quads8`]; as [`compute`] demands.
    #[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avxvnni")]
    pub(super) unsafe fn compute_quads8(block: &Block) {
        // SAFETY: as the caller says.
        unsafe { compute(Quads(Avx2::assume()), block) }
    }

    /// # Safety
    /// The processor has the instructions that [`has_bf16_dot`] asks for; as [`compute`] demands.
    #[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")]
    pub(super) unsafe fn compute_bf16(block: &Block) {
        // SAFETY: as the caller says.
        unsafe { compute(Brains(Avx512::assume()), block) }
    }

    macro_rules! quads {
        ($level:ident, $vector:ident, $dot:ident) => {
            impl Engine for Quads<$level> {
                type Vector = $vector;
                const LANES: usize = $level::LANES;
                const ROWS: usize = tile_rows($level::LEVEL);
                const STORED: usize = 4;

                integer_sums!();

                #[inline(always)]
                unsafe fn load(self, from: *const u8) -> $vector {
                    // SAFETY: as the caller says.
                    unsafe { self.0.load_i32_at(from.cast()) }
                }
                #[inline(always)]
                fn multiply_add(self, a: $vector, b: $vector, sums: $vector) -> $vector {
                    // SAFETY: `self` exists only where the processor has the instruction.
                    unsafe { $dot(sums, a, b) }
                }
            }
        };
    }

    quads!(Avx2, __m256i, _mm256_dpbusd_avx_epi32);
    quads!(Avx512, __m512i, _mm512_dpbusd_epi32);

    /// A unit of A and of B is two bf16. Made by [`compute_bf16`] alone.
    #[derive(Clone, Copy)]
    struct Brains(Avx512);

    impl Engine for Brains {
        type Vector = __m512;
        const LANES: usize = 16;
        const ROWS: usize = tile_rows(Level::Avx512);
        const STORED: usize = 4;

        #[inline(always)]
        fn zero(self) -> __m512 {
            self.0.zero()
        }
        #[inline(always)]
        unsafe fn load(self, from: *const u8) -> __m512 {
            // SAFETY: as the caller says.
            unsafe { self.0.load_at(from.cast()) }
        }
        #[inline(always)]
        unsafe fn broadcast(self, from: *const u32) -> __m512 {
            // SAFETY: as the caller says.
            self.0.from_bits(self.0.splat_i32(unsafe { *from } as i32))
        }
        #[inline(always)]
        fn multiply_add(self, a: __m512, b: __m512, sums: __m512) -> __m512 {
            // SAFETY: `self` exists only where the processor has the instruction; the vectors are bits of bf16.
            unsafe {
                let a = std::mem::transmute::<__m512, __m512bh>(a);
                let b = std::mem::transmute::<__m512, __m512bh>(b);
                _mm512_dpbf16_ps(sums, a, b)
            }
        }
        #[inline(always)]
        fn add(self, x: __m512, y: __m512) -> __m512 {
            self.0.add(x, y)
        }
        #[inline(always)]
        unsafe fn load_sums(self, from: *const u32, count: usize) -> __m512 {
            // SAFETY: as the caller says.
            unsafe { self.0.load_part_at(from.cast(), count) }
        }
        #[inline(always)]
        unsafe fn store_sums(self, to: *mut u32, count: usize, sums: __m512) {
            // SAFETY: as the caller says.
            unsafe { self.0.store_part_at(to.cast(), count, sums) }
        }
    }
}
