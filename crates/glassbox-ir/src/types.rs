//! The types of values: tensors, sequences and optionals.
//!
//! A tensor type is a dtype and a shape. The dtype is always known; the rank and every dim may be
//! unknown, and unknown is written as unknown (`f32[*]`, `f32[?, 3]`), never as a default.

use std::fmt;
use std::sync::Arc;

use glassbox_tensor::DType;

use crate::bind::Bindings;
use crate::dim::Dim;

/// The type of a value.
///
/// ```
/// use glassbox_ir::{Type, text::parse_type};
/// use glassbox_tensor::DType;
/// let declared = parse_type("f32[B, 3]")?;
/// assert!(declared.admits(&Type::tensor(DType::F32, [7i64, 3])));
/// assert!(!declared.admits(&Type::tensor(DType::F32, [7i64, 4])));
/// assert_eq!(Type::sequence(declared).to_string(), "seq<f32[B, 3]>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A tensor.
    Tensor(TensorType),
    /// A list of values of one type.
    Sequence(Arc<Type>),
    /// A value or nothing.
    Optional(Arc<Type>),
}

/// A dtype and a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The dtype of the elements.
    pub dtype: DType,
    /// The extents.
    pub shape: Shape,
}

/// What is known of a tensor's extents.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Not even the rank is known.
    Unranked,
    /// The rank is known, and each dim as far as it is.
    Ranked(Vec<Dim>),
}

impl Type {
    /// A tensor type with these dims.
    pub fn tensor(dtype: DType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> Type {
        TensorType::new(dtype, dims).into()
    }

    /// A tensor type of rank zero.
    pub fn scalar(dtype: DType) -> Type {
        Type::tensor(dtype, Vec::<Dim>::new())
    }

    /// A tensor type of unknown rank.
    pub fn unranked(dtype: DType) -> Type {
        TensorType { dtype, shape: Shape::Unranked }.into()
    }

    /// A sequence of `element`.
    pub fn sequence(element: Type) -> Type {
        Type::Sequence(Arc::new(element))
    }

    /// An optional `element`.
    pub fn optional(element: Type) -> Type {
        Type::Optional(Arc::new(element))
    }

    /// The tensor type, where it is one.
    pub fn as_tensor(&self) -> Option<&TensorType> {
        match self {
            Type::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }

    /// The dtype of the tensors in it, however deep.
    pub fn dtype(&self) -> DType {
        match self {
            Type::Tensor(tensor) => tensor.dtype,
            Type::Sequence(element) | Type::Optional(element) => element.dtype(),
        }
    }

    /// What holds of both, or `None` where the kinds or dtypes differ.
    pub fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Tensor(a), Type::Tensor(b)) if a.dtype == b.dtype => {
                Some(TensorType { dtype: a.dtype, shape: a.shape.join(&b.shape) }.into())
            }
            (Type::Sequence(a), Type::Sequence(b)) => Some(Type::sequence(a.join(b)?)),
            (Type::Optional(a), Type::Optional(b)) => Some(Type::optional(a.join(b)?)),
            _ => None,
        }
    }

    /// Whether a value of type `other` can stand where this type is declared: no dim that both know
    /// is different.
    pub fn admits(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Tensor(a), Type::Tensor(b)) => a.dtype == b.dtype && a.shape.admits(&b.shape),
            (Type::Sequence(a), Type::Sequence(b)) | (Type::Optional(a), Type::Optional(b)) => a.admits(b),
            _ => false,
        }
    }

    /// The type with every dim mapped.
    pub fn map_dims(&self, map: &dyn Fn(&Dim) -> Dim) -> Type {
        match self {
            Type::Tensor(tensor) => TensorType { dtype: tensor.dtype, shape: tensor.shape.map_dims(map) }.into(),
            Type::Sequence(element) => Type::sequence(element.map_dims(map)),
            Type::Optional(element) => Type::optional(element.map_dims(map)),
        }
    }

    /// The type with the symbols of `bindings` replaced by what they are bound to.
    pub fn substitute(&self, bindings: &Bindings) -> Type {
        self.map_dims(&|dim| dim.substitute(bindings))
    }
}

