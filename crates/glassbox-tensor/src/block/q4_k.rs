//! Making `q4_k` blocks: 256 numbers in 8 sub-blocks of 32, each `scale * code - min` with 4-bit codes, and
//! scales and minima of 6 bits under two f16.
//!
//! The search is our own, in two steps. First every sub-block alone: for 21 spreads of the codes around the
//! one that just covers the numbers, the codes are rounded and the scale and minimum that fit them best are
//! solved for; the spread with the least error wins. Then the scales are rounded to 6 bits, and each
//! sub-block tries its rounded scale and minimum and their neighbours (9 pairs) with the codes that are
//! best for each. Errors are squared and weighted by the magnitude of the number plus the root of their mean
//! square, because large weights matter more. The result is a function of the 256 numbers alone.
//!
//! The search visits every number some thirty times, so what it does there is written for vectors: no calls, no
//! divisions, sums in eight lanes.

use half::f16;

use super::encode::{Unfit, scale_bytes};

const SUB_BLOCKS: usize = 8;
const SUB_ELEMENTS: usize = 32;
const LARGEST_CODE: f32 = 15.0;
const LARGEST_SCALE: f32 = 63.0;

type Sub = [f32; SUB_ELEMENTS];

/// What a sub-block wants before scales are rounded; both are at least 0.
#[derive(Clone, Copy, Default)]
struct Fit {
    scale: f32,
    min: f32,
}

pub(super) fn encode(values: &[f32], block: &mut [u8]) -> Result<(), Unfit> {
    let (subs, _) = values.as_chunks::<SUB_ELEMENTS>();
    let mut weights = [[0.0; SUB_ELEMENTS]; SUB_BLOCKS];
    let mut fits = [Fit::default(); SUB_BLOCKS];
    for ((fit, weights), sub) in fits.iter_mut().zip(&mut weights).zip(subs) {
        *weights = importance(sub);
        *fit = best_fit(sub, weights);
    }
    let most = |part: fn(&Fit) -> f32| fits.iter().map(part).fold(0.0f32, f32::max) / LARGEST_SCALE;
    let (d, dmin) = (scale_bytes(most(|fit| fit.scale))?, scale_bytes(most(|fit| fit.min))?);
    block[..2].copy_from_slice(&d);
    block[2..4].copy_from_slice(&dmin);
    let (d, dmin) = (f16::from_le_bytes(d).to_f32(), f16::from_le_bytes(dmin).to_f32());
    block[4..].fill(0);
    for (index, ((sub, weights), fit)) in subs.iter().zip(&weights).zip(&fits).enumerate() {
        let (scale, min) = round_fit(sub, weights, *fit, d, dmin);
        put_scale(&mut block[4..16], index, scale, min);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        for (byte, code) in block[16 + index / 2 * SUB_ELEMENTS..].iter_mut().zip(codes(sub, scale, min)) {
            *byte |= (code as u8) << (index % 2 * 4);
        }
    }
    Ok(())
}

/// How much the error of each number counts.
fn importance(sub: &Sub) -> Sub {
    let largest = sub.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    if largest == 0.0 {
        return [1.0; SUB_ELEMENTS];
    }
    // Relative to the largest, so that squares neither overflow nor vanish.
    let square = sub.iter().map(|value| (value / largest) * (value / largest)).sum::<f32>();
    let root = (square / SUB_ELEMENTS as f32).sqrt();
    sub.map(|value| root + (value / largest).abs())
}

/// The best code for each number, as a float.
#[inline(always)]
fn codes(sub: &Sub, scale: f32, min: f32) -> Sub {
    /// Added and taken away again, it leaves a float of a few bits rounded to an integer, halves to even.
    const ROUND: f32 = 12_582_912.0;
    let inverse = Some(1.0 / scale).filter(|inverse| scale > 0.0 && inverse.is_finite()).unwrap_or(0.0);
    sub.map(|value| {
        let code = (value + min) * inverse;
        let code = if code > 0.0 { code } else { 0.0 };
        let code = if code < LARGEST_CODE { code } else { LARGEST_CODE };
        code + ROUND - ROUND
    })
}

