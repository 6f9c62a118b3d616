//! Tensors as bytes with a scale and a zero point, as ONNX has them: x ≈ (byte − zero point) · scale.
//!
//! [`quantize`] gives round(x / scale) + zero point, kept within the range of the bytes: the quotient is rounded to f32, then
//! to the nearest integer, to even where two are as near; of NaN it is the zero point. [`dequantize`] gives
//! (byte − zero point) · scale, rounded once. Both are the same to the bit at every [`Level`].

use glassbox_tensor::parallel_chunks;

use crate::simd::{Kernel, Level, MAX_LANES, Simd, run_at};

/// How many elements are a piece of work.
const PIECE: usize = 1 << 14;

/// What bytes with a zero point are made of.
pub trait Code: Copy + Default + Send + Sync + sealed::Range {}

impl Code for u8 {}
impl Code for i8 {}

mod sealed {
    pub trait Range {
        const LOWEST: i32;
        const HIGHEST: i32;
        fn to_i32(self) -> i32;
        /// Of a number within the range.
        fn of(number: i32) -> Self;
    }
    impl Range for u8 {
        const LOWEST: i32 = 0;
        const HIGHEST: i32 = 255;
        #[inline(always)]
        fn to_i32(self) -> i32 {
            i32::from(self)
        }
        #[inline(always)]
        fn of(number: i32) -> u8 {
            number as u8
        }
    }
    impl Range for i8 {
        const LOWEST: i32 = -128;
        const HIGHEST: i32 = 127;
        #[inline(always)]
        fn to_i32(self) -> i32 {
            i32::from(self)
        }
        #[inline(always)]
        fn of(number: i32) -> i8 {
            number as i8
        }
    }
}

/// The smallest range that holds 0 and all numbers; NaN, where there is one.
///
/// ```
/// assert_eq!(glassbox_kernels::quant::range(&[1.0, 3.0]), [0.0, 3.0]);
/// assert!(glassbox_kernels::quant::range(&[1.0, f32::NAN, 3.0])[0].is_nan());
/// ```
pub fn range(values: &[f32]) -> [f32; 2] {
    range_at(Level::best(), values)
}

/// [`range`] with the vectors of a level.
pub fn range_at(level: Level, values: &[f32]) -> [f32; 2] {
    let pieces = values.len().div_ceil(PIECE);
    let mut found = vec![[0.0f32; 2]; pieces];
    parallel_chunks(&mut found, 1, &|piece, found| {
        let values = &values[piece * PIECE..values.len().min((piece + 1) * PIECE)];
        found[0] = run_at(level, Range(values));
    });
    found.into_iter().fold([0.0, 0.0], |[low, high], [least, greatest]| match low.is_nan() || least.is_nan() {
        true => [f32::NAN; 2],
        false => [low.min(least), high.max(greatest)],
    })
}

struct Range<'a>(&'a [f32]);

impl Kernel for Range<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> [f32; 2] {
        let (mut low, mut high) = (simd.zero(), simd.zero());
        let mut wrong = simd.ne(low, low);
        let mut at = 0;
        while at < self.0.len() {
            let part = &self.0[at..];
            // What is missing in the last vector is 0, which the range holds in any case.
            let x = if part.len() >= S::LANES { simd.load(part) } else { simd.load_part(part) };
            wrong = simd.or_mask(wrong, simd.ne(x, x));
            (low, high) = (simd.min(low, x), simd.max(high, x));
            at += S::LANES;
        }
        if simd.any(wrong) { [f32::NAN; 2] } else { [-simd.largest(simd.neg(low)), simd.largest(high)] }
    }
}

/// Writes the bytes of numbers.
///
/// ```
/// let mut out = [0u8; 4];
/// glassbox_kernels::quant::quantize(&[1.0, 2.5, 1000.0, f32::NAN], 0.5, 10, &mut out);
/// assert_eq!(out, [12, 15, 255, 10]);
/// ```
///
/// # Panics
/// Where there are other numbers of elements.
pub fn quantize<T: Code>(values: &[f32], scale: f32, zero: T, out: &mut [T]) {
    quantize_at(Level::best(), values, scale, zero, out);
}

/// [`quantize`] with the vectors of a level.
///
/// # Panics
/// As [`quantize`].
pub fn quantize_at<T: Code>(level: Level, values: &[f32], scale: f32, zero: T, out: &mut [T]) {
    assert_eq!(values.len(), out.len(), "a byte for each number");
    parallel_chunks(out, PIECE, &|piece, out| {
        let values = &values[piece * PIECE..][..out.len()];
        run_at(level, Quantize { values, scale, zero, out });
    });
}

struct Quantize<'a, T> {
    values: &'a [f32],
    scale: f32,
    zero: T,
    out: &'a mut [T],
}

