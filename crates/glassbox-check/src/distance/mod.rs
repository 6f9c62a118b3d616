//! How far two tensors are apart, element by element, without losing what differs.
//!
//! Floats of different dtypes are compared in f64, which holds every value of every float dtype: nothing is cast down, so
//! a finite value against an infinity is a difference. Integers are compared as integers. Elements are read in parts, so
//! a comparison takes no memory that grows with the tensors.

use glassbox_tensor::{Compute, DType, Tensor, TensorError};

use crate::report::{Apart, Place, Stats};

/// Elements that are looked at together.
const PART: usize = 4096;
/// The bins of [`Apart::spread`].
const BINS: usize = 24;
/// The power of ten of the first bin after that of equal elements.
const FIRST_POWER: f64 = -16.0;

/// Elements of a dtype as numbers that can be told apart.
trait Elements: Compute {
    fn number(self) -> f64;
    /// How far two are apart: absolute, in whole numbers exactly.
    fn apart(self, other: Self) -> f64;
    fn same(self, other: Self) -> bool;
}

impl Elements for f64 {
    fn number(self) -> f64 {
        self
    }

    fn apart(self, other: f64) -> f64 {
        (self - other).abs()
    }

    fn same(self, other: f64) -> bool {
        self == other || (self.is_nan() && other.is_nan())
    }
}

macro_rules! integers {
    ($($name:ty),*) => {$(
        impl Elements for $name {
            fn number(self) -> f64 {
                self as f64
            }

            fn apart(self, other: $name) -> f64 {
                self.abs_diff(other) as f64
            }

            fn same(self, other: $name) -> bool {
                self == other
            }
        }
    )*};
}

integers!(i64, u64);

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
    if ours.shape() != theirs.shape() {
        return Ok(None);
    }
    let (a, b) = (ours.dtype(), theirs.dtype());
    let numbers = |dtype: DType| dtype.is_float() || dtype.is_integer() || dtype == DType::Bool;
    if !numbers(a) || !numbers(b) {
        return Ok(None);
    }
    let (ours, theirs) = (ours.contiguous()?, theirs.contiguous()?);
    let dtype = if a.is_float() && b.is_float() { coarser(a, b) } else { DType::F64 };
    let found = match (a, b) {
        _ if a.is_float() || b.is_float() => between::<f64>(&ours, &theirs, dtype, bounds),
        _ if a.is_unsigned_integer() && b.is_unsigned_integer() => between::<u64>(&ours, &theirs, dtype, bounds),
        _ => between::<i64>(&ours, &theirs, dtype, bounds),
    }?;
    Ok(Some(found))
}

/// Whether two tensors of text hold the same.
pub(crate) fn same_text(ours: &Tensor, theirs: &Tensor) -> bool {
    ours.shape() == theirs.shape() && ours.to_strings() == theirs.to_strings()
}

fn between<E: Elements>(
    ours: &Tensor,
    theirs: &Tensor,
    dtype: DType,
    bounds: &Bounds,
) -> Result<Distance, TensorError> {
    let length = ours.len();
    let mut sums = Sums::new(dtype, *bounds);
    let (mut a, mut b) = (vec![E::default(); PART.min(length)], vec![E::default(); PART.min(length)]);
    let mut start = 0;
    while start < length {
        let count = PART.min(length - start);
        ours.load_range(start, &mut a[..count])?;
        theirs.load_range(start, &mut b[..count])?;
        for (place, (a, b)) in a[..count].iter().zip(&b[..count]).enumerate() {
            sums.add(start + place, *a, *b);
        }
        start += count;
    }
    Ok(sums.finish(ours.shape()))
}

/// What is known after some elements.
struct Sums {
    dtype: DType,
    bounds: Bounds,
    apart: Apart,
    outside: u64,
    ours: Moments,
    theirs: Moments,
    square: f64,
    worst: Option<(f64, usize, f64, f64)>,
}

impl Sums {
    fn new(dtype: DType, bounds: Bounds) -> Sums {
        let apart = Apart { spread: vec![0; BINS], ..Apart::default() };
        let (ours, theirs) = (Moments::default(), Moments::default());
        Sums { dtype, bounds, apart, outside: 0, ours, theirs, square: 0.0, worst: None }
    }

