//! Elements that are masked: a number far below all others, added to scores so that they count for nothing.
//!
//! Beside -1e9 or the lowest f32 every other element is as good as zero, and so is what it may differ by. Such elements
//! are no part of how large a tensor's elements are.

use glassbox_tensor::{Tensor, TensorError, parallel_map};

use super::moments::{Moments, PART, PIECE, parts};

/// An element that isn't below this isn't masked.
const HIGHEST: f64 = -1024.0;
/// So many powers of two lie between the masked elements and all others, and hold no element.
const GAP: usize = 9;
/// The exponents that an f64 can have in its bits, without that of what isn't finite.
const EXPONENTS: usize = (1 << 11) - 1;

/// How large the elements of a tensor are that aren't masked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// Elements up to this one are masked.
    pub(super) masked: f64,
    /// The root of the mean square of the others.
    pub(super) rms: f64,
    /// How many others there are.
    pub(super) count: u64,
}

/// The elements of one exponent.
#[derive(Clone, Copy, Default)]
struct Bin {
    count: u64,
    square: f64,
    positive: bool,
}

/// The scale of a contiguous tensor of numbers of which the sums are known.
pub(super) fn scale(tensor: &Tensor, sums: &Moments) -> Result<Scale, TensorError> {
    let stats = sums.finish();
    let all = Scale { masked: f64::NEG_INFINITY, rms: stats.rms, count: tensor.len() as u64 - stats.nan - stats.inf };
    if stats.min > HIGHEST {
        return Ok(all);
    }
    let pieces = parallel_map(tensor.len().div_ceil(PIECE), |piece| {
        let mut bins = vec![Bin::default(); EXPONENTS];
        let mut part = [0f64; PART];
        for (start, count) in parts(piece, tensor.len()) {
            tensor.load_range(start, &mut part[..count])?;
            for value in part[..count].iter().filter(|value| value.is_finite()) {
                let bin = &mut bins[(value.abs().to_bits() >> 52) as usize];
                bin.count += 1;
                bin.square += value * value;
                bin.positive |= *value > 0.0;
            }
        }
        Ok(bins)
    });
    let mut bins = vec![Bin::default(); EXPONENTS];
    for piece in pieces {
        for (sum, more) in bins.iter_mut().zip(piece?) {
            *sum = Bin {
                count: sum.count + more.count,
                square: sum.square + more.square,
                positive: sum.positive || more.positive,
            };
        }
    }
    Ok(below_the_gap(&bins).unwrap_or(all))
}

/// The scale of what lies below the first gap, where all above it is negative.
fn below_the_gap(bins: &[Bin]) -> Option<Scale> {
    let mut lowest = bins.iter().rposition(|bin| bin.count > 0)?;
    let mut at = lowest;
    loop {
        if bins[at].positive {
            return None;
        }
        if bins[at].count > 0 {
            lowest = at;
        } else if lowest - at >= GAP {
            break;
        }
        at = at.checked_sub(1)?;
    }
    let (count, square) =
        bins[..at].iter().fold((0, 0.0), |(count, square), bin| (count + bin.count, square + bin.square));
    let scale = Scale { masked: -f64::from_bits((lowest as u64) << 52), rms: (square / count as f64).sqrt(), count };
    (square > 0.0 && scale.masked <= HIGHEST).then_some(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::moments::moments;

    fn of(values: &[f32]) -> Scale {
        let tensor = Tensor::from_vec(&[values.len()], values.to_vec()).unwrap();
        scale(&tensor, &moments(&tensor).unwrap()).unwrap()
    }

    #[test]
    fn what_is_masked_is_no_part_of_the_scale() {
        for masked in [-1e4, -1e9, f32::MIN] {
            let found = of(&[3.0, masked, -4.0, masked, f32::NEG_INFINITY]);
            assert_eq!((found.count, found.rms), (2, 12.5f64.sqrt()), "{masked}");
            assert!(f64::from(masked) <= found.masked && found.masked < -1000.0);
        }
    }

    #[test]
    fn large_elements_are_part_of_it() {
        // Without a gap, of both signs, or alone.
        for values in [vec![1.0, -30.0, -1000.0, -20_000.0], vec![1.0, -1e6, 1e6], vec![-1e6, -2e6], vec![0.0, -1e9]] {
            let found = of(&values);
            assert_eq!((found.count, found.masked), (values.len() as u64, f64::NEG_INFINITY), "{values:?}");
        }
    }
}