impl<T: Code> Kernel for Quantize<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let zero = self.zero.to_i32();
        let (low, high) = (simd.splat((T::LOWEST - zero) as f32), simd.splat((T::HIGHEST - zero) as f32));
        let (scale, zero) = (simd.splat(self.scale), simd.splat_i32(zero));
        let mut at = 0;
        while at < self.values.len() {
            let part = &self.values[at..];
            let x = if part.len() >= S::LANES { simd.load(part) } else { simd.load_part(part) };
            let quotient = simd.round_even(simd.div(x, scale));
            let known = simd.select(simd.ne(quotient, quotient), simd.zero(), quotient);
            let code = simd.add_i32(simd.to_i32_nearest(simd.min(simd.max(known, low), high)), zero);
            let mut codes = [0i32; MAX_LANES];
            // SAFETY: there is room for the widest vector.
            unsafe { simd.store_i32_at(codes.as_mut_ptr(), code) };
            let out = &mut self.out[at..];
            if out.len() >= S::LANES {
                let out = &mut out[..S::LANES];
                for lane in 0..S::LANES {
                    out[lane] = T::of(codes[lane]);
                }
            } else {
                out.iter_mut().zip(codes).for_each(|(out, code)| *out = T::of(code));
            }
            at += S::LANES;
        }
    }
}

/// Writes the numbers that bytes stand for.
///
/// ```
/// let mut out = [0.0; 3];
/// glassbox_kernels::quant::dequantize(&[12u8, 15, 255], 0.5, 10, &mut out);
/// assert_eq!(out, [1.0, 2.5, 122.5]);
/// ```
///
/// # Panics
/// Where there are other numbers of elements.
pub fn dequantize<T: Code>(codes: &[T], scale: f32, zero: T, out: &mut [f32]) {
    assert_eq!(codes.len(), out.len(), "a number for each byte");
    // There are 256 numbers at most, and this is a product for each element; the compiler makes vectors of it.
    parallel_chunks(out, PIECE, &|piece, out| {
        let codes = &codes[piece * PIECE..][..out.len()];
        let zero = zero.to_i32();
        out.iter_mut().zip(codes).for_each(|(out, code)| *out = (code.to_i32() - zero) as f32 * scale);
    });
}

/// Sums as numbers, after `columns` has been taken from them, and `row` times `zeros` where these are given:
/// `out[i] = sums[i] − columns[i] − zeros[i] · row`. Integers wrap; the number is rounded once.
///
/// ```
/// let mut out = [0.0; 2];
/// glassbox_kernels::quant::sums_to_f32(&[10, 20], &[1, 2], Some((&[3, 4], 2)), &mut out);
/// assert_eq!(out, [3.0, 10.0]);
/// ```
///
/// # Panics
/// Where there are other numbers of elements.
pub fn sums_to_f32(sums: &[i32], columns: &[i32], zeros: Option<(&[i32], i32)>, out: &mut [f32]) {
    assert!(sums.len() == out.len() && columns.len() == out.len(), "a number for each sum");
    assert!(zeros.is_none_or(|(zeros, _)| zeros.len() == out.len()), "a zero point for each column");
    run_at(Level::best(), Convert { sums, columns, zeros, out });
}

struct Convert<'a> {
    sums: &'a [i32],
    columns: &'a [i32],
    zeros: Option<(&'a [i32], i32)>,
    out: &'a mut [f32],
}

impl Kernel for Convert<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let whole = self.out.len() / S::LANES * S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            // SAFETY: all slices are as long, and the vector ends before their end.
            unsafe {
                let sum = simd.load_i32_at(self.sums.as_ptr().add(at));
                let mut sum = simd.sub_i32(sum, simd.load_i32_at(self.columns.as_ptr().add(at)));
                if let Some((zeros, row)) = self.zeros {
                    let taken = simd.mul_i32(simd.load_i32_at(zeros.as_ptr().add(at)), simd.splat_i32(row));
                    sum = simd.sub_i32(sum, taken);
                }
                simd.store_at(self.out.as_mut_ptr().add(at), simd.from_i32(sum));
            }
        }
        for at in whole..self.out.len() {
            let taken = self.zeros.map_or(0, |(zeros, row)| zeros[at].wrapping_mul(row));
            self.out[at] = self.sums[at].wrapping_sub(self.columns[at]).wrapping_sub(taken) as f32;
        }
    }
}

/// Sums less what is to be taken from them, as [`sums_to_f32`] has them, times a number for each column: the product is
/// rounded to f64 and then to f32.
///
/// ```
/// let mut out = [0.0; 2];
/// glassbox_kernels::quant::scaled_sums(&[10, 20], &[1, 2], Some((&[3, 4], 2)), &[0.5, -2.0], &mut out);
/// assert_eq!(out, [1.5, -20.0]);
/// ```
///
/// # Panics
/// Where there are other numbers of elements.
pub fn scaled_sums(sums: &[i32], columns: &[i32], zeros: Option<(&[i32], i32)>, scales: &[f64], out: &mut [f32]) {
    assert!(sums.len() == out.len() && columns.len() == out.len(), "a number for each sum");
    assert!(scales.len() == out.len(), "a scale for each column");
    assert!(zeros.is_none_or(|(zeros, _)| zeros.len() == out.len()), "a zero point for each column");
    run_at(Level::best(), Scaled(Convert { sums, columns, zeros, out }, scales));
}

