//! Holding one value against another, strictly.
//!
//! Kind, dtype and shape must be equal. A NaN equals only a NaN, an infinity only the infinity of its
//! sign. Integers, bools and strings must be equal; a finite float `a` may differ from the expected
//! `b` by `atol + rtol * |b|`.

use std::fmt;

use crate::value::Value;
use glassbox_tensor::{DType, Tensor, TensorError};

/// How much a float may differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Relative to the expected value.
    pub rtol: f64,
    /// Absolute.
    pub atol: f64,
}

impl Tolerance {
    /// Nothing may differ.
    pub const EXACT: Tolerance = Tolerance { rtol: 0.0, atol: 0.0 };
    /// What the official ONNX cases allow where they don't say otherwise.
    pub const ONNX: Tolerance = Tolerance { rtol: 1e-3, atol: 1e-7 };
}

/// How far two tensors are apart, over all elements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The largest absolute difference of finite elements.
    pub max_abs: f64,
    /// The largest difference relative to the expected element, where that isn't zero.
    pub max_rel: f64,
    /// The largest difference counted in representable values of the dtype.
    pub max_ulp: u64,
    /// How many elements differ by more than the tolerance.
    pub outside: usize,
    /// How many elements there are.
    pub count: usize,
}

/// Why two values aren't the same.
#[derive(Clone, Debug)]
pub enum Difference {
    /// They are of different types, dtypes or shapes.
    Type {
        /// What was given.
        got: String,
        /// What was expected.
        want: String,
    },
    /// Elements differ by more than the tolerance.
    Elements {
        /// How far apart they are.
        comparison: Comparison,
        /// The place of the first such element.
        place: Vec<usize>,
        /// What was given there.
        got: String,
        /// What was expected there.
        want: String,
    },
    /// One of them can't be read.
    Unreadable(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Type { got, want } => write!(f, "is {got}, expected is {want}"),
            Difference::Elements { comparison, place, got, want } => write!(
                f,
                "{} of {} elements differ, first at {place:?}: {got}, expected {want} (max abs {:.3e}, rel {:.3e}, ulp {})",
                comparison.outside, comparison.count, comparison.max_abs, comparison.max_rel, comparison.max_ulp
            ),
            Difference::Unreadable(why) => write!(f, "can't be compared: {why}"),
        }
    }
}

impl From<TensorError> for Difference {
    fn from(error: TensorError) -> Difference {
        Difference::Unreadable(error.to_string())
    }
}

/// Holds `got` against `want`: how far they are apart, or why they aren't the same.
///
/// # Errors
///
/// A [`Difference`]: values of other kinds, or a tensor in them that [`compare_tensors`] refuses.
///
/// ```
/// use glassbox_exec::{Tolerance, Value, compare};
/// use glassbox_tensor::Tensor;
/// let want = Value::from(Tensor::from_vec(&[2], vec![1.0f32, 2.0])?);
/// let got = Value::from(Tensor::from_vec(&[2], vec![1.0f32, 2.5])?);
/// let difference = compare(&got, &want, Tolerance::ONNX).err().unwrap().to_string();
/// assert!(difference.starts_with("1 of 2 elements differ, first at [1]: 2.5, expected 2"), "{difference}");
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
pub fn compare(got: &Value, want: &Value, tolerance: Tolerance) -> Result<Comparison, Difference> {
    let different = || Difference::Type { got: describe(got), want: describe(want) };
    match (got, want) {
        (Value::Tensor(got), Value::Tensor(want)) => compare_tensors(got, want, tolerance),
        (Value::Sequence { items: got, .. }, Value::Sequence { items: want, .. }) if got.len() == want.len() => {
            let pairs = got.iter().zip(want);
            pairs
                .map(|(got, want)| compare(got, want, tolerance))
                .try_fold(Comparison::default(), |all, one| Ok(all.and(one?)))
        }
        (Value::Optional { item: got, .. }, Value::Optional { item: want, .. }) => match (got, want) {
            (Some(got), Some(want)) => compare(got, want, tolerance),
            (None, None) => Ok(Comparison::default()),
            _ => Err(different()),
        },
        _ => Err(different()),
    }
}

/// What a value is, for a message.
fn describe(value: &Value) -> String {
    match value {
        Value::Tensor(_) => value.ty().to_string(),
        Value::Sequence { items, .. } => format!("{} of {} items", value.ty(), items.len()),
        Value::Optional { item, .. } => {
            format!("{} with{} a value", value.ty(), if item.is_some() { "" } else { "out" })
        }
    }
}

