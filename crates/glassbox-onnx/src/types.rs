//! Declared types: from the file's messages to the IR's types.
//!
//! A dim with a name becomes a symbol; dims with the same name are the same. A dim without a value is unknown, and so is one
//! with a negative value, or with a name that stands for "no name" (`?`, `None`, `-1`, ...): exporters write them for it. Names that are no identifiers are
//! spelled as one, each differently from all other names of the model.

use std::collections::{HashMap, HashSet};

use glassbox_ir::{Dim, Shape, TensorType, Type};
use glassbox_tensor::DType;

use crate::dtype;
use crate::model::Declared;
use crate::proto::{DimensionProto, DimensionValue, MapTypeProto, TensorTypeProto, TypeProto, TypeValue};

/// The symbols of a model's dims.
#[derive(Default)]
pub(crate) struct Symbols {
    by_name: HashMap<String, Dim>,
    taken: HashSet<String>,
}

impl Symbols {
    /// The symbol that stands for the dim that the model calls `name`.
    fn symbol(&mut self, name: &str) -> Dim {
        if let Some(dim) = self.by_name.get(name) {
            return dim.clone();
        }
        let dim = self.fresh(&spelled(name));
        self.by_name.insert(name.to_owned(), dim.clone());
        dim
    }

    /// A symbol that stands for nothing yet.
    fn fresh(&mut self, spelled: &str) -> Dim {
        let mut unique = spelled.to_owned();
        let mut number = 1;
        while !self.taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{spelled}_{number}");
        }
        Dim::symbol(&unique)
    }

    fn dim(&mut self, proto: DimensionProto) -> Result<Dim, String> {
        match proto.value {
            None => Ok(Dim::Unknown),
            Some(DimensionValue::Value(value)) if value < 0 => Ok(Dim::Unknown),
            Some(DimensionValue::Value(value)) => Ok(Dim::Int(value)),
            Some(DimensionValue::Param(name)) if is_placeholder(&name) => Ok(Dim::Unknown),
            Some(DimensionValue::Param(name)) => Ok(self.symbol(&name)),
        }
    }

    /// The declared type, or the rule that it breaks.
    pub(crate) fn declared(&mut self, proto: Option<TypeProto>) -> Result<Declared, String> {
        let unsupported = |what: &str| Ok(Declared::Unsupported(what.to_owned()));
        match proto.and_then(|proto| proto.value) {
            None => Ok(Declared::Missing),
            Some(TypeValue::Tensor(tensor)) => self.tensor(tensor),
            Some(TypeValue::Sequence(element)) => {
                Ok(wrap(self.declared(element.elem_type.map(|ty| *ty))?, Type::sequence))
            }
            Some(TypeValue::Optional(element)) => {
                Ok(wrap(self.declared(element.elem_type.map(|ty| *ty))?, Type::optional))
            }
            Some(TypeValue::Map(map)) => self.map(map),
            Some(TypeValue::Opaque(_)) => unsupported("an opaque type"),
            Some(TypeValue::SparseTensor(_)) => unsupported("a sparse tensor"),
        }
    }

    /// A map of integers or texts to single elements. What shape the elements are declared with is told by nobody alike.
    fn map(&mut self, proto: MapTypeProto) -> Result<Declared, String> {
        let number = proto.key_type.unwrap_or_default();
        let key = match dtype::from_onnx(i64::from(number)) {
            Ok(key) if key == DType::String || key.is_integer() => key,
            Ok(key) => return Ok(Declared::Unsupported(format!("a map with keys of {key}"))),
            Err(reason) => return Ok(Declared::Unsupported(format!("a map with keys of which {reason}"))),
        };
        let value = match self.declared(proto.value_type.map(|ty| *ty))? {
            Declared::Known(Type::Tensor(value)) => value.dtype,
            other => return Ok(Declared::Unsupported(format!("a map of {key} to {other}"))),
        };
        let size = self.fresh("entries");
        let vector = |dtype| Type::from(TensorType { dtype, shape: Shape::Ranked(vec![size.clone()]) });
        Ok(Declared::Map { keys: vector(key), values: vector(value) })
    }

    fn tensor(&mut self, proto: TensorTypeProto) -> Result<Declared, String> {
        let number = proto.elem_type.unwrap_or_default();
        if number == 0 {
            return Ok(Declared::Missing);
        }
        let dtype = match dtype::from_onnx(i64::from(number)) {
            Ok(dtype) => dtype,
            Err(reason) if dtype::exists(number) => return Ok(Declared::Unsupported(reason)),
            Err(reason) => return Err(reason),
        };
        let shape = match proto.shape {
            None => Shape::Unranked,
            Some(shape) => Shape::Ranked(shape.dim.into_iter().map(|dim| self.dim(dim)).collect::<Result<_, _>>()?),
        };
        Ok(Declared::Known(TensorType { dtype, shape }.into()))
    }
}

/// Whether the name of a dim says only that it has none. Such names stand for any size wherever they are written, so two of
/// them aren't the same dim.
fn is_placeholder(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "none",
        "null",
        "nil",
        "nan",
        "n/a",
        "any",
        "unk",
        "unknown",
        "undefined",
        "unspecified",
        "dynamic",
        "dyn",
        "variable",
        "auto",
        "<unk>",
        "<none>",
        "<dynamic>",
        "<unknown>",
        "free",
        "kdynamic",
    ];
    let name = name.trim();
    let negative = name.strip_prefix('-').is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_digit()));
    negative || !name.chars().any(char::is_alphanumeric) || WORDS.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The name of a dim as an identifier.
pub(crate) fn spelled(name: &str) -> String {
    let spelled: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if spelled.starts_with(|c: char| c.is_ascii_digit()) { format!("_{spelled}") } else { spelled }
}

fn wrap(element: Declared, wrapper: fn(Type) -> Type) -> Declared {
    match element {
        Declared::Known(element) => Declared::Known(wrapper(element)),
        map @ Declared::Map { .. } => Declared::Unsupported(format!("a list or optional of {map}")),
        other => other,
    }
}
