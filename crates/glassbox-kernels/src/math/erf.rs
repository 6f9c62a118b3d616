//! The error function.

use super::exp::exp;
use super::{polynomial, with_sign_of};
use crate::simd::Simd;

/// The error function, 2/√π ∫₀ˣ e^(−t²) dt: odd, ±1 from 3.92 on. The largest error is 1.20 ulp.
///
/// Below 0.92 it is x + x·p(x²), above 1 − e^(−q(|x|)), where q fits −log(1 − erf).
#[inline(always)]
pub fn erf<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const NEAR: [f32; 6] =
        [0.128_379_15, -0.376_125_07, 0.112_819_545, -0.026_771_259, 0.004_999_567_3, -0.000_602_164_36];
    const FAR: [f32; 8] = [
        -0.000_174_715_24,
        1.129_515,
        0.633_346_56,
        0.108_280_48,
        -0.025_119_694,
        0.004_171_17,
        -0.000_434_485_96,
        2.109_718_3e-5,
    ];
    let size = simd.abs(x);
    let near = simd.fma(size, polynomial(simd, simd.mul(size, size), NEAR), size);
    // From 3.93 on the result is 1 to the last bit; NaN passes.
    let bounded = simd.min(simd.splat(3.93), size);
    let far = simd.sub(simd.splat(1.0), exp(simd, simd.neg(polynomial(simd, bounded, FAR))));
    with_sign_of(simd, simd.select(simd.lt(size, simd.splat(0.92)), near, far), x)
}
