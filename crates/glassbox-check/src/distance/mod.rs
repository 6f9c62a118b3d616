//! How far two tensors are apart, element by element, without losing what differs.
//!
//! Floats of different dtypes are compared in f64, which holds every value of every float dtype: nothing is cast down, so
//! a finite value against an infinity is a difference. Integers are compared as integers. Elements are read in parts, so
//! a comparison takes no memory that grows with the tensors. Pieces of a fixed size are looked at on all threads and
//! added up in order, so the figures don't depend on the number of threads.

mod masked;
mod moments;
mod sums;

use glassbox_tensor::{DType, Tensor, TensorError};

use crate::report::{Apart, Stats};
use masked::{Scale, scale};
use moments::{Moments, moments};
use sums::{BINS, Measure, between};

/// What both sides of a comparison hold.
#[derive(Clone, Debug, Default)]
pub struct Distance {
    /// How far they are apart.
    pub apart: Apart,
    /// Ours.
    pub ours: Stats,
    /// Theirs.
    pub theirs: Stats,
    /// How many elements are apart by more than the [`Bounds`] that were asked for.
    pub outside: u64,
}

/// What an element may differ by: `relative · |theirs| + absolute`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Relative to the element on the other side.
    pub relative: f64,
    /// Absolute.
    pub absolute: f64,
}

impl Bounds {
    /// Whether two finite numbers are within it.
    pub fn hold(&self, ours: f64, theirs: f64) -> bool {
        (ours - theirs).abs() <= self.relative * theirs.abs() + self.absolute
    }
}

/// The machine epsilon of a float dtype: the step above one. Zero for what isn't a float.
pub(crate) fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F32 => f64::from(f32::EPSILON),
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        DType::F8E4M3FN | DType::F8E4M3FNUZ => 2f64.powi(-3),
        DType::F8E5M2 | DType::F8E5M2FNUZ => 2f64.powi(-2),
        DType::F4E2M1 => 0.5,
        DType::F8E8M0 => 1.0,
        _ => 0.0,
    }
}

/// The smallest positive number of a float dtype. Zero for what isn't a float.
pub(crate) fn smallest(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::from_bits(1),
        DType::F32 => f64::from(f32::from_bits(1)),
        DType::F16 => 2f64.powi(-24),
        DType::BF16 => 2f64.powi(-133),
        DType::F8E4M3FN | DType::F8E4M3FNUZ => 2f64.powi(-10),
        DType::F8E5M2 | DType::F8E5M2FNUZ => 2f64.powi(-17),
        DType::F4E2M1 => 0.5,
        DType::F8E8M0 => 2f64.powi(-127),
        _ => 0.0,
    }
}

/// The largest number of a float dtype. Infinite for what isn't a float, which doesn't overflow into an infinity.
pub(crate) fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MAX,
        DType::F32 => f64::from(f32::MAX),
        DType::F16 => 65504.0,
        DType::BF16 => f64::from(f32::from_bits(0x7f7f_0000)),
        DType::F8E4M3FN => 448.0,
        DType::F8E4M3FNUZ => 240.0,
        DType::F8E5M2 | DType::F8E5M2FNUZ => 57344.0,
        _ => f64::INFINITY,
    }
}

/// Of two float dtypes, the one that tells fewer numbers apart.
pub(crate) fn coarser(a: DType, b: DType) -> DType {
    if epsilon(a) >= epsilon(b) { a } else { b }
}

/// Holds two tensors of the same dims against each other. `None` where their dims differ or one holds text or isn't of
/// numbers; text is compared by [`same_text`].
///
/// # Errors
///
/// Where elements can't be read.
pub fn distance(ours: &Tensor, theirs: &Tensor, bounds: &Bounds) -> Result<Option<Distance>, TensorError> {
    // What can't be compared anyway needn't be read.
    if ours.shape() != theirs.shape() || !is_numbers(ours.dtype()) {
        return Ok(None);
    }
    match Yardstick::new(theirs)? {
        Some(yardstick) => yardstick.distance(ours, bounds),
        None => Ok(None),
    }
}

/// Whether a dtype's elements are numbers or truth values.
fn is_numbers(dtype: DType) -> bool {
    dtype.is_float() || dtype.is_integer() || dtype == DType::Bool
}

/// A tensor that others are held against: what is to be known of it alone is found out once.
pub(crate) struct Yardstick {
    theirs: Tensor,
    moments: Moments,
    scale: Scale,
}

impl Yardstick {
    /// Reads a tensor. `None` where it isn't one of numbers.
    pub(crate) fn new(theirs: &Tensor) -> Result<Option<Yardstick>, TensorError> {
        if !is_numbers(theirs.dtype()) {
            return Ok(None);
        }
        let theirs = theirs.contiguous()?;
        let moments = moments(&theirs)?;
        let scale = scale(&theirs, &moments)?;
        Ok(Some(Yardstick { theirs, moments, scale }))
    }

    /// The root of the mean square of its elements that aren't masked.
    pub(crate) fn rms(&self) -> f64 {
        self.scale.rms
    }

    /// Elements up to this one are masked.
    pub(crate) fn masked(&self) -> f64 {
        self.scale.masked
    }

