//! The power of two numbers.

use super::exp::exp2_of_parts;
use super::sign_bit;
use crate::simd::Simd;

/// The logarithm to the base 2, in f64 to about 2^-50, of a positive finite x.
#[inline(always)]
fn log2_wide<S: Simd>(simd: S, x: S::F32) -> S::F64 {
    /// log2((1 + s) / (1 − s)) / s as a polynomial of s².
    const COEFFICIENTS: [f64; 7] = [
        2.885_390_081_777_927,
        0.961_796_693_924_303_6,
        0.577_078_017_259_461_7,
        0.412_198_400_023_030_8,
        0.320_616_528_770_153_2,
        0.261_439_762_954_926_8,
        0.242_969_595_990_102_7,
    ];
    let denormal = simd.lt(x, simd.splat(f32::MIN_POSITIVE));
    let normal = simd.select(denormal, simd.mul(x, simd.splat(8_388_608.0)), x);
    // The exponent and the fraction between √½ and √2.
    let root_half = simd.splat_i32(0x3f35_04f3);
    let bits = simd.sub_i32(simd.to_bits(normal), root_half);
    let fraction = simd.from_bits(simd.add_i32(simd.and_i32(bits, simd.splat_i32(0x007f_ffff)), root_half));
    let exponent = simd.from_i32(simd.sar::<23>(bits));
    let exponent = simd.sub(exponent, simd.select(denormal, simd.splat(23.0), simd.zero()));

    let fraction = simd.widen(fraction);
    let above = simd.add_f64(fraction, simd.splat_f64(-1.0));
    let s = simd.div_f64(above, simd.add_f64(fraction, simd.splat_f64(1.0)));
    let square = simd.mul_f64(s, s);
    let mut sum = simd.splat_f64(COEFFICIENTS[6]);
    for coefficient in COEFFICIENTS.into_iter().rev().skip(1) {
        sum = simd.fma_f64(sum, square, simd.splat_f64(coefficient));
    }
    simd.fma_f64(s, sum, simd.widen(exponent))
}

/// x^y, with the special cases of IEEE 754: x^0 and 1^y are 1 also of NaN; a negative x has a power where y is an integer;
/// (−1)^±∞ is 1. The largest error is 1.04 ulp.
#[inline(always)]
pub fn pow<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32 {
    let (zero, one, infinity) = (simd.zero(), simd.splat(1.0), simd.splat(f32::INFINITY));
    let size = simd.abs(x);

    let product = simd.mul_f64(simd.widen(y), log2_wide(simd, size));
    let n = simd.round_even_f64(product);
    let f = simd.narrow(simd.fma_f64(n, simd.splat_f64(-1.0), product));
    let rough = simd.narrow(product);
    let bounded = simd.max(simd.splat(-200.0), simd.min(simd.splat(200.0), simd.narrow(n)));
    let result = exp2_of_parts(simd, f, simd.to_i32_nearest(bounded));
    let result = simd.select(simd.lt(simd.splat(129.0), rough), infinity, result);
    let result = simd.select(simd.lt(rough, simd.splat(-151.0)), zero, result);

    // 0 and ∞ as bases: the logarithm above isn't theirs.
    let (base_zero, base_infinite) = (simd.eq(size, zero), simd.eq(size, infinity));
    let (below, above) = (simd.lt(y, zero), simd.lt(zero, y));
    let vanishes = simd.or_mask(simd.and_mask(base_zero, above), simd.and_mask(base_infinite, below));
    let explodes = simd.or_mask(simd.and_mask(base_zero, below), simd.and_mask(base_infinite, above));
    let result = simd.select(explodes, infinity, simd.select(vanishes, zero, result));
    let result = simd.select(simd.and_mask(simd.eq(size, one), simd.eq(y, y)), one, result);
    let result = simd.select(simd.eq(x, x), result, x);

    // The sign of a negative base. Numbers from 2^24 on are even.
    let half = simd.mul(y, simd.splat(0.5));
    let integer = simd.eq(simd.floor(y), y);
    let odd = simd.and_mask(
        simd.and_mask(integer, simd.lt(simd.abs(y), simd.splat(16_777_216.0))),
        simd.ne(simd.floor(half), half),
    );
    let sign = simd.select_i32(odd, sign_bit(simd, x), simd.splat_i32(0));
    let signed = simd.from_bits(simd.xor_i32(simd.to_bits(result), sign));
    // −0 is no negative number here, and −∞ has powers of every kind.
    let finite_negative = simd.and_mask(simd.lt(x, zero), simd.lt(simd.splat(f32::NEG_INFINITY), x));
    let refused = simd.and_mask(finite_negative, simd.not_mask(integer));
    let signed = simd.select(refused, simd.splat(f32::NAN), signed);

    let unit = simd.or_mask(simd.eq(y, zero), simd.eq(x, one));
    simd.select(unit, one, signed)
}