struct Scaled<'a>(Convert<'a>, &'a [f64]);

impl Kernel for Scaled<'_> {
    type Output = ();

    // The compiler makes vectors of these loops; each element is rounded by itself.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Scaled(Convert { sums, columns, zeros, out }, scales) = self;
        let terms = sums.iter().zip(columns).zip(scales).zip(out);
        match zeros {
            None => terms.for_each(|(((sum, column), scale), out)| {
                *out = (f64::from(sum.wrapping_sub(*column)) * scale) as f32;
            }),
            Some((zeros, row)) => terms.zip(zeros).for_each(|((((sum, column), scale), out), zero)| {
                let sum = sum.wrapping_sub(*column).wrapping_sub(zero.wrapping_mul(row));
                *out = (f64::from(sum) * scale) as f32;
            }),
        }
    }
}

/// The sum of each row of bytes: `out[r]` of row `r`, `columns` bytes each, one after the other.
///
/// ```
/// let mut sums = [0; 2];
/// glassbox_kernels::quant::row_sums(&[1i8, -2, 3, 4], 2, &mut sums);
/// assert_eq!(sums, [-1, 7]);
/// ```
///
/// # Panics
/// Where there are other numbers of bytes.
pub fn row_sums<T: Code>(codes: &[T], columns: usize, out: &mut [i32]) {
    assert_eq!(codes.len(), columns * out.len(), "rows of bytes");
    if columns == 0 {
        out.fill(0);
        return;
    }
    let rows = (PIECE / columns).max(1);
    parallel_chunks(out, rows, &|piece, out| {
        let codes = &codes[piece * rows * columns..];
        for (sum, row) in out.iter_mut().zip(codes.chunks_exact(columns)) {
            *sum = row.iter().fold(0i32, |sum, code| sum.wrapping_add(code.to_i32()));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        let special = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5, 1.5, 2.5, -2.5, 1e30, 1e-30];
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 * 40.0 - 40.0
        };
        (0..count).map(|place| if place % 7 == 3 { special[place / 7 % special.len()] } else { next() }).collect()
    }

    /// One element, in f64.
    fn plain(x: f32, scale: f32, zero: i32, lowest: i32, highest: i32) -> i32 {
        let quotient = x / scale;
        if quotient.is_nan() {
            return zero;
        }
        (f64::from(quotient).round_ties_even() + f64::from(zero)).clamp(f64::from(lowest), f64::from(highest)) as i32
    }

    #[test]
    fn bytes_are_those_of_the_formula_at_every_level() {
        for level in Level::available() {
            for count in [0, 1, 15, 16, 17, 97, PIECE + 5] {
                let values = numbers(count);
                for (scale, zero) in [(0.5, 0), (0.037, 17), (1.0, 127), (0.0, 3), (f32::NAN, 3), (f32::INFINITY, 9)] {
                    let mut unsigned = vec![1u8; count];
                    quantize_at(level, &values, scale, zero as u8, &mut unsigned);
                    let mut signed = vec![1i8; count];
                    quantize_at(level, &values, scale, -(zero as i8), &mut signed);
                    for (place, x) in values.iter().enumerate() {
                        let want = (plain(*x, scale, zero, 0, 255), plain(*x, scale, -zero, -128, 127));
                        let got = (i32::from(unsigned[place]), i32::from(signed[place]));
                        assert_eq!(got, want, "{level:?}: {x} by {scale}, zero {zero}");
                    }
                }
            }
        }
    }

    #[test]
    fn ranges_hold_zero_and_tell_of_nan() {
        for level in Level::available() {
            for count in [0, 1, 5, 16, 33, 2 * PIECE + 1] {
                let values: Vec<f32> = numbers(count).into_iter().filter(|x| !x.is_nan()).collect();
                let want = values.iter().fold([0f32; 2], |[low, high], x| [low.min(*x), high.max(*x)]);
                assert_eq!(range_at(level, &values), want);
                let above: Vec<f32> = values.iter().map(|x| x.abs() + 1.0).collect();
                assert_eq!(range_at(level, &above)[0], 0.0);
                let mut wrong = values;
                wrong.push(f32::NAN);
                assert!(range_at(level, &wrong).iter().all(|x| x.is_nan()));
            }
        }
    }

    #[test]
    fn every_byte_becomes_its_number() {
        let codes: Vec<i8> = (-128..=127).collect();
        for (scale, zero) in [(0.1f32, 0i8), (3.7e-3, -128), (2.5e38, 127)] {
            let mut out = vec![0.0; codes.len()];
            dequantize(&codes, scale, zero, &mut out);
            for (code, got) in codes.iter().zip(&out) {
                assert_eq!(*got, ((f64::from(*code) - f64::from(zero)) * f64::from(scale)) as f32);
            }
        }
    }
}
