//! The discrete Fourier transform of one line, of any length, in f64.
//!
//! Lengths whose prime factors are small are split into them (Cooley and Tukey); a large prime factor
//! becomes a convolution of a length that is a power of two (Bluestein). The order of the sums depends
//! on the length alone, so the result is the same to the bit on every machine.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::ops::{Add, Mul, Sub};

/// Prime factors up to this one are summed directly.
const DIRECT: usize = 31;

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    pub(super) fn new(re: f64, im: f64) -> Complex {
        Complex { re, im }
    }

    /// The conjugate.
    pub(super) fn conj(self) -> Complex {
        Complex::new(self.re, -self.im)
    }

    /// exp(-2πi · numerator / denominator), where the numerator is less than the denominator.
    fn root(numerator: usize, denominator: usize) -> Complex {
        // Within an eighth of the circle, sine and cosine are as precise as they can be.
        let eighths = numerator as u128 * 8 / denominator as u128;
        let (turned, quarter) = match eighths {
            0 => (numerator as f64, 0),
            1 | 2 => (numerator as f64 - denominator as f64 / 4.0, 1),
            3 | 4 => (numerator as f64 - denominator as f64 / 2.0, 2),
            5 | 6 => (numerator as f64 - denominator as f64 * 0.75, 3),
            _ => (numerator as f64 - denominator as f64, 0),
        };
        let angle = 2.0 * PI * turned / denominator as f64;
        let (sin, cos) = (libm::sin(angle), libm::cos(angle));
        match quarter {
            0 => Complex::new(cos, -sin),
            1 => Complex::new(-sin, -cos),
            2 => Complex::new(-cos, sin),
            _ => Complex::new(sin, cos),
        }
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        Complex::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        Complex::new(self.re - other.re, self.im - other.im)
    }
}

impl Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        Complex::new(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
    }
}

/// What transforms of one length need: roots of unity and, for large primes, chirps.
pub(super) struct Fourier {
    length: usize,
    /// exp(-2πi k / length).
    roots: Vec<Complex>,
    factors: Vec<usize>,
    chirps: BTreeMap<usize, Chirp>,
}

/// A transform of prime length as a convolution.
struct Chirp {
    /// exp(-πi k² / length).
    chirp: Vec<Complex>,
    /// The transform of the conjugate chirp, wrapped around.
    kernel: Vec<Complex>,
    inner: Box<Fourier>,
}

impl Fourier {
    /// What transforms of `length`, which is at least one, need.
    pub(super) fn new(length: usize) -> Fourier {
        let roots = (0..length).map(|k| Complex::root(k, length)).collect();
        let factors = factors(length);
        let large = factors.iter().filter(|factor| **factor > DIRECT);
        let chirps = large.map(|factor| (*factor, Chirp::new(*factor))).collect();
        Fourier { length, roots, factors, chirps }
    }

    /// The sums over n of line[n] exp(-2πi k n / length), for each k. The line has that length.
    pub(super) fn forward(&self, line: &[Complex]) -> Vec<Complex> {
        let mut out = vec![Complex::default(); self.length];
        self.split(line, 1, &self.factors, &mut out);
        out
    }

    /// The transform of every `stride`-th element of `line`, `out.len()` of them.
    fn split(&self, line: &[Complex], stride: usize, factors: &[usize], out: &mut [Complex]) {
        let Some((factor, rest)) = factors.split_first() else {
            out[0] = line[0];
            return;
        };
        let part = out.len() / factor;
        for (offset, out) in out.chunks_mut(part).enumerate() {
            self.split(&line[offset * stride..], stride * factor, rest, out);
        }
        let mut terms = vec![Complex::default(); *factor];
        for k in 0..part {
            for (offset, term) in terms.iter_mut().enumerate() {
                *term = out[offset * part + k] * self.roots[offset * k * stride];
            }
            if let Some(chirp) = self.chirps.get(factor) {
                for (turn, sum) in chirp.transform(&terms).into_iter().enumerate() {
                    out[turn * part + k] = sum;
                }
                continue;
            }
            let step = self.length / factor;
            for turn in 0..*factor {
                let product = |(offset, term): (usize, &Complex)| *term * self.roots[offset * turn % factor * step];
                out[turn * part + k] = terms.iter().enumerate().map(product).fold(Complex::default(), Complex::add);
            }
        }
    }
}

impl Chirp {
    fn new(length: usize) -> Chirp {
        let square = |k: usize| (k as u128 * k as u128 % (2 * length as u128)) as usize;
        let chirp: Vec<Complex> = (0..length).map(|k| Complex::root(square(k), 2 * length)).collect();
        let inner = Box::new(Fourier::new((2 * length - 1).next_power_of_two()));
        let mut kernel = vec![Complex::default(); inner.length];
        for (k, value) in chirp.iter().enumerate() {
            kernel[k] = value.conj();
            kernel[(inner.length - k) % inner.length] = value.conj();
        }
        Chirp { chirp, kernel: inner.forward(&kernel), inner }
    }

    fn transform(&self, terms: &[Complex]) -> Vec<Complex> {
        let mut padded = vec![Complex::default(); self.inner.length];
        for ((out, term), chirp) in padded.iter_mut().zip(terms).zip(&self.chirp) {
            *out = *term * *chirp;
        }
        // The inverse transform is the forward one of the conjugate, conjugated.
        let product = |(a, b): (&Complex, &Complex)| (*a * *b).conj();
        let spectrum: Vec<Complex> = self.inner.forward(&padded).iter().zip(&self.kernel).map(product).collect();
        let scale = 1.0 / self.inner.length as f64;
        let sums = self.inner.forward(&spectrum);
        let scaled = |(sum, chirp): (&Complex, &Complex)| Complex::new(sum.re * scale, -sum.im * scale) * *chirp;
        sums.iter().zip(&self.chirp).map(scaled).collect()
    }
}

/// The prime factors, the least first.
fn factors(mut length: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut candidate = 2;
    while candidate * candidate <= length {
        while length.is_multiple_of(candidate) {
            found.push(candidate);
            length /= candidate;
        }
        candidate += 1;
    }
    if length > 1 {
        found.push(length);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_of_any_length_is_the_sum() {
        for length in [1, 2, 3, 4, 5, 8, 12, 30, 37, 64, 74, 97, 100, 128, 201, 210, 251, 400, 509, 1369] {
            let line: Vec<Complex> = (0..length)
                .map(|n| {
                    Complex::new(((n * 7919 + 13) % 101) as f64 / 50.0 - 1.0, ((n * 104_729) % 89) as f64 / 44.0 - 1.0)
                })
                .collect();
            let transformed = Fourier::new(length).forward(&line);
            for (k, found) in transformed.iter().enumerate() {
                let term = |(n, value): (usize, &Complex)| {
                    let angle = -2.0 * PI * ((k * n) % length) as f64 / length as f64;
                    *value * Complex::new(angle.cos(), angle.sin())
                };
                let sum = line.iter().enumerate().map(term).fold(Complex::default(), Complex::add);
                let error = (sum - *found).re.hypot((sum - *found).im);
                assert!(error < 1e-12 * (length as f64).max(10.0), "length {length}, bin {k}: {error:e}");
            }
        }
    }
}
