//! The attributes of a node as its row reads them: typed, and counted.
//!
//! Every attribute must be read or ignored by the row, so that none is passed over in silence.

use std::cell::Cell;

use glassbox_ir::{Attr, AttrKind, Attrs, OpDef, Type};
use glassbox_tensor::{DType, Tensor};

use crate::dtype;
use crate::error::OnnxError;
use crate::model::{AttributeValue, Declared, Graph};

use super::NodeContext;

/// One attribute, and whether it was read.
pub(super) struct Given<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a AttributeValue,
    pub(super) read: Cell<bool>,
}

/// A getter of one kind of attribute that may be absent.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $word:literal, $value:pat => $result:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, name: &str) -> Result<Option<$type>, OnnxError> {
            match self.attribute(name) {
                None => Ok(None),
                Some($value) => Ok(Some($result)),
                Some(other) => Err(self.wrong_kind(name, other, $word)),
            }
        }
    )*};
}

impl<'a> NodeContext<'a> {
    getters! {
        /// An integer that may be absent.
        opt_int: i64 = "int", AttributeValue::Int(value) => *value;
        /// A float that may be absent.
        opt_float: f64 = "float", AttributeValue::Float(value) => f64::from(*value);
        /// A list of integers that may be absent.
        ints: &'a [i64] = "ints", AttributeValue::Ints(values) => values.as_slice();
        /// A list of floats that may be absent.
        floats: Vec<f64> = "floats", AttributeValue::Floats(values) => values.iter().map(|value| f64::from(*value)).collect();
        /// A tensor that may be absent, made dense if it is sparse.
        tensor: Tensor = "tensor", AttributeValue::Tensor(tensor) | AttributeValue::SparseTensor(tensor) => tensor.clone();
        /// A list of tensors that may be absent.
        tensors: &'a [Tensor] = "tensors", AttributeValue::Tensors(tensors) => tensors.as_slice();
        /// A graph that may be absent.
        opt_graph: &'a Graph = "graph", AttributeValue::Graph(graph) => &**graph;
    }

