//! Sine, cosine and the inverse of the tangent.

use super::{polynomial, with_sign_of};
use crate::simd::Simd;

/// π/2 in two parts.
const HALF_PI: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];

/// The first 256 bits of 2/π after the point.
const TWO_OVER_PI: [u64; 4] =
    [0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041, 0xfe51_63ab_debb_c561];

/// Above this size arguments are reduced one by one.
const LARGE: f32 = 1_073_741_824.0;

/// What is left of x when the nearest multiple k of π/2 is subtracted, and k modulo 4 in the last two bits.
///
/// Up to [`LARGE`], k is below 2^30 and x − k·π/2 is taken in f64 with π/2 in two parts, each step rounded once. No f32
/// comes nearer than 2^-30 to a multiple of π/2, of which an error below 2^-70 is nothing.
#[inline(always)]
fn reduce<S: Simd>(simd: S, x: S::F32) -> (S::F32, S::I32) {
    let wide = simd.widen(x);
    let k = simd.round_even_f64(simd.mul_f64(wide, simd.splat_f64(std::f64::consts::FRAC_2_PI)));
    let r = simd.fma_f64(k, simd.splat_f64(-HALF_PI[0]), wide);
    let r = simd.narrow(simd.fma_f64(k, simd.splat_f64(-HALF_PI[1]), r));
    // Without its multiples of 4, k is small; the quotient is exact.
    let fours = simd.round_even_f64(simd.mul_f64(k, simd.splat_f64(0.25)));
    let quadrant = simd.to_i32_nearest(simd.narrow(simd.fma_f64(fours, simd.splat_f64(-4.0), k)));

    let size = simd.abs(x);
    let large = simd.and_mask(simd.lt(simd.splat(LARGE), size), simd.lt(size, simd.splat(f32::INFINITY)));
    if !simd.any(large) {
        return (r, quadrant);
    }
    let (mut rests, mut quadrants) = ([0.0; crate::simd::MAX_LANES], [0.0; crate::simd::MAX_LANES]);
    for (lane, x) in simd.lanes(x).into_iter().take(S::LANES).enumerate() {
        (rests[lane], quadrants[lane]) = reduce_large(x);
    }
    let quadrants = simd.to_i32_nearest(simd.load(&quadrants));
    (simd.select(large, simd.load(&rests), r), simd.select_i32(large, quadrants, quadrant))
}

/// The same for one x of any size from 2 on (Payne and Hanek, 1983): of 2/π only the bits are multiplied that matter
/// modulo 4. x is m · 2^e with m below 2^24; 126 bits after the point are kept, so that the error is below 2^-102.
#[inline(never)]
fn reduce_large(x: f32) -> (f32, f32) {
    let bits = x.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 150;
    if !(-22..=104).contains(&exponent) {
        return (0.0, 0.0);
    }
    let mantissa = u128::from(bits & 0x007f_ffff | 0x0080_0000);
    // 2/π · 2^e modulo 4, as a number with 126 bits after the point: bits of 2/π from place e − 1 on, the first after
    // the point being in place 1.
    let place = exponent - 2;
    let mut window = 0u128;
    for bit in 0..128 {
        let at = place + bit;
        let set = (0..256).contains(&at) && TWO_OVER_PI[at as usize / 64] >> (63 - at as usize % 64) & 1 == 1;
        window = window << 1 | u128::from(set);
    }
    let product = mantissa.wrapping_mul(window);
    let quadrant = (product.wrapping_add(1 << 125) >> 126) & 3;
    // The fraction from −1/2 to 1/2, as a number with 128 bits after the point.
    let fraction = (product << 2) as i128 as f64 / 2f64.powi(128);
    let rest = fraction * std::f64::consts::FRAC_PI_2;
    let (rest, quadrant) = if x < 0.0 { (-rest, (4 - quadrant) & 3) } else { (rest, quadrant) };
    (rest as f32, quadrant as f32)
}

/// The sine of what was reduced, in this quadrant.
#[inline(always)]
fn sine<S: Simd>(simd: S, r: S::F32, quadrant: S::I32) -> S::F32 {
    const SINE: [f32; 3] = [-0.166_666_55, 0.008_332_176, -0.000_195_170_93];
    const COSINE: [f32; 3] = [0.041_666_646, -0.001_388_736_6, 2.443_831_4e-5];
    let square = simd.mul(r, r);
    let odd = simd.fma(simd.mul(square, r), polynomial(simd, square, SINE), r);
    let near_one = simd.fnma(square, simd.splat(0.5), simd.splat(1.0));
    let even = simd.fma(simd.mul(square, square), polynomial(simd, square, COSINE), near_one);
    let one = simd.splat_i32(1);
    let chosen = simd.select(simd.eq_i32(simd.and_i32(quadrant, one), one), even, odd);
    let flip = simd.shl::<30>(simd.and_i32(quadrant, simd.splat_i32(2)));
    simd.from_bits(simd.xor_i32(simd.to_bits(chosen), flip))
}

/// The sine, of any finite x. The largest error is 1.57 ulp.
#[inline(always)]
pub fn sin<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let (r, quadrant) = reduce(simd, x);
    // Small numbers are their own sine; so is −0.
    simd.select(simd.lt(simd.abs(x), simd.splat(0.000_244)), x, sine(simd, r, quadrant))
}

/// The cosine, of any finite x. The largest error is 1.57 ulp.
#[inline(always)]
pub fn cos<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let (r, quadrant) = reduce(simd, x);
    sine(simd, r, simd.add_i32(quadrant, simd.splat_i32(1)))
}

/// The inverse of the tangent, from −π/2 to π/2. The largest error is 1.30 ulp.
#[inline(always)]
pub fn atan<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const COEFFICIENTS: [f32; 9] = [
        -0.333_333,
        0.199_985_46,
        -0.142_642_2,
        0.109_520_71,
        -0.084_031_165,
        0.057_951_886,
        -0.031_172_175,
        0.010_911_572,
        -0.001_792_945_9,
    ];
    let size = simd.abs(x);
    let large = simd.lt(simd.splat(1.0), size);
    let z = simd.select(large, simd.div(simd.splat(1.0), size), size);
    let square = simd.mul(z, z);
    let near = simd.fma(simd.mul(square, z), polynomial(simd, square, COEFFICIENTS), z);
    // π/2 in two parts.
    let far = simd.sub(simd.splat(std::f32::consts::FRAC_PI_2), simd.add(near, simd.splat(4.371_139e-8)));
    let result = simd.select(large, far, near);
    with_sign_of(simd, result, x)
}