    /// How far a tensor is from it; see [`distance`].
    pub(crate) fn distance(&self, ours: &Tensor, bounds: &Bounds) -> Result<Option<Distance>, TensorError> {
        let (a, b) = (ours.dtype(), self.theirs.dtype());
        if ours.shape() != self.theirs.shape() || !is_numbers(a) {
            return Ok(None);
        }
        let ours = ours.contiguous()?;
        if a == b && ours.bit_eq(&self.theirs) {
            return Ok(Some(self.same()));
        }
        let floats = a.is_float() || b.is_float();
        let dtype = if a.is_float() && b.is_float() { coarser(a, b) } else { DType::F64 };
        let measure = Measure { dtype, bounds: *bounds, scale: self.scale };
        let sums = match floats {
            true => between::<f64>(&ours, &self.theirs, measure),
            false if a.is_unsigned_integer() && b.is_unsigned_integer() => between::<u64>(&ours, &self.theirs, measure),
            false => between::<i64>(&ours, &self.theirs, measure),
        }?;
        Ok(Some(sums.finish(self.theirs.shape(), self.moments.finish())))
    }

    /// How far it is from itself.
    fn same(&self) -> Distance {
        let (stats, count) = (self.moments.finish(), self.theirs.len() as u64);
        let mut spread = vec![0; BINS];
        spread[0] = count;
        let apart = Apart { count, spread, ..Apart::default() };
        Distance { apart, ours: stats, theirs: stats, outside: 0 }
    }
}

/// Whether two tensors of text hold the same.
pub(crate) fn same_text(ours: &Tensor, theirs: &Tensor) -> bool {
    ours.shape() == theirs.shape() && ours.to_strings() == theirs.to_strings()
}

/// Where the element with this number is.
pub(crate) fn index_of(place: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = place;
    let mut index: Vec<usize> = Vec::with_capacity(shape.len());
    for size in shape.iter().rev() {
        index.push(rest.checked_rem(*size).unwrap_or(0));
        rest = rest.checked_div(*size).unwrap_or(0);
    }
    index.reverse();
    index
}

/// What is to be known of one tensor; `None` where it isn't one of numbers.
///
/// # Errors
///
/// Where elements can't be read.
pub fn stats(tensor: &Tensor) -> Result<Option<Stats>, TensorError> {
    Ok(if is_numbers(tensor.dtype()) { Some(moments(&tensor.contiguous()?)?.finish()) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_tensor::f16;

    fn apart(ours: &Tensor, theirs: &Tensor) -> Apart {
        distance(ours, theirs, &Bounds::default()).unwrap().unwrap().apart
    }

    #[test]
    fn a_finite_value_against_an_infinity_is_a_difference_in_every_dtype() {
        let ours = Tensor::from_vec(&[1], vec![f16::INFINITY]).unwrap();
        let theirs = Tensor::from_vec(&[1], vec![90_000f64]).unwrap();
        assert_eq!(apart(&ours, &theirs).special, 1);
        let ours = Tensor::from_vec(&[1], vec![f32::INFINITY]).unwrap();
        let theirs = Tensor::from_vec(&[1], vec![2.7e43f64]).unwrap();
        assert_eq!(apart(&ours, &theirs).special, 1);
    }

    #[test]
    fn nan_equals_only_nan() {
        let ours = Tensor::from_vec(&[3], vec![f32::NAN, f32::NAN, 1.0]).unwrap();
        let theirs = Tensor::from_vec(&[3], vec![f32::NAN, 1.0, f32::NAN]).unwrap();
        let found = apart(&ours, &theirs);
        assert_eq!((found.special, found.differing), (2, 2));
        assert_eq!(found.worst.unwrap().index, [1]);
    }

    #[test]
    fn integers_that_f64_cannot_hold_are_told_apart() {
        let ours = Tensor::from_vec(&[1], vec![i64::MAX]).unwrap();
        let theirs = Tensor::from_vec(&[1], vec![i64::MAX - 1]).unwrap();
        assert_eq!(apart(&ours, &theirs).max_abs, 1.0);
    }

    #[test]
    fn a_step_of_the_coarser_dtype_is_one_ulp() {
        let ours = Tensor::from_vec(&[2], vec![f16::from_f32(1.0), f16::from_bits(1)]).unwrap();
        let next = f16::from_bits(f16::from_f32(1.0).to_bits() + 1);
        let theirs = Tensor::from_vec(&[2], vec![next.to_f32(), 0.0]).unwrap();
        assert_eq!(apart(&ours, &theirs).max_ulp, 1);
    }

    #[test]
    fn the_spread_counts_every_element_once() {
        let theirs = Tensor::from_vec(&[4], vec![1f64, 1.0, 1.0, 0.0]).unwrap();
        let ours = Tensor::from_vec(&[4], vec![1f64, 1.0 + 1e-9, 3.0, 1.0]).unwrap();
        let spread = apart(&ours, &theirs).spread;
        assert_eq!(spread.iter().sum::<u64>(), 4);
        assert_eq!((spread[0], spread[BINS - 1]), (1, 1));
    }

    #[test]
    fn places_are_counted_by_the_innermost_axis() {
        assert_eq!(index_of(7, &[2, 4]), [1, 3]);
        assert_eq!(index_of(0, &[]), Vec::<usize>::new());
    }
}
