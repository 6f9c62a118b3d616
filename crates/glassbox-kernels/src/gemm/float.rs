//! The engines of f32: B held as f32, as f16, as bf16 or as i8, which are widened exactly when they are read.

use super::dots::compute_bf16;
use super::product::Shape;
use super::tile::{Block, Engine, compute};
use crate::simd::{Kernel, Level, Simd, run_at};

/// How numbers of B are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(unreachable_pub, reason = "a sealed trait names it, which nobody outside can")]
pub enum Held {
    F32,
    F16,
    Bf16,
    I8,
    /// Two bf16 in a unit, multiplied as they are; only where the processor has the instruction.
    Bf16Pairs,
}

impl Held {
    /// How many bytes a unit has.
    pub(super) fn bytes(self) -> usize {
        match self {
            Held::F32 | Held::Bf16Pairs => 4,
            Held::F16 | Held::Bf16 => 2,
            Held::I8 => 1,
        }
    }

    /// How many numbers a unit has.
    pub(super) fn unit(self) -> usize {
        if self == Held::Bf16Pairs { 2 } else { 1 }
    }
}

/// How many rows a tile has at a level: as many as there are registers for. The portable level has few, since its tiles
/// are long to compile and slow whatever they are.
pub(super) const fn tile_rows(level: Level) -> usize {
    match level {
        Level::Portable => 2,
        Level::Avx2 => 6,
        Level::Avx512 => 12,
    }
}

/// What panels and tiles look like at a level, with so many bytes in a unit of B.
pub(super) fn shape_at(level: Level, stored: usize) -> Shape {
    struct Sizes(usize);
    impl Kernel for Sizes {
        type Output = Shape;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> Shape {
            Shape { lanes: S::LANES, rows: tile_rows(S::LEVEL), stored: self.0, speed: 1 }
        }
    }
    run_at(level, Sizes(stored))
}

/// Computes a block with the vectors of a level.
///
/// # Safety
/// As [`compute`] demands, with panels of [`shape_at`] this level.
pub(super) unsafe fn compute_at(level: Level, held: Held, block: &Block) {
    struct Work<'a>(Held, &'a Block);
    impl Kernel for Work<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            // SAFETY: as the caller of `compute_at` says.
            unsafe {
                match self.0 {
                    Held::F32 => compute(Plain(simd), self.1),
                    Held::F16 => compute(Half(simd), self.1),
                    Held::Bf16 => compute(Brain(simd), self.1),
                    Held::I8 => compute(Byte(simd), self.1),
                    Held::Bf16Pairs => compute_bf16(self.1),
                }
            }
        }
    }
    run_at(level, Work(held, block));
}

/// Rounds numbers to bf16, two to a unit; a zero follows where their number is odd.
pub(super) fn round_pairs(level: Level, numbers: &[f32], units: &mut [u32]) {
    struct Round<'a>(&'a [f32], &'a mut [u32]);
    impl Kernel for Round<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let mut numbers = self.0.chunks_exact(S::LANES);
            for (from, to) in (&mut numbers).zip(self.1.chunks_exact_mut(S::LANES / 2)) {
                // SAFETY: half as many units have room for as many numbers of half the size.
                unsafe { simd.store_bf16_at(to.as_mut_ptr().cast(), simd.load(from)) };
            }
            let rest = numbers.remainder();
            let done = (self.0.len() - rest.len()) / 2;
            for (from, to) in rest.chunks(2).zip(&mut self.1[done..]) {
                let bits = |place: usize| from.get(place).map_or(0, |x| u32::from(half::bf16::from_f32(*x).to_bits()));
                *to = bits(0) | bits(1) << 16;
            }
        }
    }
    run_at(level, Round(numbers, units));
}

/// B held as f32.
#[derive(Clone, Copy)]
struct Plain<S>(S);
/// B held as f16.
#[derive(Clone, Copy)]
struct Half<S>(S);
/// B held as bf16.
#[derive(Clone, Copy)]
struct Brain<S>(S);

/// B held as i8.
#[derive(Clone, Copy)]
struct Byte<S>(S);

/// An engine of f32: how B is read, and everything else.
macro_rules! engines {
    ($($engine:ident, $bytes:literal, |$simd:ident, $from:ident| $load:expr;)*) => {
        $(impl<S: Simd> Engine for $engine<S> {
            type Vector = S::F32;
            const LANES: usize = S::LANES;
            const ROWS: usize = tile_rows(S::LEVEL);
            const STORED: usize = $bytes;

            #[inline(always)]
            fn zero(self) -> S::F32 {
                self.0.zero()
            }
            #[inline(always)]
            unsafe fn load(self, $from: *const u8) -> S::F32 {
                let $simd = self.0;
                // SAFETY: as the caller says.
                unsafe { $load }
            }
            #[inline(always)]
            unsafe fn broadcast(self, from: *const u32) -> S::F32 {
                // SAFETY: as the caller says.
                self.0.splat(unsafe { *from.cast::<f32>() })
            }
            #[inline(always)]
            fn multiply_add(self, a: S::F32, b: S::F32, sums: S::F32) -> S::F32 {
                self.0.fma(a, b, sums)
            }
            #[inline(always)]
            fn add(self, x: S::F32, y: S::F32) -> S::F32 {
                self.0.add(x, y)
            }
            #[inline(always)]
            unsafe fn load_sums(self, from: *const u32, count: usize) -> S::F32 {
                // SAFETY: as the caller says.
                unsafe {
                    if count == S::LANES { self.0.load_at(from.cast()) } else { self.0.load_part_at(from.cast(), count) }
                }
            }
            #[inline(always)]
            unsafe fn store_sums(self, to: *mut u32, count: usize, sums: S::F32) {
                // SAFETY: as the caller says.
                unsafe {
                    if count == S::LANES {
                        self.0.store_at(to.cast(), sums);
                    } else {
                        self.0.store_part_at(to.cast(), count, sums);
                    }
                }
            }
        })*
    };
}

engines! {
    Plain, 4, |simd, from| simd.load_at(from.cast());
    Half, 2, |simd, from| simd.load_f16_at(from.cast());
    Brain, 2, |simd, from| simd.load_bf16_at(from.cast());
    Byte, 1, |simd, from| simd.from_i32(simd.load_i8_at(from.cast()));
}
