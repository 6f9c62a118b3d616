//! Functions made of exponentials.

use super::exp::{Parts, exp, expm1, half_exp_of_positive};
use super::log::log1p;
use super::{polynomial, scale, with_sign_of};
use crate::simd::Simd;

/// The hyperbolic tangent. The largest error is 1.50 ulp.
#[inline(always)]
pub fn tanh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const NEAR: [f32; 5] = [-0.333_333_16, 0.133_324_98, -0.053_842_243, 0.021_027_09, -0.006_207_267_3];
    // From 9.1 on the result is 1 to the last bit; NaN passes.
    let size = simd.min(simd.splat(9.1), simd.abs(x));
    let square = simd.mul(size, size);
    let near = simd.fma(simd.mul(square, size), polynomial(simd, square, NEAR), size);
    let power = expm1(simd, simd.add(size, size));
    let far = simd.div(power, simd.add(power, simd.splat(2.0)));
    with_sign_of(simd, simd.select(simd.lt(size, simd.splat(0.55)), near, far), x)
}

/// 1 / (1 + e^-x). The largest error is 1.50 ulp.
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let one = simd.splat(1.0);
    let Parts { n, sum, tail, vanishes } = Parts::of_negative(simd, simd.neg(simd.abs(x)));
    let power = scale(simd, simd.add(sum, tail), n);
    let divisor = simd.add(one, power);
    // What was rounded away in the divisor, as a share of it (1 / divisor to a sixth, which is enough), is taken from
    // the dividend before that is rounded.
    let lost = simd.sub(power, simd.sub(divisor, one));
    let share = simd.mul(lost, simd.fnma(divisor, simd.splat(0.457), simd.splat(1.457)));
    let dividend = scale(simd, simd.add(sum, simd.fnma(sum, share, tail)), n);
    let negative = simd.lt(x, simd.zero());
    let above = simd.select(negative, simd.select(vanishes, simd.zero(), dividend), one);
    simd.div(above, simd.select(vanishes, one, divisor))
}

/// log(1 + e^x). The largest error is 1.69 ulp.
#[inline(always)]
pub fn softplus<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let power = exp(simd, simd.neg(simd.abs(x)));
    // max gives NaN where x is NaN.
    simd.add(log1p(simd, power), simd.max(simd.zero(), x))
}

/// The hyperbolic sine. The largest error is 1.59 ulp.
#[inline(always)]
pub fn sinh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const NEAR: [f32; 4] = [0.166_666_67, 0.008_333_35, 0.000_198_360_65, 2.817_443e-6];
    let size = simd.abs(x);
    let square = simd.mul(size, size);
    let near = simd.fma(simd.mul(square, size), polynomial(simd, square, NEAR), size);
    let half = half_exp_of_positive(simd, size);
    let far = simd.sub(half, simd.div(simd.splat(0.25), half));
    with_sign_of(simd, simd.select(simd.lt(size, simd.splat(1.0)), near, far), x)
}

/// The hyperbolic cosine. The largest error is 1.43 ulp.
#[inline(always)]
pub fn cosh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let half = half_exp_of_positive(simd, simd.abs(x));
    simd.add(half, simd.div(simd.splat(0.25), half))
}