    /// An integer.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, OnnxError> {
        Ok(self.opt_int(name)?.unwrap_or(default))
    }

    /// A float.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind.
    pub fn float(&self, name: &str, default: f64) -> Result<f64, OnnxError> {
        Ok(self.opt_float(name)?.unwrap_or(default))
    }

    /// An integer that says yes (1) or no (0).
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or neither 0 nor 1.
    pub fn bool(&self, name: &str, default: bool) -> Result<bool, OnnxError> {
        match self.opt_int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(self.error(format!("attribute `{name}` is {other}, neither 0 nor 1"))),
        }
    }

    /// Text that may be absent.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or no UTF-8.
    pub fn opt_str(&self, name: &str) -> Result<Option<&'a str>, OnnxError> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Str(bytes)) => self.utf8(name, bytes).map(Some),
            Some(other) => Err(self.wrong_kind(name, other, "string")),
        }
    }

    /// Text.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or no UTF-8.
    pub fn str(&self, name: &str, default: &'static str) -> Result<&'a str, OnnxError> {
        Ok(self.opt_str(name)?.unwrap_or(default))
    }

    /// A list of text that may be absent.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or no UTF-8.
    pub fn strs(&self, name: &str) -> Result<Option<Vec<&'a str>>, OnnxError> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Strs(values)) => {
                values.iter().map(|bytes| self.utf8(name, bytes)).collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(self.wrong_kind(name, other, "strings")),
        }
    }

    /// A dtype, given by its number, that may be absent.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or the number none of a dtype.
    pub fn dtype(&self, name: &str) -> Result<Option<DType>, OnnxError> {
        let number = self.opt_int(name)?;
        let dtype = number.map(|number| {
            let unknown = i32::try_from(number).map_or(true, |number| !dtype::exists(number));
            dtype::from_onnx(number).map_err(|reason| {
                let message = format!("attribute `{name}`: {reason}");
                if unknown { self.error(message) } else { self.unsupported(message) }
            })
        });
        dtype.transpose()
    }

    /// A type that may be absent.
    ///
    /// # Errors
    ///
    /// Where the attribute is of another kind, or the type none that we know.
    pub fn ty(&self, name: &str) -> Result<Option<Type>, OnnxError> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Type(Declared::Known(ty))) => Ok(Some(ty.clone())),
            Some(AttributeValue::Type(Declared::Missing)) => {
                Err(self.error(format!("attribute `{name}` is an empty type")))
            }
            Some(AttributeValue::Type(Declared::Unsupported(what))) => {
                Err(self.unsupported(format!("attribute `{name}`, {what},")))
            }
            Some(other) => Err(self.wrong_kind(name, other, "type")),
        }
    }

    /// A graph that must be there.
    ///
    /// # Errors
    ///
    /// Where the attribute is missing or of another kind.
    pub fn graph(&self, name: &str) -> Result<&'a Graph, OnnxError> {
        self.required(name, self.opt_graph(name)?)
    }

    /// What was read of an attribute that must be there.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, OnnxError> {
        value.ok_or_else(|| self.error(format!("attribute `{name}` is missing")))
    }

    /// Whether an attribute is given. That doesn't count as reading it.
    pub fn has_attr(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.name == name)
    }

    /// How many attributes are given.
    pub fn attribute_count(&self) -> usize {
        self.given.len()
    }

    /// Passes over an attribute that has no meaning for inference.
    pub fn ignore(&self, name: &str) {
        self.attribute(name);
    }

    /// The attributes that `op` declares, by the same names, as far as the node has them.
    ///
    /// An ONNX int is an int, a bool or the number of a dtype, as the declaration says.
    ///
    /// # Errors
    ///
    /// Where an attribute isn't of the kind that the op declares, or has a value that it doesn't have.
    pub fn attrs(&self, op: &'static OpDef) -> Result<Attrs, OnnxError> {
        let mut attrs = Attrs::new();
        for spec in op.attrs {
            let name = spec.name;
            let value: Option<Attr> = match spec.kind {
                AttrKind::Bool if self.has_attr(name) => Some(self.bool(name, false)?.into()),
                AttrKind::Bool => None,
                AttrKind::Int => self.opt_int(name)?.map(Attr::from),
                AttrKind::Float => self.opt_float(name)?.map(Attr::from),
                AttrKind::Str | AttrKind::State | AttrKind::Enum(_) => self.opt_str(name)?.map(Attr::from),
                AttrKind::Ints => self.ints(name)?.map(Attr::from),
                AttrKind::Floats => self.floats(name)?.map(Attr::from),
                AttrKind::Strs => {
                    self.strs(name)?.map(|values| Attr::Strs(values.into_iter().map(str::to_owned).collect()))
                }
                AttrKind::DType => self.dtype(name)?.map(Attr::from),
                AttrKind::Type => self.ty(name)?.map(Attr::from),
                AttrKind::Tensor => self.tensor(name)?.map(Attr::from),
            };
            attrs.extend(value.map(|value| (name, value)));
        }
        Ok(attrs)
    }

    /// Refuses attributes that the row has not read.
    pub(super) fn check_all_read(&self) -> Result<(), OnnxError> {
        match self.given.iter().find(|given| !given.read.get()) {
            None => Ok(()),
            Some(given) => Err(self.error(format!("attribute `{}` is not understood in this version", given.name))),
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeValue> {
        let given = self.given.iter().find(|given| given.name == name)?;
        given.read.set(true);
        Some(given.value)
    }

    fn wrong_kind(&self, name: &str, value: &AttributeValue, wanted: &str) -> OnnxError {
        self.error(format!("attribute `{name}` is of kind {}, not {wanted}", value.kind_name()))
    }

    fn utf8(&self, name: &str, bytes: &'a [u8]) -> Result<&'a str, OnnxError> {
        std::str::from_utf8(bytes).map_err(|_| self.error(format!("attribute `{name}` is not UTF-8")))
    }
}
