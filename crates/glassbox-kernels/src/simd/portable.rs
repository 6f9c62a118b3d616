//! Vectors as arrays: what every processor has, and what the others are held against.

use half::{bf16, f16};

use super::{Level, MAX_LANES, Simd};

const LANES: usize = 8;

/// Eight lanes as arrays, which the compiler makes vectors of where it can. A fused product is exact here too, which is
/// slow where the processor has none.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

type F = [f32; LANES];
type I = [i32; LANES];
type M = [bool; LANES];
type D = [f64; LANES];

#[inline(always)]
fn map<A: Copy, B>(x: [A; LANES], f: impl Fn(A) -> B) -> [B; LANES] {
    std::array::from_fn(|lane| f(x[lane]))
}

#[inline(always)]
fn zip<A: Copy, B: Copy, C>(x: [A; LANES], y: [B; LANES], f: impl Fn(A, B) -> C) -> [C; LANES] {
    std::array::from_fn(|lane| f(x[lane], y[lane]))
}

/// One line of the implementation: a name, its parameters, and what it gives.
macro_rules! operations {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $body:expr;)*) => {
        $(#[inline(always)]
        fn $name(self, $($arg: $ty),*) -> $out { $body })*
    };
}

impl Simd for Portable {
    const LANES: usize = LANES;
    const LEVEL: Level = Level::Portable;
    type F32 = F;
    type I32 = I;
    type Mask = M;
    type F64 = D;

