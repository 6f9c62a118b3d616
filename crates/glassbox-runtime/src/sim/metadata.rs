//! Values of a package's metadata as Rust values, and as attributes of ops.
//!
//! An integer is given as any integer or float type that holds it exactly. A float is rounded once. Nothing else
//! is converted: text that looks like a number is text.

use glassbox_ir::Attr;
use glassbox_tensor::{DType, Tensor};
use glassbox_weights::{Array, MetadataValue};

/// Why a value of the metadata isn't what it is asked for as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// It is of another kind.
    Kind,
    /// It is of the kind, but too large.
    Range,
}

/// What metadata can be asked for as.
pub trait FromMetadata: Sized {
    /// What messages call it: `a u32`.
    const KIND: &'static str;

    /// The value as this type.
    fn from_metadata(value: &MetadataValue) -> Result<Self, Mismatch>;
}

/// A number of the metadata, exactly.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn of(value: &MetadataValue) -> Option<Number> {
        Some(match value {
            MetadataValue::U64(value) => Number::Integer((*value).into()),
            MetadataValue::F32(_) | MetadataValue::F64(_) => Number::Float(value.number()?),
            MetadataValue::Tensor(tensor) if tensor.len() == 1 => return Number::all(tensor)?.first().copied(),
            other => Number::Integer(other.integer()?.into()),
        })
    }

    /// The numbers in a tensor.
    fn all(tensor: &Tensor) -> Option<Vec<Number>> {
        Some(match tensor.dtype() {
            dtype if dtype.is_float() => tensor.load::<f64>().ok()?.iter().map(|x| Number::Float(*x)).collect(),
            DType::U64 => tensor.load::<u64>().ok()?.iter().map(|x| Number::Integer((*x).into())).collect(),
            dtype if dtype.is_integer() => {
                tensor.load::<i64>().ok()?.iter().map(|x| Number::Integer((*x).into())).collect()
            }
            _ => return None,
        })
    }

    /// The numbers of a list.
    fn list(value: &MetadataValue) -> Option<Vec<Number>> {
        let floats = |values: &[f64]| values.iter().map(|x| Number::Float(*x)).collect();
        match value {
            MetadataValue::Array(Array::F32(values)) => {
                Some(values.iter().map(|x| Number::Float((*x).into())).collect())
            }
            MetadataValue::Array(Array::F64(values)) => Some(floats(values)),
            MetadataValue::Array(Array::U64(values)) => {
                Some(values.iter().map(|x| Number::Integer((*x).into())).collect())
            }
            MetadataValue::Array(array) => {
                Some(array.integers()?.into_iter().map(|x| Number::Integer(x.into())).collect())
            }
            MetadataValue::Tensor(tensor) if tensor.rank() == 1 => Number::all(tensor),
            _ => None,
        }
    }

    /// The number as a float: an integer only where it is one exactly.
    fn float(self) -> Result<f64, Mismatch> {
        match self {
            Number::Float(value) => Ok(value),
            Number::Integer(value) if value as f64 as i128 == value => Ok(value as f64),
            Number::Integer(_) => Err(Mismatch::Range),
        }
    }

    fn integer<T: TryFrom<i128>>(self) -> Result<T, Mismatch> {
        match self {
            Number::Integer(value) => T::try_from(value).map_err(|_| Mismatch::Range),
            Number::Float(_) => Err(Mismatch::Kind),
        }
    }
}

macro_rules! integers {
    ($($type:ident: $kind:literal),*) => {$(
        impl FromMetadata for $type {
            const KIND: &'static str = $kind;

            fn from_metadata(value: &MetadataValue) -> Result<$type, Mismatch> {
                Number::of(value).ok_or(Mismatch::Kind)?.integer()
            }
        }
    )*};
}
integers! { usize: "a usize", u32: "a u32", u64: "a u64", i32: "an i32", i64: "an i64" }

impl FromMetadata for f64 {
    const KIND: &'static str = "an f64";

    fn from_metadata(value: &MetadataValue) -> Result<f64, Mismatch> {
        Number::of(value).ok_or(Mismatch::Kind)?.float()
    }
}

impl FromMetadata for f32 {
    const KIND: &'static str = "an f32";

    fn from_metadata(value: &MetadataValue) -> Result<f32, Mismatch> {
        let wide = f64::from_metadata(value)?;
        let narrow = wide as f32;
        let exact = !matches!(value, MetadataValue::F32(_) | MetadataValue::F64(_)) && f64::from(narrow) != wide;
        if exact || (narrow.is_infinite() && wide.is_finite()) { Err(Mismatch::Range) } else { Ok(narrow) }
    }
}

impl FromMetadata for bool {
    const KIND: &'static str = "a bool";

    fn from_metadata(value: &MetadataValue) -> Result<bool, Mismatch> {
        match value {
            MetadataValue::Bool(value) => Ok(*value),
            MetadataValue::Tensor(tensor) if tensor.dtype() == DType::Bool => tensor.item().map_err(|_| Mismatch::Kind),
            _ => Err(Mismatch::Kind),
        }
    }
}

impl FromMetadata for String {
    const KIND: &'static str = "text";

    fn from_metadata(value: &MetadataValue) -> Result<String, Mismatch> {
        match value {
            MetadataValue::String(text) => Ok(text.clone()),
            _ => Err(Mismatch::Kind),
        }
    }
}

