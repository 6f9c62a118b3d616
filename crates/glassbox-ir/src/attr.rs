//! Attributes: the compile-time arguments of a node.
//!
//! What attributes an op has, of which kind, and their defaults, is declared in its
//! [`OpDef`](crate::OpDef). A node holds only what was given; defaults are looked up in the
//! declaration, so that a graph printed and parsed again is the same graph.

use std::collections::BTreeMap;

use glassbox_tensor::{DType, Tensor};

use crate::types::Type;

/// The value of one attribute.
#[derive(Clone, Debug)]
pub enum Attr {
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float. ONNX's f32 attributes are held exactly.
    Float(f64),
    /// Text, or a member of an enumeration.
    Str(String),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of floats.
    Floats(Vec<f64>),
    /// A list of text.
    Strs(Vec<String>),
    /// A dtype.
    DType(DType),
    /// A type.
    Type(Type),
    /// A tensor.
    Tensor(Tensor),
}

/// The attributes of a node, by name.
pub type Attrs = BTreeMap<&'static str, Attr>;

/// What the author of a node advises the compiler, by name. The names are free: nothing declares them.
pub type Hints = BTreeMap<String, Attr>;

/// What an attribute may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttrKind {
    /// [`Attr::Bool`]
    Bool,
    /// [`Attr::Int`]
    Int,
    /// [`Attr::Float`]
    Float,
    /// [`Attr::Str`]
    Str,
    /// [`Attr::Str`], one of these
    Enum(&'static [&'static str]),
    /// [`Attr::Str`], the name of the state that the node reads or writes
    State,
    /// [`Attr::Ints`]
    Ints,
    /// [`Attr::Floats`]
    Floats,
    /// [`Attr::Strs`]
    Strs,
    /// [`Attr::DType`]
    DType,
    /// [`Attr::Type`]
    Type,
    /// [`Attr::Tensor`]
    Tensor,
}

/// What an attribute is when it isn't given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// It must be given.
    Required,
    /// It stays absent; the op's specification says what that means.
    Absent,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(&'static str),
    /// A list of integers.
    Ints(&'static [i64]),
}

impl Attr {
    /// The word for what it holds, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Attr::Bool(_) => "bool",
            Attr::Int(_) => "int",
            Attr::Float(_) => "float",
            Attr::Str(_) => "string",
            Attr::Ints(_) => "ints",
            Attr::Floats(_) => "floats",
            Attr::Strs(_) => "strings",
            Attr::DType(_) => "dtype",
            Attr::Type(_) => "type",
            Attr::Tensor(_) => "tensor",
        }
    }
}

impl AttrKind {
    /// The word for it, for messages.
    pub fn name(self) -> &'static str {
        match self {
            AttrKind::Bool => "bool",
            AttrKind::Int => "int",
            AttrKind::Float => "float",
            AttrKind::Str | AttrKind::Enum(_) | AttrKind::State => "string",
            AttrKind::Ints => "ints",
            AttrKind::Floats => "floats",
            AttrKind::Strs => "strings",
            AttrKind::DType => "dtype",
            AttrKind::Type => "type",
            AttrKind::Tensor => "tensor",
        }
    }
}

/// Equality is of bits: `-0.0 != 0.0`, and a NaN equals itself.
impl PartialEq for Attr {
    fn eq(&self, other: &Attr) -> bool {
        match (self, other) {
            (Attr::Bool(a), Attr::Bool(b)) => a == b,
            (Attr::Int(a), Attr::Int(b)) => a == b,
            (Attr::Float(a), Attr::Float(b)) => a.to_bits() == b.to_bits(),
            (Attr::Str(a), Attr::Str(b)) => a == b,
            (Attr::Ints(a), Attr::Ints(b)) => a == b,
            (Attr::Floats(a), Attr::Floats(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Attr::Strs(a), Attr::Strs(b)) => a == b,
            (Attr::DType(a), Attr::DType(b)) => a == b,
            (Attr::Type(a), Attr::Type(b)) => a == b,
            (Attr::Tensor(a), Attr::Tensor(b)) => a.bit_eq(b),
            _ => false,
        }
    }
}

macro_rules! from {
    ($($source:ty => |$value:ident| $attr:expr),* $(,)?) => {$(
        impl From<$source> for Attr {
            fn from($value: $source) -> Attr {
                $attr
            }
        }
    )*};
}

from! {
    bool => |value| Attr::Bool(value),
    i64 => |value| Attr::Int(value),
    f64 => |value| Attr::Float(value),
    &str => |value| Attr::Str(value.to_owned()),
    String => |value| Attr::Str(value),
    Vec<i64> => |value| Attr::Ints(value),
    &[i64] => |value| Attr::Ints(value.to_vec()),
    Vec<f64> => |value| Attr::Floats(value),
    Vec<String> => |value| Attr::Strs(value),
    DType => |value| Attr::DType(value),
    Type => |value| Attr::Type(value),
    Tensor => |value| Attr::Tensor(value),
}