    fn add<E: Elements>(&mut self, place: usize, a: E, b: E) {
        let (ours, theirs) = (a.number(), b.number());
        self.ours.add(ours);
        self.theirs.add(theirs);
        self.apart.count += 1;
        if a.same(b) {
            self.apart.spread[0] += 1;
            return;
        }
        self.apart.differing += 1;
        if !ours.is_finite() || !theirs.is_finite() {
            self.apart.special += 1;
            self.outside += 1;
            self.apart.spread[BINS - 1] += 1;
            if self.worst.is_none_or(|(distance, ..)| distance.is_finite()) {
                self.worst = Some((f64::INFINITY, place, ours, theirs));
            }
            return;
        }
        let distance = a.apart(b);
        self.square += distance * distance;
        let relative = if theirs == 0.0 { f64::INFINITY } else { distance / theirs.abs() };
        self.apart.spread[bin(relative)] += 1;
        self.apart.max_abs = self.apart.max_abs.max(distance);
        if relative.is_finite() {
            self.apart.max_rel = self.apart.max_rel.max(relative);
        }
        self.apart.max_ulp = self.apart.max_ulp.max(ulps(distance, ours, theirs, self.dtype));
        self.outside += u64::from(!self.bounds.hold(ours, theirs));
        if self.worst.is_none_or(|(worst, ..)| distance > worst) {
            self.worst = Some((distance, place, ours, theirs));
        }
    }

    fn finish(self, shape: &[usize]) -> Distance {
        let finite = (self.apart.count - self.apart.special).max(1) as f64;
        let (rms, theirs) = ((self.square / finite).sqrt(), self.theirs.finish());
        let rms_rel = if rms == 0.0 { 0.0 } else { rms / theirs.rms };
        let place = |(_, place, ours, theirs)| Place { index: index_of(place, shape), ours, theirs, precise: None };
        let apart = Apart { rms_rel, worst: self.worst.map(place), ..self.apart };
        Distance { apart, ours: self.ours.finish(), theirs, outside: self.outside }
    }
}

/// How many representable values of `dtype` lie between two that are `distance` apart, by the step at the larger one.
fn ulps(distance: f64, ours: f64, theirs: f64, dtype: DType) -> u64 {
    let magnitude = ours.abs().max(theirs.abs());
    let exponent = f64::from_bits(magnitude.to_bits() & 0x7ff0_0000_0000_0000);
    let step = (exponent * epsilon(dtype)).max(smallest(dtype));
    let steps = distance / step;
    if steps.is_finite() { steps.round() as u64 } else { u64::MAX }
}

/// The bin of a relative difference that isn't zero.
fn bin(relative: f64) -> usize {
    if !relative.is_finite() {
        return BINS - 1;
    }
    // The power of two is in the bits; a logarithm of every element would take longer than all else.
    let exponent = ((relative.to_bits() >> 52) & 0x7ff) as f64 - 1023.0;
    let power = (exponent * std::f64::consts::LOG10_2).floor();
    (power - FIRST_POWER + 2.0).clamp(1.0, (BINS - 1) as f64) as usize
}

/// The sums of one side.
#[derive(Default)]
struct Moments {
    finite: u64,
    nan: u64,
    inf: u64,
    sum: f64,
    square: f64,
    min: f64,
    max: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            if value.is_nan() {
                self.nan += 1;
            } else {
                self.inf += 1;
            }
            return;
        }
        if self.finite == 0 {
            (self.min, self.max) = (value, value);
        }
        self.finite += 1;
        self.sum += value;
        self.square += value * value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn finish(&self) -> Stats {
        let count = self.finite.max(1) as f64;
        let rms = (self.square / count).sqrt();
        Stats { min: self.min, max: self.max, mean: self.sum / count, rms, nan: self.nan, inf: self.inf }
    }
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
    let dtype = tensor.dtype();
    if !(dtype.is_float() || dtype.is_integer() || dtype == DType::Bool) {
        return Ok(None);
    }
    let dense = tensor.contiguous()?;
    let mut moments = Moments::default();
    let mut part = vec![0f64; PART.min(dense.len())];
    let mut start = 0;
    while start < dense.len() {
        let count = PART.min(dense.len() - start);
        dense.load_range(start, &mut part[..count])?;
        part[..count].iter().for_each(|value| moments.add(*value));
        start += count;
    }
    Ok(Some(moments.finish()))
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
