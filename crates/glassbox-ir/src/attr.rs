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

/// The attributes of a node, by name. It reads as a map whose keys are in order.
///
/// A node has none or a few, so they stand in one short list: a search tree would take a kilobyte and more for each node.
///
/// ```
/// use glassbox_ir::{Attr, Attrs};
///
/// let mut attrs = Attrs::from([("to", Attr::Str("a".into())), ("axis", Attr::Int(1))]);
/// assert_eq!(attrs.get("axis"), Some(&Attr::Int(1)));
/// assert_eq!(attrs.insert("axis", Attr::Int(2)), Some(Attr::Int(1)));
/// assert_eq!(attrs.keys().collect::<Vec<_>>(), ["axis", "to"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attrs(Vec<(&'static str, Attr)>);

impl Attrs {
    /// No attributes.
    pub const fn new() -> Attrs {
        Attrs(Vec::new())
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (*known).cmp(name))
    }

    /// The value of an attribute, where it is given.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.place(name).ok().and_then(|place| self.0.get(place)).map(|(_, attr)| attr)
    }

    /// Gives an attribute a value; gives back the one that it had.
    pub fn insert(&mut self, name: &'static str, attr: Attr) -> Option<Attr> {
        match self.place(name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, attr)),
            Err(place) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, (name, attr));
                None
            }
        }
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) -> Option<Attr> {
        self.place(name).ok().map(|place| self.0.remove(place).1)
    }

    /// Whether an attribute is given.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are given.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The attributes, in the order of their names.
    pub fn iter(&self) -> AttrIter<'_> {
        AttrIter(self.0.iter())
    }

    /// What they are, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Attr> {
        self.0.iter().map(|(_, attr)| attr)
    }

    /// What they are, in the order of their names, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Attr> {
        self.0.iter_mut().map(|(_, attr)| attr)
    }

    /// The names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }
}

/// The attributes of a node, one after the other.
#[derive(Clone, Debug)]
pub struct AttrIter<'a>(std::slice::Iter<'a, (&'static str, Attr)>);

impl<'a> Iterator for AttrIter<'a> {
    type Item = (&'a &'static str, &'a Attr);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, attr)| (name, attr))
    }
}

impl<'a> IntoIterator for &'a Attrs {
    type Item = (&'a &'static str, &'a Attr);
    type IntoIter = AttrIter<'a>;

    fn into_iter(self) -> AttrIter<'a> {
        self.iter()
    }
}

impl IntoIterator for Attrs {
    type Item = (&'static str, Attr);
    type IntoIter = std::vec::IntoIter<(&'static str, Attr)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<const N: usize> From<[(&'static str, Attr); N]> for Attrs {
    fn from(attrs: [(&'static str, Attr); N]) -> Attrs {
        Attrs::from_iter(attrs)
    }
}

impl FromIterator<(&'static str, Attr)> for Attrs {
    fn from_iter<I: IntoIterator<Item = (&'static str, Attr)>>(attrs: I) -> Attrs {
        let mut made = Attrs::new();
        made.extend(attrs);
        made
    }
}

impl Extend<(&'static str, Attr)> for Attrs {
    fn extend<I: IntoIterator<Item = (&'static str, Attr)>>(&mut self, attrs: I) {
        for (name, attr) in attrs {
            self.insert(name, attr);
        }
    }
}

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
    /// A dtype.
    DType(DType),
}

impl Default {
    /// The value; `None` where the attribute must be given or stays absent.
    pub fn value(self) -> Option<Attr> {
        match self {
            Default::Required | Default::Absent => None,
            Default::Bool(value) => Some(Attr::Bool(value)),
            Default::Int(value) => Some(Attr::Int(value)),
            Default::Float(value) => Some(Attr::Float(value)),
            Default::Str(value) => Some(Attr::Str(value.to_owned())),
            Default::Ints(values) => Some(Attr::Ints(values.to_vec())),
            Default::DType(value) => Some(Attr::DType(value)),
        }
    }
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
