//! Logarithms: x = 2^e · (1 + f) with 1 + f between √½ and √2, and a polynomial of f.

use super::{polynomial, with_sign_of};
use crate::simd::Simd;

/// ln 2 in two parts, of which the first has so few bits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

/// The exponent e and f, for x > 0 and finite, denormal or not.
#[inline(always)]
fn split<S: Simd>(simd: S, x: S::F32) -> (S::F32, S::F32) {
    let denormal = simd.lt(x, simd.splat(f32::MIN_POSITIVE));
    let normal = simd.select(denormal, simd.mul(x, simd.splat(8_388_608.0)), x);
    // What is added moves the exponent on for fractions of √2 and more.
    let root_half = simd.splat_i32(0x3f35_04f3);
    let bits = simd.sub_i32(simd.to_bits(normal), root_half);
    let fraction = simd.add_i32(simd.and_i32(bits, simd.splat_i32(0x007f_ffff)), root_half);
    let e = simd.from_i32(simd.sar::<23>(bits));
    let e = simd.sub(e, simd.select(denormal, simd.splat(23.0), simd.zero()));
    (e, simd.sub(simd.from_bits(fraction), simd.splat(1.0)))
}

/// log(1 + f) − f.
#[inline(always)]
fn tail<S: Simd>(simd: S, f: S::F32) -> S::F32 {
    const COEFFICIENTS: [f32; 9] = [
        0.333_333_13,
        -0.250_000_1,
        0.200_021_25,
        -0.166_680_26,
        0.142_194_56,
        -0.124_050_88,
        0.118_883_19,
        -0.116_783_51,
        0.067_494_31,
    ];
    let square = simd.mul(f, f);
    let cubic = simd.mul(f, polynomial(simd, f, COEFFICIENTS));
    simd.mul(square, simd.sub(cubic, simd.splat(0.5)))
}

/// What the logarithm of x is where x isn't positive and finite; otherwise `result`.
#[inline(always)]
fn with_limits<S: Simd>(simd: S, x: S::F32, result: S::F32) -> S::F32 {
    let infinity = simd.splat(f32::INFINITY);
    // Infinity gives itself, and NaN too.
    let result = simd.select(simd.lt(x, infinity), result, x);
    let result = simd.select(simd.lt(x, simd.zero()), simd.splat(f32::NAN), result);
    simd.select(simd.eq(x, simd.zero()), simd.splat(f32::NEG_INFINITY), result)
}

/// The natural logarithm. The largest error is 0.88 ulp.
#[inline(always)]
pub fn log<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let (e, f) = split(simd, x);
    let low = simd.fma(e, simd.splat(LN_2[1]), tail(simd, f));
    with_limits(simd, x, simd.fma(e, simd.splat(LN_2[0]), simd.add(f, low)))
}

/// The logarithm to the base 2, exact for powers of two. The largest error is 0.98 ulp.
#[inline(always)]
pub fn log2<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    /// 1 / ln 2 in two parts.
    const LOG2_E: [f32; 2] = [std::f32::consts::LOG2_E, 1.925_963e-8];
    let (e, f) = split(simd, x);
    let low = simd.fma(tail(simd, f), simd.splat(LOG2_E[0]), simd.mul(f, simd.splat(LOG2_E[1])));
    let fraction = simd.fma(f, simd.splat(LOG2_E[0]), low);
    with_limits(simd, x, simd.add(e, fraction))
}

/// log(1 + x). The largest error is 0.94 ulp.
#[inline(always)]
pub fn log1p<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    let sum = simd.add(one, x);
    // What was rounded away in the sum, exactly, and what it adds to the logarithm.
    let lost = simd.select(simd.lt(one, x), simd.sub(one, simd.sub(sum, x)), simd.sub(x, simd.sub(sum, one)));
    let correction = simd.div(lost, sum);
    let (e, f) = split(simd, sum);
    let low = simd.add(simd.fma(e, simd.splat(LN_2[1]), tail(simd, f)), correction);
    let result = simd.fma(e, simd.splat(LN_2[0]), simd.add(f, low));
    // The result has the sign of x, also where both are zero.
    let limited = with_limits(simd, sum, result);
    with_sign_of(simd, limited, x)
}
