//! Exponentials: x = n·ln 2 + r with |r| ≤ ln 2 / 2, and a polynomial of r.

use super::{polynomial, power_of_two, scale, with_sign_of};
use crate::simd::Simd;

/// ln 2 in two parts, of which the first has so few bits that its product with an exponent is exact.
const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];

/// (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2.
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_2, 0.041_668_404, 0.008_368_856, 0.001_381_426_6];

/// The nearest integer to x / ln 2, and what is left of x.
#[inline(always)]
fn reduce<S: Simd>(simd: S, x: S::F32) -> (S::F32, S::F32) {
    let n = simd.round_even(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.fnma(n, simd.splat(LN_2[0]), x);
    (n, simd.fnma(n, simd.splat(LN_2[1]), r))
}

/// e^r for |r| ≤ ln 2 / 2, times 2^n.
#[inline(always)]
fn finish<S: Simd>(simd: S, n: S::F32, r: S::F32) -> S::F32 {
    let tail = polynomial(simd, r, EXP);
    let small = simd.fma(simd.mul(r, r), tail, r);
    scale(simd, simd.add(simd.splat(1.0), small), simd.to_i32_nearest(n))
}

/// e^x. The largest error is 1.02 ulp.
///
/// Where the result is zero it comes from no multiplication that underflows, which would be slow: masked attention has
/// many of these.
///
/// ```
/// use glassbox_kernels::math;
/// use glassbox_kernels::simd::{Kernel, Simd, run};
/// struct Exp(f32);
/// impl Kernel for Exp {
///     type Output = f32;
///     #[inline(always)]
///     fn run<S: Simd>(self, simd: S) -> f32 {
///         simd.lanes(math::exp(simd, simd.splat(self.0)))[0]
///     }
/// }
/// assert_eq!(run(Exp(0.0)), 1.0);
/// assert_eq!(run(Exp(f32::NEG_INFINITY)), 0.0);
/// ```
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // Below, half of the least denormal is not reached; above, the result is infinite.
    let vanishes = simd.lt(x, simd.splat(-103.972_08));
    let bounded = simd.min(simd.splat(89.0), simd.select(vanishes, simd.zero(), x));
    let (n, r) = reduce(simd, bounded);
    simd.select(vanishes, simd.zero(), finish(simd, n, r))
}

/// e^x for x ≤ 0 as 2^n · (sum + tail), where the errors of the reduction and of 1 + r are in the tail. Where the result
/// vanishes, n, sum and tail are those of 0.
#[derive(Clone, Copy)]
pub(super) struct Parts<S: Simd> {
    pub(super) n: S::I32,
    pub(super) sum: S::F32,
    pub(super) tail: S::F32,
    pub(super) vanishes: S::Mask,
}

impl<S: Simd> Parts<S> {
    #[inline(always)]
    pub(super) fn of_negative(simd: S, x: S::F32) -> Parts<S> {
        let vanishes = simd.lt(x, simd.splat(-103.972_08));
        let n = simd.round_even(simd.mul(simd.select(vanishes, simd.zero(), x), simd.splat(std::f32::consts::LOG2_E)));
        let exact = simd.fnma(n, simd.splat(LN_2[0]), x);
        let r = simd.fnma(n, simd.splat(LN_2[1]), exact);
        let lost = simd.fnma(n, simd.splat(LN_2[1]), simd.sub(exact, r));
        let one = simd.splat(1.0);
        let sum = simd.add(one, r);
        let lost = simd.add(simd.add(simd.sub(one, sum), r), lost);
        let tail = simd.fma(simd.mul(r, r), polynomial(simd, r, EXP), lost);
        Parts { n: simd.to_i32_nearest(n), sum, tail, vanishes }
    }
}

/// e^x / 2 for x ≥ 0, which stays finite where e^x doesn't.
#[inline(always)]
pub(super) fn half_exp_of_positive<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let (n, r) = reduce(simd, simd.min(simd.splat(90.0), x));
    finish(simd, simd.sub(n, simd.splat(1.0)), r)
}

/// 2^x. The largest error is 0.95 ulp.
#[inline(always)]
pub fn exp2<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let vanishes = simd.lt(x, simd.splat(-150.0));
    let bounded = simd.min(simd.splat(129.0), simd.select(vanishes, simd.zero(), x));
    let n = simd.round_even(bounded);
    let result = exp2_of_parts(simd, simd.sub(bounded, n), simd.to_i32_nearest(n));
    simd.select(vanishes, simd.zero(), result)
}

/// 2^(f + n) for |f| ≤ 1/2 and n from −252 to 254.
#[inline(always)]
pub(super) fn exp2_of_parts<S: Simd>(simd: S, f: S::F32, n: S::I32) -> S::F32 {
    const COEFFICIENTS: [f32; 6] =
        [std::f32::consts::LN_2, 0.240_226_48, 0.055_503_324, 0.009_618_436, 0.001_339_889_7, 0.000_153_536_98];
    scale(simd, simd.fma(f, polynomial(simd, f, COEFFICIENTS), simd.splat(1.0)), n)
}

/// e^x − 1. The largest error is 1.44 ulp.
#[inline(always)]
pub fn expm1<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    const COEFFICIENTS: [f32; 6] = [0.5, 0.166_666_66, 0.041_666_355, 0.008_333_382, 0.001_394_093_2, 0.000_198_502_66];
    // Below −20 the result is −1, above 89 infinite; NaN passes both.
    let bounded = simd.max(simd.splat(-20.0), simd.min(simd.splat(89.0), x));
    let (n, r) = reduce(simd, bounded);
    let near = simd.fma(simd.mul(r, r), polynomial(simd, r, COEFFICIENTS), r);
    // Half of 2^n, which stays finite for n = 128.
    let half = power_of_two(simd, simd.sub_i32(simd.to_i32_nearest(n), simd.splat_i32(1)));
    let far = simd.fma(half, near, simd.sub(half, simd.splat(0.5)));
    let result = simd.select(simd.eq(n, simd.zero()), near, simd.add(far, far));
    // The result has the sign of x, also where both are zero.
    with_sign_of(simd, result, x)
}