impl TensorType {
    /// A tensor type with these dims.
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = impl Into<Dim>>) -> TensorType {
        TensorType { dtype, shape: Shape::Ranked(dims.into_iter().map(Into::into).collect()) }
    }

    /// The dims, where the rank is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.shape.dims()
    }

    /// The rank, where it is known.
    pub fn rank(&self) -> Option<usize> {
        self.dims().map(<[Dim]>::len)
    }
}

impl Shape {
    /// The dims, where the rank is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        match self {
            Shape::Unranked => None,
            Shape::Ranked(dims) => Some(dims),
        }
    }

    /// The shape with every dim mapped.
    pub fn map_dims(&self, map: &dyn Fn(&Dim) -> Dim) -> Shape {
        match self {
            Shape::Unranked => Shape::Unranked,
            Shape::Ranked(dims) => Shape::Ranked(dims.iter().map(map).collect()),
        }
    }

    /// The shape of known rank of which no dim is known.
    pub fn of_rank(rank: usize) -> Shape {
        Shape::Ranked(vec![Dim::Unknown; rank])
    }

    /// The sizes, where every dim is a known integer.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.dims()?.iter().map(Dim::as_size).collect()
    }

    /// What holds of both.
    pub fn join(&self, other: &Shape) -> Shape {
        match (self, other) {
            (Shape::Ranked(a), Shape::Ranked(b)) if a.len() == b.len() => {
                Shape::Ranked(a.iter().zip(b).map(|(a, b)| a.join(b)).collect())
            }
            _ => Shape::Unranked,
        }
    }

    /// What is known from either of two shapes that a tensor has, dim by dim: see [`Dim::meet`].
    pub fn meet(&self, other: &Shape) -> Shape {
        match (self, other) {
            (Shape::Ranked(a), Shape::Ranked(b)) if a.len() == b.len() => {
                Shape::Ranked(a.iter().zip(b).map(|(a, b)| a.meet(b)).collect())
            }
            (Shape::Unranked, known) => known.clone(),
            (known, _) => known.clone(),
        }
    }

    /// Whether no dim that both know is different.
    pub fn admits(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Ranked(a), Shape::Ranked(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b) != Some(false))
            }
            _ => true,
        }
    }
}

/// Whether `new` says all that `old` says of a value, or more: a dim that was known is the same or has become an integer.
///
/// ```
/// use glassbox_ir::text::parse_type;
/// use glassbox_ir::types::refines;
///
/// let refines = |new, old| Some(refines(&parse_type(new).ok()?, &parse_type(old).ok()?));
/// assert_eq!(refines("f32[2, 3]", "f32[N, ?]"), Some(true));
/// assert_eq!(refines("f32[N]", "f32[*]"), Some(true));
/// assert_eq!(refines("f32[?]", "f32[N]"), Some(false));
/// assert_eq!(refines("f32[M]", "f32[N]"), Some(false));
/// ```
pub fn refines(new: &Type, old: &Type) -> bool {
    match (new, old) {
        (Type::Tensor(new), Type::Tensor(old)) => {
            let dim = |(new, old): (&Dim, &Dim)| {
                new == old || old.is_unknown() || old.as_int().is_none() && new.as_int().is_some()
            };
            new.dtype == old.dtype
                && match (new.dims(), old.dims()) {
                    (_, None) => true,
                    (None, Some(_)) => false,
                    (Some(new), Some(old)) => new.len() == old.len() && new.iter().zip(old).all(dim),
                }
        }
        (Type::Sequence(new), Type::Sequence(old)) | (Type::Optional(new), Type::Optional(old)) => refines(new, old),
        _ => false,
    }
}

impl From<TensorType> for Type {
    fn from(tensor: TensorType) -> Type {
        Type::Tensor(tensor)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Tensor(tensor) => write!(f, "{tensor}"),
            Type::Sequence(element) => write!(f, "seq<{element}>"),
            Type::Optional(element) => write!(f, "opt<{element}>"),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape::Ranked(dims) = self else { return f.write_str("[*]") };
        f.write_str("[")?;
        for (axis, dim) in dims.iter().enumerate() {
            if axis > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}
