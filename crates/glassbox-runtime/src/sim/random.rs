//! Tensors of random numbers that are the same on every machine and at every run.
//!
//! The numbers are those of ChaCha with 20 rounds, whose key is the seed in its first eight bytes, little-endian, and
//! zeros; each draw takes the next 64 bits. All arithmetic is exactly defined, so that another program can make
//! the same numbers.

use std::marker::PhantomData;

use glassbox_tensor::{Element, Tensor, TensorError, bf16, f16};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::error::SimError;
use crate::error::RuntimeError;

/// Makes random tensors of elements `T`.
///
/// ```
/// use glassbox_runtime::Random;
/// let x = Random::<f32>::generate_with_seed(7, (-1.0, 1.0), &[2, 3])?;
/// assert_eq!(x.shape(), [2, 3]);
/// assert!(x.bit_eq(&Random::<f32>::generate_with_seed(7, (-1.0, 1.0), &[2, 3])?));
/// # Ok::<(), glassbox_runtime::RuntimeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Random<T>(PhantomData<T>);

impl<T: RandomElement> Random<T> {
    /// A tensor of these dims, whose elements lie from `low` to `high`, both included, and are all as probable.
    /// Bounds that aren't finite, or of which the first is the larger, are an error.
    ///
    /// # Errors
    ///
    /// Where the bounds aren't finite or the first is the larger, the dims have too many elements, or there isn't enough
    /// memory.
    pub fn generate_with_seed(seed: u64, (low, high): (T, T), dims: &[usize]) -> Result<Tensor, RuntimeError> {
        let range = T::range(low, high).map_err(SimError::Random)?;
        let wrong = || TensorError::InvalidSize { dtype: T::DTYPE, shape: dims.to_vec() };
        let count = glassbox_tensor::layout::element_count(dims).ok_or_else(wrong)?;
        let mut elements = Vec::new();
        let bytes = count.saturating_mul(size_of::<T>());
        elements.try_reserve_exact(count).map_err(|_| TensorError::AllocationFailed { bytes })?;
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut source = ChaCha20Rng::from_seed(key);
        elements.extend((0..count).map(|_| T::draw(&range, &mut || source.next_u64())));
        Ok(Tensor::from_vec(dims, elements)?)
    }
}

/// What random tensors can be made of.
pub trait RandomElement: Element {
    /// The bounds as [`RandomElement::draw`] wants them.
    type Range;

    /// The range, or else why there is none.
    fn range(low: Self, high: Self) -> Result<Self::Range, String>;

    /// An element of the range, from 64 random bits or several times as many.
    fn draw(range: &Self::Range, bits: &mut dyn FnMut() -> u64) -> Self;
}

macro_rules! floats {
    ($($type:ty: $to:expr, $from:expr);* $(;)?) => {$(
        impl RandomElement for $type {
            type Range = (f64, f64);

            fn range(low: $type, high: $type) -> Result<(f64, f64), String> {
                let (low, high): (f64, f64) = ($to(low), $to(high));
                if low.is_finite() && high.is_finite() && low <= high {
                    return Ok((low, high));
                }
                Err(format!("random numbers lie from a finite bound to one that isn't less, not from {low} to {high}"))
            }

            fn draw((low, high): &(f64, f64), bits: &mut dyn FnMut() -> u64) -> $type {
                // The highest 53 bits as a fraction of 2^53 - 1, so that both ends can be reached.
                let share = (bits() >> 11) as f64 / ((1u64 << 53) - 1) as f64;
                $from((low * (1.0 - share) + high * share).clamp(*low, *high))
            }
        }
    )*};
}
floats! {
    f64: |value| value, |value| value;
    f32: f64::from, |value| value as f32;
    f16: f64::from, f16::from_f64;
    bf16: f64::from, bf16::from_f64;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl RandomElement for $type {
            /// The least, and how many steps it is from there to the largest.
            type Range = ($type, u64);

            fn range(low: $type, high: $type) -> Result<($type, u64), String> {
                let steps = i128::from(high) - i128::from(low);
                let steps = u64::try_from(steps);
                let wrong = |_| format!("random numbers lie from a bound to one that isn't less, not from {low} to {high}");
                steps.map(|steps| (low, steps)).map_err(wrong)
            }

            fn draw((low, steps): &($type, u64), bits: &mut dyn FnMut() -> u64) -> $type {
                // Draws past the largest multiple of the count are drawn again: no number is more probable.
                let drawn = match steps.checked_add(1) {
                    None => bits(),
                    Some(count) => loop {
                        let drawn = bits();
                        if drawn <= u64::MAX - (u64::MAX - steps) % count {
                            break drawn % count;
                        }
                    },
                };
                low.wrapping_add(drawn as $type)
            }
        }
    )*};
}
integers! { i64, i32, i16, i8, u64, u32, u16, u8 }

