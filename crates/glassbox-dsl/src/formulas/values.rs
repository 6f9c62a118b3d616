//! What formulas are made of: values of the graph, and what may stand beside them.

use std::marker::PhantomData;

use glassbox_ir::ValueId;
use glassbox_tensor::DType;

use crate::program::{Binary, Literal};

/// A value of a graph under construction.
#[derive(Clone, Copy, Debug)]
pub struct FormulaValue<'f> {
    pub(super) owner: usize,
    /// `None` where an earlier mistake left no value.
    pub(super) id: Option<ValueId>,
    pub(super) life: PhantomData<&'f ()>,
}

impl FormulaValue<'_> {
    /// The value in the graph; `None` where an earlier mistake left none.
    pub fn id(self) -> Option<ValueId> {
        self.id
    }
}

/// What may stand as an operand or as an attribute's value.
#[derive(Clone, Debug)]
pub enum Arg<'f> {
    /// A value of the graph.
    Value(FormulaValue<'f>),
    /// A number, a truth value or text.
    Literal(Literal),
    /// A list of them.
    List(Vec<Literal>),
    /// A dtype.
    DType(DType),
    /// An operand that is left out.
    Skipped,
}

impl<'f> Arg<'f> {
    /// A list.
    pub fn list<T: Into<Number>>(values: impl IntoIterator<Item = T>) -> Arg<'f> {
        Arg::List(values.into_iter().map(|value| value.into().0).collect())
    }
}

/// A literal, from whatever Rust has for it.
#[derive(Clone, Debug)]
pub struct Number(pub Literal);

impl<'f> From<FormulaValue<'f>> for Arg<'f> {
    fn from(value: FormulaValue<'f>) -> Arg<'f> {
        Arg::Value(value)
    }
}

impl From<DType> for Arg<'_> {
    fn from(dtype: DType) -> Self {
        Arg::DType(dtype)
    }
}

macro_rules! literals {
    ($($source:ty => |$value:ident| $literal:expr),* $(,)?) => {$(
        impl From<$source> for Number {
            fn from($value: $source) -> Number {
                Number($literal)
            }
        }

        impl From<$source> for Arg<'_> {
            fn from(value: $source) -> Self {
                Arg::Literal(Number::from(value).0)
            }
        }

        impl From<Vec<$source>> for Arg<'_> {
            fn from(values: Vec<$source>) -> Self {
                Arg::list(values)
            }
        }
    )*};
}

literals! {
    bool => |value| Literal::Bool(value),
    i8 => |value| Literal::Int(value.into()),
    i16 => |value| Literal::Int(value.into()),
    i32 => |value| Literal::Int(value.into()),
    i64 => |value| Literal::Int(value.into()),
    u8 => |value| Literal::Int(value.into()),
    u16 => |value| Literal::Int(value.into()),
    u32 => |value| Literal::Int(value.into()),
    u64 => |value| Literal::Int(value.into()),
    usize => |value| Literal::Int(value as i128),
    f32 => |value| Literal::Float(value.into()),
    f64 => |value| Literal::Float(value),
    &str => |value| Literal::Text(value.to_owned()),
    String => |value| Literal::Text(value),
}

/// The extent of an axis of an input.
#[derive(Clone, Debug)]
pub enum Size {
    /// A number.
    Known(usize),
    /// A size of the package, an entry of its metadata, or a size that each step says.
    Named(&'static str),
    /// Two together.
    Combined(Binary, Box<Size>, Box<Size>),
}

impl Size {
    /// Two together.
    pub fn combined(op: Binary, left: Size, right: Size) -> Size {
        Size::Combined(op, Box::new(left), Box::new(right))
    }
}

impl From<usize> for Size {
    fn from(extent: usize) -> Size {
        Size::Known(extent)
    }
}

impl From<&'static str> for Size {
    fn from(name: &'static str) -> Size {
        Size::Named(name)
    }
}
