//! What a file of weights says about itself: names with typed values, in the order of the file.

use std::collections::HashMap;
use std::fmt;

use glassbox_tensor::Tensor;

/// Names with values, in the order of the file. Names are unique.
///
/// ```
/// use glassbox_weights::{Metadata, MetadataValue};
/// let mut metadata = Metadata::default();
/// metadata.set("general.name", MetadataValue::String("tiny".into()));
/// metadata.set("layers", MetadataValue::U32(4));
/// assert_eq!((metadata.text("general.name"), metadata.integer("layers")), (Some("tiny"), Some(4)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metadata(pub(crate) Vec<(String, MetadataValue)>);

/// A value of the metadata. The types are GGUF's, and tensors.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum MetadataValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    String(String),
    /// A list whose elements are of one type.
    Array(Array),
    /// A number of a type of its own, or an array with dims.
    Tensor(Tensor),
}

/// A list whose elements are of one type.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<Array>),
}

/// Runs `$body` on the vector of whichever variant an [`Array`] is.
macro_rules! with_elements {
    ($array:expr, $values:ident => $body:expr) => {
        match $array {
            $crate::metadata::Array::U8($values) => $body,
            $crate::metadata::Array::I8($values) => $body,
            $crate::metadata::Array::U16($values) => $body,
            $crate::metadata::Array::I16($values) => $body,
            $crate::metadata::Array::U32($values) => $body,
            $crate::metadata::Array::I32($values) => $body,
            $crate::metadata::Array::U64($values) => $body,
            $crate::metadata::Array::I64($values) => $body,
            $crate::metadata::Array::F32($values) => $body,
            $crate::metadata::Array::F64($values) => $body,
            $crate::metadata::Array::Bool($values) => $body,
            $crate::metadata::Array::String($values) => $body,
            $crate::metadata::Array::Array($values) => $body,
        }
    };
}
pub(crate) use with_elements;

impl Metadata {
    /// Every name with its value, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &MetadataValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&MetadataValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a value: that of the name if it is there, else of a new one at the end.
    ///
    /// ```
    /// use glassbox_weights::{Metadata, MetadataValue};
    /// let mut metadata = Metadata::default();
    /// metadata.set("layers", MetadataValue::U32(2));
    /// assert_eq!((metadata.integer("layers"), metadata.text("layers")), (Some(2), None));
    /// ```
    pub fn set(&mut self, name: &str, value: MetadataValue) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets many values, as [`Metadata::set`] does each.
    pub fn extend(&mut self, values: impl IntoIterator<Item = (String, MetadataValue)>) {
        let mut places: HashMap<String, usize> =
            self.0.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        for (name, value) in values {
            match places.get(&name) {
                Some(at) => self.0[*at].1 = value,
                None => {
                    places.insert(name.clone(), self.0.len());
                    self.0.push((name, value));
                }
            }
        }
    }

    /// The text of a name, where it is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(MetadataValue::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The whole number of a name, of whichever integer type, where it is one and fits.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(MetadataValue::integer)
    }

    /// The number of a name as a float, of whichever type, where it is one.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(MetadataValue::number)
    }

    /// The list of texts of a name, where it is one.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(MetadataValue::Array(Array::String(texts))) => Some(texts),
            _ => None,
        }
    }
}

impl MetadataValue {
    /// The whole number that this is, where it is one and fits.
    pub fn integer(&self) -> Option<i64> {
        Some(match self {
            MetadataValue::U8(value) => (*value).into(),
            MetadataValue::I8(value) => (*value).into(),
            MetadataValue::U16(value) => (*value).into(),
            MetadataValue::I16(value) => (*value).into(),
            MetadataValue::U32(value) => (*value).into(),
            MetadataValue::I32(value) => (*value).into(),
            MetadataValue::U64(value) => i64::try_from(*value).ok()?,
            MetadataValue::I64(value) => *value,
            _ => return None,
        })
    }

    /// The number that this is, as a float.
    pub fn number(&self) -> Option<f64> {
        match self {
            MetadataValue::F32(value) => Some((*value).into()),
            MetadataValue::F64(value) => Some(*value),
            MetadataValue::U64(value) => Some(*value as f64),
            other => other.integer().map(|value| value as f64),
        }
    }

    /// The name of the type, as in `u32` or `[string]`.
    pub fn type_name(&self) -> String {
        match self {
            MetadataValue::U8(_) => "u8".to_owned(),
            MetadataValue::I8(_) => "i8".to_owned(),
            MetadataValue::U16(_) => "u16".to_owned(),
            MetadataValue::I16(_) => "i16".to_owned(),
            MetadataValue::U32(_) => "u32".to_owned(),
            MetadataValue::I32(_) => "i32".to_owned(),
            MetadataValue::U64(_) => "u64".to_owned(),
            MetadataValue::I64(_) => "i64".to_owned(),
            MetadataValue::F32(_) => "f32".to_owned(),
            MetadataValue::F64(_) => "f64".to_owned(),
            MetadataValue::Bool(_) => "bool".to_owned(),
            MetadataValue::String(_) => "string".to_owned(),
            MetadataValue::Array(array) => format!("[{}]", array.element_name()),
            MetadataValue::Tensor(tensor) => format!("{}{:?}", tensor.dtype(), tensor.shape()),
        }
    }