impl RandomElement for bool {
    type Range = (u8, u64);

    fn range(low: bool, high: bool) -> Result<(u8, u64), String> {
        u8::range(low.into(), high.into())
    }

    fn draw(range: &(u8, u64), bits: &mut dyn FnMut() -> u64) -> bool {
        u8::draw(range, bits) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_chacha() {
        // The first words of the key stream of an all-zero key, from RFC 8439, A.1.
        let all = Random::<u64>::generate_with_seed(0, (0, u64::MAX), &[2]).unwrap();
        assert_eq!(all.to_vec::<u64>().unwrap(), [0x903d_f1a0_ade0_b876, 0x28bd_8653_e56a_5d40]);
    }

    #[test]
    fn elements_stay_in_their_range_and_reach_its_ends() {
        let small = Random::<i8>::generate_with_seed(1, (-2, 1), &[1000]).unwrap().to_vec::<i8>().unwrap();
        for value in -2..=1 {
            let count = small.iter().filter(|found| **found == value).count();
            assert!((190..=310).contains(&count), "{value} occurs {count} times");
        }
        let floats = Random::<f16>::generate_with_seed(1, (f16::from_f32(-1.0), f16::from_f32(1.0)), &[1000]).unwrap();
        let floats = floats.load::<f64>().unwrap().into_owned();
        assert!(floats.iter().all(|value| (-1.0..=1.0).contains(value)));
        let mean = floats.iter().sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.06, "{mean}");
        let bools = Random::<bool>::generate_with_seed(1, (false, true), &[64]).unwrap().to_vec::<bool>().unwrap();
        assert!(bools.contains(&true) && bools.contains(&false));
        assert!(
            Random::<bool>::generate_with_seed(1, (true, true), &[64])
                .unwrap()
                .to_vec::<bool>()
                .unwrap()
                .iter()
                .all(|b| *b)
        );
        let huge = Random::<f64>::generate_with_seed(3, (f64::MIN, f64::MAX), &[100]).unwrap();
        assert!(huge.to_vec::<f64>().unwrap().iter().all(|value| value.is_finite()));
        assert_eq!(Random::<i64>::generate_with_seed(3, (5, 5), &[0, 4]).unwrap().shape(), [0, 4]);
    }

    #[test]
    fn bounds_that_mean_nothing_are_refused() {
        let error = Random::<i32>::generate_with_seed(0, (3, 2), &[1]).unwrap_err().to_string();
        assert_eq!(error, "random numbers lie from a bound to one that isn't less, not from 3 to 2");
        assert!(Random::<f32>::generate_with_seed(0, (0.0, f32::NAN), &[1]).is_err());
        assert!(Random::<f32>::generate_with_seed(0, (0.0, f32::INFINITY), &[1]).is_err());
        assert!(Random::<f64>::generate_with_seed(0, (0.0, 1.0), &[usize::MAX, 2]).is_err());
        assert!(Random::<f64>::generate_with_seed(0, (0.0, 1.0), &[usize::MAX / 16]).is_err());
    }
}