impl FromMetadata for Vec<i64> {
    const KIND: &'static str = "a list of i64";

    fn from_metadata(value: &MetadataValue) -> Result<Vec<i64>, Mismatch> {
        Number::list(value).ok_or(Mismatch::Kind)?.into_iter().map(Number::integer).collect()
    }
}

impl FromMetadata for Vec<f64> {
    const KIND: &'static str = "a list of f64";

    fn from_metadata(value: &MetadataValue) -> Result<Vec<f64>, Mismatch> {
        Number::list(value).ok_or(Mismatch::Kind)?.into_iter().map(Number::float).collect()
    }
}

impl FromMetadata for Vec<String> {
    const KIND: &'static str = "a list of text";

    fn from_metadata(value: &MetadataValue) -> Result<Vec<String>, Mismatch> {
        match value {
            MetadataValue::Array(Array::String(texts)) => Ok(texts.clone()),
            _ => Err(Mismatch::Kind),
        }
    }
}

/// A value as programs see it. What no other attribute holds exactly is a tensor; lists of lists aren't seen.
pub(super) fn attr(value: &MetadataValue) -> Option<Attr> {
    Some(match value {
        MetadataValue::Bool(value) => Attr::Bool(*value),
        MetadataValue::String(text) => Attr::Str(text.clone()),
        MetadataValue::Tensor(tensor) => Attr::Tensor(tensor.clone()),
        MetadataValue::Array(Array::String(texts)) => Attr::Strs(texts.clone()),
        MetadataValue::Array(Array::Bool(values)) => {
            Attr::Tensor(Tensor::from_vec(&[values.len()], values.clone()).ok()?)
        }
        MetadataValue::Array(Array::F32(values)) => {
            Attr::Floats(values.iter().map(|value| f64::from(*value)).collect())
        }
        MetadataValue::Array(Array::F64(values)) => Attr::Floats(values.clone()),
        MetadataValue::Array(Array::U64(values)) => match value_list(value) {
            Some(values) => Attr::Ints(values),
            None => Attr::Tensor(Tensor::from_vec(&[values.len()], values.clone()).ok()?),
        },
        MetadataValue::Array(_) => Attr::Ints(value_list(value)?),
        MetadataValue::F32(_) | MetadataValue::F64(_) => Attr::Float(value.number()?),
        MetadataValue::U64(large) if i64::try_from(*large).is_err() => Attr::Tensor(Tensor::scalar(*large)),
        other => Attr::Int(other.integer()?),
    })
}

fn value_list(value: &MetadataValue) -> Option<Vec<i64>> {
    Vec::from_metadata(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_go_where_they_fit() {
        assert_eq!(u32::from_metadata(&MetadataValue::I64(7)), Ok(7));
        assert_eq!(u32::from_metadata(&MetadataValue::I64(-7)), Err(Mismatch::Range));
        assert_eq!(i32::from_metadata(&MetadataValue::U64(1 << 31)), Err(Mismatch::Range));
        assert_eq!(usize::from_metadata(&MetadataValue::F32(2.0)), Err(Mismatch::Kind));
        assert_eq!(f64::from_metadata(&MetadataValue::U32(10_000)), Ok(10_000.0));
        assert_eq!(f64::from_metadata(&MetadataValue::U64(u64::MAX)), Err(Mismatch::Range));
        assert_eq!(f32::from_metadata(&MetadataValue::I32(16_777_217)), Err(Mismatch::Range));
        assert_eq!(u64::from_metadata(&MetadataValue::Tensor(Tensor::scalar(3u8))), Ok(3));
    }

    #[test]
    fn floats_are_rounded_once() {
        assert_eq!(f32::from_metadata(&MetadataValue::F64(1e-5)), Ok(1e-5));
        assert_eq!(f32::from_metadata(&MetadataValue::F64(1e300)), Err(Mismatch::Range));
        assert_eq!(f32::from_metadata(&MetadataValue::F64(f64::INFINITY)), Ok(f32::INFINITY));
        assert_eq!(f64::from_metadata(&MetadataValue::String("1".to_owned())), Err(Mismatch::Kind));
    }

    #[test]
    fn lists_are_of_one_kind() {
        let list = MetadataValue::Array(Array::U8(vec![1, 2]));
        assert_eq!(Vec::<i64>::from_metadata(&list), Ok(vec![1, 2]));
        assert_eq!(Vec::<f64>::from_metadata(&list), Ok(vec![1.0, 2.0]));
        assert_eq!(Vec::<String>::from_metadata(&list), Err(Mismatch::Kind));
        assert_eq!(Vec::<i64>::from_metadata(&MetadataValue::Array(Array::U64(vec![u64::MAX]))), Err(Mismatch::Range));
    }

    #[test]
    fn programs_see_every_value_exactly() {
        assert_eq!(attr(&MetadataValue::F32(0.1)), Some(Attr::Float(f64::from(0.1f32))));
        assert_eq!(attr(&MetadataValue::U64(u64::MAX)), Some(Attr::Tensor(Tensor::scalar(u64::MAX))));
        assert_eq!(attr(&MetadataValue::Array(Array::I32(vec![-1]))), Some(Attr::Ints(vec![-1])));
        assert_eq!(attr(&MetadataValue::Array(Array::Array(Vec::new()))), None);
    }
}