impl Comparison {
    /// Both together.
    fn and(self, other: Comparison) -> Comparison {
        Comparison {
            max_abs: self.max_abs.max(other.max_abs),
            max_rel: self.max_rel.max(other.max_rel),
            max_ulp: self.max_ulp.max(other.max_ulp),
            outside: self.outside + other.outside,
            count: self.count + other.count,
        }
    }
}

/// Holds one tensor against another: how far they are apart, or why they aren't the same.
///
/// # Errors
///
/// A [`Difference`]: other dtypes or dims, elements that differ by more than the tolerance, or data that can't be read.
///
/// ```
/// use glassbox_exec::{Tolerance, compare_tensors};
/// use glassbox_tensor::Tensor;
/// let want = Tensor::from_vec(&[2], vec![1.0f32, f32::NAN])?;
/// let near = Tensor::from_vec(&[2], vec![1.0005f32, f32::NAN])?;
/// assert!(compare_tensors(&near, &want, Tolerance::ONNX).is_ok());
/// assert!(compare_tensors(&near, &want, Tolerance::EXACT).is_err());
/// // A NaN equals only a NaN.
/// let far = Tensor::from_vec(&[2], vec![1.0f32, 0.0])?;
/// assert!(compare_tensors(&far, &want, Tolerance::ONNX).is_err());
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
pub fn compare_tensors(got: &Tensor, want: &Tensor, tolerance: Tolerance) -> Result<Comparison, Difference> {
    let dtype = want.dtype();
    if got.dtype() != dtype || got.shape() != want.shape() {
        let describe = |tensor: &Tensor| Value::Tensor(tensor.clone()).ty().to_string();
        return Err(Difference::Type { got: describe(got), want: describe(want) });
    }
    if dtype == DType::String {
        let (got_values, want_values) = (got.to_strings().unwrap_or_default(), want.to_strings().unwrap_or_default());
        let pairs =
            got_values.iter().zip(&want_values).map(|(got, want)| Pair { same: got == want, ..Pair::default() });
        return judge(pairs, want.shape(), |index| {
            (format!("{:?}", got_values[index]), format!("{:?}", want_values[index]))
        });
    }
    if dtype.is_float() {
        let (got_values, want_values) = (got.load::<f64>()?, want.load::<f64>()?);
        let pairs =
            got_values.iter().zip(want_values.iter()).map(|(got, want)| float_pair(*got, *want, dtype, tolerance));
        return judge(pairs, want.shape(), |index| (got_values[index].to_string(), want_values[index].to_string()));
    }
    if dtype.is_unsigned_integer() {
        let (got_values, want_values) = (got.load::<u64>()?, want.load::<u64>()?);
        let pairs = got_values
            .iter()
            .zip(want_values.iter())
            .map(|(got, want)| integer_pair(got.abs_diff(*want), *want as f64));
        return judge(pairs, want.shape(), |index| (got_values[index].to_string(), want_values[index].to_string()));
    }
    let (got_values, want_values) = (got.load::<i64>()?, want.load::<i64>()?);
    let pairs =
        got_values.iter().zip(want_values.iter()).map(|(got, want)| integer_pair(got.abs_diff(*want), *want as f64));
    judge(pairs, want.shape(), |index| (got_values[index].to_string(), want_values[index].to_string()))
}

/// How far two elements are apart.
#[derive(Clone, Copy, Default)]
struct Pair {
    same: bool,
    abs: f64,
    rel: f64,
    ulp: u64,
}

fn integer_pair(distance: u64, want: f64) -> Pair {
    let abs = distance as f64;
    Pair { same: distance == 0, abs, rel: if want == 0.0 { 0.0 } else { abs / want.abs() }, ulp: distance }
}

fn float_pair(got: f64, want: f64, dtype: DType, tolerance: Tolerance) -> Pair {
    if got == want || (got.is_nan() && want.is_nan()) {
        return Pair { same: true, ..Pair::default() };
    }
    if !got.is_finite() || !want.is_finite() {
        return Pair { same: false, abs: f64::INFINITY, rel: f64::INFINITY, ulp: u64::MAX };
    }
    let abs = (got - want).abs();
    Pair {
        same: abs <= tolerance.atol + tolerance.rtol * want.abs(),
        abs,
        rel: if want == 0.0 { 0.0 } else { abs / want.abs() },
        ulp: ulps(got, want, dtype),
    }
}

