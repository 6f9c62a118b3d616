//! The exponential as the softmax needs it.

use crate::simd::Simd;

/// e^x for x ≤ 0, or above by what rounding adds. The error is below 1.1 ulp; what is below 2^-126.5 is zero, which is
/// nothing beside the largest weight of a row, 1, and saves a third of the operations of [`exp`](crate::math::exp), which
/// gives denormal numbers. NaN gives NaN.
#[inline(always)]
pub(super) fn exp_of_negative<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // Added to a number n of less than 22 bits, this leaves n + 127 in the lowest bits of the sum.
    const LOWEST_BITS: f32 = 12_582_912.0 + 127.0;
    const LN_2: [f32; 2] = [0.693_359_4, -0.000_212_194_44];
    // (e^r - 1 - r) / r² for |r| ≤ ln 2 / 2.
    const TAIL: [f32; 5] = [0.499_999_94, 0.166_665_2, 0.041_668_404, 0.008_368_856, 0.001_381_426_6];
    // -127 ln 2: the power of two for n = -127 has the bits of zero. max gives x where x is NaN.
    let x = simd.max(simd.splat(-88.029_69), x);
    let shifted = simd.fma(x, simd.splat(std::f32::consts::LOG2_E), simd.splat(LOWEST_BITS));
    let n = simd.sub(shifted, simd.splat(LOWEST_BITS));
    let r = simd.fnma(n, simd.splat(LN_2[1]), simd.fnma(n, simd.splat(LN_2[0]), x));
    let mut sum = simd.splat(TAIL[4]);
    for coefficient in [TAIL[3], TAIL[2], TAIL[1], TAIL[0], 1.0, 1.0] {
        sum = simd.fma(sum, r, simd.splat(coefficient));
    }
    simd.mul(sum, simd.from_bits(simd.shl::<23>(simd.to_bits(shifted))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, Level, run_at};

    struct Exp(f32);

    impl Kernel for Exp {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> f32 {
            simd.lanes(exp_of_negative(simd, simd.splat(self.0)))[0]
        }
    }

    #[test]
    fn within_a_unit_in_the_last_place() {
        for level in Level::available() {
            let mut worst = 0f64;
            // Every 601st of the numbers from -0 to -87, and what lies just above zero.
            let numbers = (0x8000_0000u32..0xc2ae_0000).step_by(601).chain(0..=64).map(f32::from_bits);
            for x in numbers.chain([1e-6, 1e-5]) {
                let exact = f64::from(x).exp();
                let place = f64::from_bits(exact.to_bits() & 0x7ff0_0000_0000_0000) / f64::from(1 << 23);
                worst = worst.max((f64::from(run_at(level, Exp(x))) - exact).abs() / place);
            }
            assert!(worst < 1.1, "{}: {worst}", level.name());
            for x in [-88.1, -1e4, f32::MIN, f32::NEG_INFINITY] {
                assert_eq!(run_at(level, Exp(x)).to_bits(), 0);
            }
            assert_eq!(run_at(level, Exp(0.0)), 1.0);
            assert!(run_at(level, Exp(f32::NAN)).is_nan());
        }
    }
}
