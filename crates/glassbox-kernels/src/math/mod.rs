//! Elementary functions on vectors of f32.
//!
//! Each is a body over [`Simd`], with f32 lanes in and out, and gives the same bits at every level. NaN gives NaN;
//! infinities, zeros and their signs are as IEEE 754 recommends and C's Annex F says; results too small for a normal
//! number are denormal, and not zero.
//!
//! The error is in units in the last place of the exact result (a denormal's last place is 2^-149), as `cargo bench -p
//! glassbox-kernels --bench math` prints it: for [`exp`], [`exp2`], [`expm1`] and [`log`] the largest over all 2^32
//! arguments, for the others the largest over every 61st (`-- every=61`). The tests demand 2 of all.
//!
//! | function | largest error | | function | largest error |
//! | --- | --- | --- | --- | --- |
//! | [`exp`] | 1.02 | | [`tanh`] | 1.50 |
//! | [`exp2`] | 0.95 | | [`sigmoid`] | 1.50 |
//! | [`expm1`] | 1.44 | | [`softplus`] | 1.69 |
//! | [`log`] | 0.88 | | [`sinh`] | 1.59 |
//! | [`log2`] | 0.98 | | [`cosh`] | 1.43 |
//! | [`log1p`] | 0.94 | | [`erf`] | 1.20 |
//! | [`sin`] | 1.57 | | [`cos`] | 1.57 |
//! | [`atan`] | 1.30 | | | |
//!
//! [`pow`] has two arguments: 1.04 over those that its test draws.
//!
//! The polynomials are minimax fits, made for these intervals; their coefficients are rounded to f32.

mod erf;
mod exp;
mod hyperbolic;
mod log;
mod pow;
mod trigonometric;

pub use erf::erf;
pub use exp::{exp, exp2, expm1};
pub use hyperbolic::{cosh, sigmoid, sinh, softplus, tanh};
pub use log::{log, log1p, log2};
pub use pow::pow;
pub use trigonometric::{atan, cos, sin};

use crate::simd::Simd;

/// The polynomial with these coefficients, the constant one first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::F32, coefficients: [f32; N]) -> S::F32 {
    let mut sum = simd.splat(coefficients[N - 1]);
    for coefficient in coefficients.into_iter().rev().skip(1) {
        sum = simd.fma(sum, x, simd.splat(coefficient));
    }
    sum
}

/// The bit of x's sign.
#[inline(always)]
fn sign_bit<S: Simd>(simd: S, x: S::F32) -> S::I32 {
    simd.and_i32(simd.to_bits(x), simd.splat_i32(i32::MIN))
}

/// x, which isn't negative, with the sign of another number.
#[inline(always)]
fn with_sign_of<S: Simd>(simd: S, x: S::F32, sign: S::F32) -> S::F32 {
    simd.from_bits(simd.or_i32(simd.to_bits(x), sign_bit(simd, sign)))
}

/// 2^n, for n from −126 to 127.
#[inline(always)]
fn power_of_two<S: Simd>(simd: S, n: S::I32) -> S::F32 {
    simd.from_bits(simd.shl::<23>(simd.add_i32(n, simd.splat_i32(127))))
}

/// x · 2^n, for n from −252 to 254, rounded once where x is normal.
#[inline(always)]
fn scale<S: Simd>(simd: S, x: S::F32, n: S::I32) -> S::F32 {
    let half = simd.sar::<1>(n);
    let rest = simd.sub_i32(n, half);
    simd.mul(simd.mul(x, power_of_two(simd, half)), power_of_two(simd, rest))
}

#[cfg(test)]
mod tests;