    /// Whether both are of the same type and have the same bits.
    pub fn bit_eq(&self, other: &MetadataValue) -> bool {
        match (self, other) {
            (MetadataValue::F32(left), MetadataValue::F32(right)) => left.to_bits() == right.to_bits(),
            (MetadataValue::F64(left), MetadataValue::F64(right)) => left.to_bits() == right.to_bits(),
            (MetadataValue::Bool(left), MetadataValue::Bool(right)) => left == right,
            (MetadataValue::String(left), MetadataValue::String(right)) => left == right,
            (MetadataValue::Array(left), MetadataValue::Array(right)) => left.bit_eq(right),
            (MetadataValue::Tensor(left), MetadataValue::Tensor(right)) => left.bit_eq(right),
            (MetadataValue::U64(left), MetadataValue::U64(right)) => left == right,
            (left, right) => {
                left.type_name() == right.type_name() && left.integer().is_some() && left.integer() == right.integer()
            }
        }
    }
}

impl Array {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        with_elements!(self, values => values.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the elements' type.
    pub fn element_name(&self) -> &'static str {
        match self {
            Array::U8(_) => "u8",
            Array::I8(_) => "i8",
            Array::U16(_) => "u16",
            Array::I16(_) => "i16",
            Array::U32(_) => "u32",
            Array::I32(_) => "i32",
            Array::U64(_) => "u64",
            Array::I64(_) => "i64",
            Array::F32(_) => "f32",
            Array::F64(_) => "f64",
            Array::Bool(_) => "bool",
            Array::String(_) => "string",
            Array::Array(_) => "array",
        }
    }

    /// The elements as whole numbers, where all are and fit.
    pub fn integers(&self) -> Option<Vec<i64>> {
        Some(match self {
            Array::U8(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::I8(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::U16(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::I16(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::U32(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::I32(values) => values.iter().map(|value| (*value).into()).collect(),
            Array::U64(values) => values.iter().map(|value| i64::try_from(*value).ok()).collect::<Option<_>>()?,
            Array::I64(values) => values.clone(),
            _ => return None,
        })
    }

    /// The elements as f32, where they are.
    pub fn floats(&self) -> Option<&[f32]> {
        match self {
            Array::F32(values) => Some(values),
            _ => None,
        }
    }

    fn bit_eq(&self, other: &Array) -> bool {
        let same = |equal: &mut dyn FnMut(usize) -> bool| self.len() == other.len() && (0..self.len()).all(equal);
        match (self, other) {
            (Array::F32(left), Array::F32(right)) => same(&mut |at| left[at].to_bits() == right[at].to_bits()),
            (Array::F64(left), Array::F64(right)) => same(&mut |at| left[at].to_bits() == right[at].to_bits()),
            (Array::Bool(left), Array::Bool(right)) => left == right,
            (Array::String(left), Array::String(right)) => left == right,
            (Array::Array(left), Array::Array(right)) => same(&mut |at| left[at].bit_eq(&right[at])),
            (Array::U64(left), Array::U64(right)) => left == right,
            (left, right) => {
                left.element_name() == right.element_name()
                    && left.integers().is_some()
                    && left.integers() == right.integers()
            }
        }
    }
}

/// Short: long lists show their first elements and their length.
impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataValue::F32(value) => write!(f, "{value:?}"),
            MetadataValue::F64(value) => write!(f, "{value:?}"),
            MetadataValue::U64(value) => write!(f, "{value}"),
            MetadataValue::Bool(value) => write!(f, "{value}"),
            MetadataValue::String(text) => write!(f, "{text:?}"),
            MetadataValue::Array(array) => write!(f, "{array}"),
            MetadataValue::Tensor(_) => write!(f, "tensor {}", self.type_name()),
            other => write!(f, "{}", other.integer().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 6;
        let shown: Vec<String> = match self {
            Array::Array(values) => values.iter().take(SHOWN).map(ToString::to_string).collect(),
            other => {
                with_elements!(other, values => values.iter().take(SHOWN).map(|value| format!("{value:?}")).collect())
            }
        };
        match self.len() {
            0..=SHOWN => write!(f, "[{}]", shown.join(", ")),
            len => write!(f, "[{}, … {len} in all]", shown.join(", ")),
        }
    }
}