/// The sum of a term for each number, in lanes: always in the same order.
#[inline(always)]
fn sum(term: impl Fn(usize) -> f32) -> f32 {
    const LANES: usize = 8;
    let mut lanes = [0.0f32; LANES];
    for first in (0..SUB_ELEMENTS).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(first + lane);
        }
    }
    lanes.iter().sum()
}

/// The weighted squared error of a sub-block under a scale and a minimum.
fn error(sub: &Sub, weights: &Sub, scale: f32, min: f32) -> f32 {
    let codes = codes(sub, scale, min);
    sum(|at| {
        let off = scale * codes[at] - min - sub[at];
        weights[at] * off * off
    })
}

/// The scale and minimum under which a sub-block's error is least.
fn best_fit(sub: &Sub, weights: &Sub) -> Fit {
    let lowest = sub.iter().fold(0.0f32, |least, value| least.min(*value));
    let highest = sub.iter().fold(lowest, |most, value| most.max(*value));
    let span = highest - lowest;
    if span <= 0.0 || !span.is_finite() {
        // All are 0, or too far apart for a scale, which the caller then finds too large.
        return Fit { scale: span.max(0.0), min: -lowest };
    }
    let mut best = Fit { scale: span / LARGEST_CODE, min: -lowest };
    let mut least = error(sub, weights, best.scale, best.min);
    for step in 0..=20u8 {
        let spread = LARGEST_CODE - 1.0 + f32::from(step) / 10.0;
        let Some(fit) = solve(sub, weights, span / spread, -lowest) else { continue };
        let error = error(sub, weights, fit.scale, fit.min);
        if error < least {
            (best, least) = (fit, error);
        }
    }
    best
}

/// The scale and minimum that fit best the codes that `scale` and `min` give: weighted least squares.
fn solve(sub: &Sub, weights: &Sub, scale: f32, min: f32) -> Option<Fit> {
    let found = codes(sub, scale, min);
    let total = f64::from(sum(|at| weights[at]));
    let codes = f64::from(sum(|at| weights[at] * found[at]));
    let squares = f64::from(sum(|at| weights[at] * found[at] * found[at]));
    let values = f64::from(sum(|at| weights[at] * sub[at]));
    let products = f64::from(sum(|at| weights[at] * found[at] * sub[at]));
    let determinant = total * squares - codes * codes;
    if determinant <= 0.0 {
        return None;
    }
    let mut scale = (total * products - codes * values) / determinant;
    let mut min = (codes * products - squares * values) / determinant;
    if min < 0.0 {
        // Minima are subtracted and never negative: without one, only the scale is left.
        (scale, min) = (products / squares, 0.0);
    }
    (scale > 0.0).then_some(Fit { scale: scale as f32, min: min as f32 })
}

/// The 6-bit scale and minimum with the least error, at or beside what the fit rounds to.
fn round_fit(sub: &Sub, weights: &Sub, fit: Fit, d: f32, dmin: f32) -> (u8, u8) {
    const NEAR: i16 = 1;
    let nearest =
        |wanted: f32, unit: f32| if unit > 0.0 { (wanted / unit).round().min(LARGEST_SCALE) as i16 } else { 0 };
    let (scale, min) = (nearest(fit.scale, d), nearest(fit.min, dmin));
    let mut best = (scale as u8, min as u8);
    let mut least = error(sub, weights, d * f32::from(best.0), dmin * f32::from(best.1));
    for scale in (scale - NEAR).max(0)..=(scale + NEAR).min(LARGEST_SCALE as i16) {
        for min in (min - NEAR).max(0)..=(min + NEAR).min(LARGEST_SCALE as i16) {
            let error = error(sub, weights, d * f32::from(scale), dmin * f32::from(min));
            if error < least {
                (best, least) = ((scale as u8, min as u8), error);
            }
        }
    }
    best
}

/// Packs a 6-bit scale and minimum into their place in the 12 bytes, which were zero.
fn put_scale(packed: &mut [u8], sub: usize, scale: u8, min: u8) {
    match sub {
        0..4 => {
            packed[sub] |= scale;
            packed[sub + 4] |= min;
        }
        _ => {
            packed[sub + 4] |= (scale & 0xf) | (min & 0xf) << 4;
            packed[sub - 4] |= scale >> 4 << 6;
            packed[sub] |= min >> 4 << 6;
        }
    }
}