/// How many representable values of `dtype` lie between two, which are finite.
fn ulps(a: f64, b: f64, dtype: DType) -> u64 {
    /// Bits in an order in which neighbours differ by one, and both zeros are the same.
    fn ordered(bits: u64, width: u32) -> i128 {
        let sign = 1u64 << (width - 1);
        if bits & sign == 0 { i128::from(bits) } else { -i128::from(bits & !sign) }
    }
    let place = |value: f64| match dtype {
        DType::F64 => ordered(value.to_bits(), 64),
        DType::F16 => ordered(u64::from(glassbox_tensor::f16::from_f64(value).to_bits()), 16),
        DType::BF16 => ordered(u64::from(glassbox_tensor::bf16::from_f64(value).to_bits()), 16),
        // Narrower floats are exact in f32; their distance is counted there.
        _ => ordered(u64::from((value as f32).to_bits()), 32),
    };
    u64::try_from((place(a) - place(b)).unsigned_abs()).unwrap_or(u64::MAX)
}

/// All pairs together: a comparison where none is outside the tolerance, else the difference.
fn judge(
    pairs: impl Iterator<Item = Pair>,
    shape: &[usize],
    show: impl Fn(usize) -> (String, String),
) -> Result<Comparison, Difference> {
    let mut comparison = Comparison::default();
    let mut first = None;
    for (index, pair) in pairs.enumerate() {
        comparison.count += 1;
        comparison.max_abs = comparison.max_abs.max(pair.abs);
        comparison.max_rel = comparison.max_rel.max(pair.rel);
        comparison.max_ulp = comparison.max_ulp.max(pair.ulp);
        if !pair.same {
            comparison.outside += 1;
            first.get_or_insert(index);
        }
    }
    let Some(index) = first else { return Ok(comparison) };
    let mut rest = index;
    let mut place: Vec<usize> = shape
        .iter()
        .rev()
        .map(|size| {
            let at = rest % size;
            rest /= size;
            at
        })
        .collect();
    place.reverse();
    let (got, want) = show(index);
    Err(Difference::Elements { comparison, place, got, want })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::from_vec(&[values.len()], values.to_vec()).unwrap()
    }

    fn same(got: &[f32], want: &[f32]) -> bool {
        compare_tensors(&tensor(got), &tensor(want), Tolerance::ONNX).is_ok()
    }

    #[test]
    fn nan_and_infinities_equal_only_themselves() {
        assert!(same(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]));
        assert!(!same(&[f32::NAN], &[1.0]));
        assert!(!same(&[1.0], &[f32::NAN]));
        assert!(!same(&[f32::INFINITY], &[f32::NEG_INFINITY]));
        assert!(!same(&[f32::INFINITY], &[f32::MAX]));
        assert!(!same(&[f32::MAX], &[f32::INFINITY]));
        assert!(!same(&[f32::NAN], &[f32::INFINITY]));
    }

    #[test]
    fn the_tolerance_is_relative_to_what_is_expected() {
        assert!(same(&[1000.9], &[1000.0]));
        assert!(!same(&[1001.1], &[1000.0]));
        assert!(same(&[5e-8], &[0.0]));
        assert!(!same(&[5e-7], &[0.0]));
    }

    #[test]
    fn dtype_and_shape_count() {
        let ints = Tensor::from_vec(&[1], vec![1i32]).unwrap();
        assert!(compare_tensors(&ints, &tensor(&[1.0]), Tolerance::ONNX).is_err());
        let column = tensor(&[1.0, 2.0]).reshape(&[2, 1]).unwrap();
        assert!(compare_tensors(&column, &tensor(&[1.0, 2.0]), Tolerance::ONNX).is_err());
    }

    #[test]
    fn integers_have_no_tolerance() {
        let (a, b) =
            (Tensor::from_vec(&[1], vec![100_000i32]).unwrap(), Tensor::from_vec(&[1], vec![100_001i32]).unwrap());
        assert!(compare_tensors(&a, &b, Tolerance::ONNX).is_err());
    }

    #[test]
    fn neighbours_are_one_ulp_apart_across_zero_too() {
        let tiny = f32::from_bits(1);
        let comparison = compare_tensors(&tensor(&[tiny]), &tensor(&[-tiny]), Tolerance::ONNX).unwrap();
        assert_eq!(comparison.max_ulp, 2);
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        assert_eq!(compare_tensors(&tensor(&[next]), &tensor(&[1.0]), Tolerance::ONNX).unwrap().max_ulp, 1);
    }

    #[test]
    fn a_difference_names_the_place() {
        let got = Tensor::from_vec(&[2, 2], vec![1.0f32, 2.0, 3.0, 9.0]).unwrap();
        let want = Tensor::from_vec(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0]).unwrap();
        let difference = compare_tensors(&got, &want, Tolerance::ONNX).unwrap_err().to_string();
        assert!(difference.starts_with("1 of 4 elements differ, first at [1, 1]: 9, expected 4"), "{difference}");
    }
}