    #[inline(always)]
    unsafe fn load_at(self, from: *const f32) -> F {
        // SAFETY: the caller says so.
        unsafe { from.cast::<F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32, x: F) {
        // SAFETY: the caller says so.
        unsafe { to.cast::<F>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn load_part_at(self, from: *const f32, count: usize) -> F {
        // SAFETY: the caller says so of the first `count`.
        std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_part_at(self, to: *mut f32, count: usize, x: F) {
        for (lane, x) in x.into_iter().enumerate().take(count) {
            // SAFETY: the caller says so of the first `count`.
            unsafe { *to.add(lane) = x }
        }
    }
    #[inline(always)]
    unsafe fn load_i32_at(self, from: *const i32) -> I {
        // SAFETY: the caller says so.
        unsafe { from.cast::<I>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_i32_at(self, to: *mut i32, x: I) {
        // SAFETY: the caller says so.
        unsafe { to.cast::<I>().write_unaligned(x) }
    }
    #[inline(always)]
    unsafe fn load_i8_at(self, from: *const i8) -> I {
        // SAFETY: the caller says so.
        map(unsafe { from.cast::<[i8; LANES]>().read_unaligned() }, i32::from)
    }
    #[inline(always)]
    unsafe fn load_u8_at(self, from: *const u8) -> I {
        // SAFETY: the caller says so.
        map(unsafe { from.cast::<[u8; LANES]>().read_unaligned() }, i32::from)
    }
    #[inline(always)]
    unsafe fn load_i8_pairs_at(self, from: *const i8) -> I {
        // SAFETY: the caller says so.
        let pairs = unsafe { from.cast::<[[i8; 2]; LANES]>().read_unaligned() };
        map(pairs, |[low, high]| i32::from(low) & 0xffff | i32::from(high) << 16)
    }
    #[inline(always)]
    unsafe fn load_f16_at(self, from: *const u16) -> F {
        // SAFETY: the caller says so.
        map(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }, |bits| f16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    unsafe fn store_f16_at(self, to: *mut u16, x: F) {
        // SAFETY: the caller says so.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(map(x, |x| f16::from_f32(x).to_bits())) }
    }
    #[inline(always)]
    unsafe fn load_bf16_at(self, from: *const u16) -> F {
        // SAFETY: the caller says so.
        map(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }, |bits| f32::from_bits(u32::from(bits) << 16))
    }
    #[inline(always)]
    unsafe fn store_bf16_at(self, to: *mut u16, x: F) {
        // SAFETY: the caller says so.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(map(x, |x| bf16::from_f32(x).to_bits())) }
    }

    operations! {
        splat(x: f32) -> F = [x; LANES];
        add(x: F, y: F) -> F = zip(x, y, |x, y| x + y);
        sub(x: F, y: F) -> F = zip(x, y, |x, y| x - y);
        mul(x: F, y: F) -> F = zip(x, y, |x, y| x * y);
        div(x: F, y: F) -> F = zip(x, y, |x, y| x / y);
        fma(x: F, y: F, z: F) -> F = std::array::from_fn(|lane| x[lane].mul_add(y[lane], z[lane]));
        fnma(x: F, y: F, z: F) -> F = std::array::from_fn(|lane| (-x[lane]).mul_add(y[lane], z[lane]));
        min(x: F, y: F) -> F = zip(x, y, |x, y| if x < y { x } else { y });
        max(x: F, y: F) -> F = zip(x, y, |x, y| if x > y { x } else { y });
        sqrt(x: F) -> F = map(x, f32::sqrt);
        floor(x: F) -> F = map(x, f32::floor);
        ceil(x: F) -> F = map(x, f32::ceil);
        trunc(x: F) -> F = map(x, f32::trunc);
        round_even(x: F) -> F = map(x, f32::round_ties_even);
        lt(x: F, y: F) -> M = zip(x, y, |x, y| x < y);
        le(x: F, y: F) -> M = zip(x, y, |x, y| x <= y);
        eq(x: F, y: F) -> M = zip(x, y, |x, y| x == y);
        ne(x: F, y: F) -> M = zip(x, y, |x, y| x != y);
        and_mask(x: M, y: M) -> M = zip(x, y, |x, y| x & y);
        or_mask(x: M, y: M) -> M = zip(x, y, |x, y| x | y);
        not_mask(x: M) -> M = map(x, |x| !x);
        select(mask: M, x: F, y: F) -> F = std::array::from_fn(|lane| if mask[lane] { x[lane] } else { y[lane] });
        select_i32(mask: M, x: I, y: I) -> I = std::array::from_fn(|lane| if mask[lane] { x[lane] } else { y[lane] });
        permute(x: F, lanes: I) -> F = map(lanes, |lane| x[lane as usize % LANES]);
        any(mask: M) -> bool = mask.into_iter().any(|set| set);
        to_bits(x: F) -> I = map(x, |x| x.to_bits() as i32);
        from_bits(x: I) -> F = map(x, |x| f32::from_bits(x as u32));
        to_i32_nearest(x: F) -> I = map(x, nearest);
        from_i32(x: I) -> F = map(x, |x| x as f32);
        splat_i32(x: i32) -> I = [x; LANES];
        add_i32(x: I, y: I) -> I = zip(x, y, i32::wrapping_add);
        sub_i32(x: I, y: I) -> I = zip(x, y, i32::wrapping_sub);
        mul_i32(x: I, y: I) -> I = zip(x, y, i32::wrapping_mul);
        dot_i16(x: I, y: I, z: I) -> I = std::array::from_fn(|lane| {
            let [(low, high), (other_low, other_high)] =
                [x[lane], y[lane]].map(|pair| (i32::from(pair as i16), pair >> 16));
            z[lane].wrapping_add((low * other_low).wrapping_add(high * other_high))
        });
        and_i32(x: I, y: I) -> I = zip(x, y, |x, y| x & y);
        or_i32(x: I, y: I) -> I = zip(x, y, |x, y| x | y);
        xor_i32(x: I, y: I) -> I = zip(x, y, |x, y| x ^ y);
        eq_i32(x: I, y: I) -> M = zip(x, y, |x, y| x == y);
        gt_i32(x: I, y: I) -> M = zip(x, y, |x, y| x > y);
        sum(x: F) -> f32 = fold(x, |x, y| x + y);
        largest(x: F) -> f32 = fold(x, |x, y| if x > y { x } else { y });
        widen(x: F) -> D = map(x, f64::from);
        narrow(x: D) -> F = map(x, |x| x as f32);
        splat_f64(x: f64) -> D = [x; LANES];
        add_f64(x: D, y: D) -> D = zip(x, y, |x, y| x + y);
        mul_f64(x: D, y: D) -> D = zip(x, y, |x, y| x * y);
        div_f64(x: D, y: D) -> D = zip(x, y, |x, y| x / y);
        fma_f64(x: D, y: D, z: D) -> D = std::array::from_fn(|lane| x[lane].mul_add(y[lane], z[lane]));
        round_even_f64(x: D) -> D = map(x, f64::round_ties_even);
        lanes_f64(x: D) -> [f64; MAX_LANES] = std::array::from_fn(|lane| if lane < LANES { x[lane] } else { 0.0 });
    }

    #[inline(always)]
    fn shl<const BITS: u32>(self, x: I) -> I {
        map(x, |x| x << BITS)
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: I) -> I {
        map(x, |x| (x as u32 >> BITS) as i32)
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: I) -> I {
        map(x, |x| x >> BITS)
    }
}

/// Halves are put together until one lane is left.
#[inline(always)]
fn fold(mut x: F, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            x[lane] = f(x[lane], x[lane + half]);
        }
        half /= 2;
    }
    x[0]
}

fn nearest(x: f32) -> i32 {
    let rounded = x.round_ties_even();
    // i32::MAX isn't an f32; what is below 2^31 fits.
    if (-2147483648.0..2147483648.0).contains(&rounded) { rounded as i32 } else { i32::MIN }
}
