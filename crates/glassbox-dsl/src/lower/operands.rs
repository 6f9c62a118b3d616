//! Operands and attributes: from what is written to values and [`Attr`]s.

use glassbox_ir::op::{Count, DTypes, Input, Kind};
use glassbox_ir::{Attr, AttrKind, Attrs, GraphBuilder, OpDef, Type, ValueId, attrs, ops};
use glassbox_tensor::{DType, Tensor};

use super::integers::Integer;
use super::package::{Source, describe, literal_tensor, source};
use super::{Lowerer, Result};
use crate::error::DslError;
use crate::program::*;

/// The operands and attributes of one use of an op.
pub(super) struct Use {
    pub(super) operands: Vec<Option<ValueId>>,
    pub(super) attrs: Attrs,
}

impl<'p> Lowerer<'p> {
    /// What an op is used with.
    pub(super) fn use_of(&mut self, op: &'static OpDef, written: &'p Op) -> Result<Use> {
        let mut attrs = Attrs::new();
        let mut arguments: Vec<Option<(&Argument, At)>> = Vec::new();
        for (argument, at) in &written.operands {
            let dtype_attr = match argument {
                Argument::DType(_) => op.attrs.iter().find(|spec| spec.kind == AttrKind::DType),
                Argument::Type(_) => op.attrs.iter().find(|spec| spec.kind == AttrKind::Type),
                _ => None,
            };
            match dtype_attr {
                Some(spec) => {
                    attrs.insert(spec.name, self.attribute(op, spec.name, spec.kind, argument, *at)?);
                }
                None => arguments.push((!matches!(argument, Argument::Skipped)).then_some((argument, *at))),
            }
        }
        for (name, argument, at) in &written.named {
            if let Some(spec) = op.attr(&name.text) {
                let attr = self.attribute(op, spec.name, spec.kind, argument, self.or_name(*at, name))?;
                attrs.insert(spec.name, attr);
            } else if let Some(place) = op.inputs.iter().position(|input| input.name == name.text) {
                if arguments.len() <= place {
                    arguments.resize(place + 1, None);
                }
                if arguments[place].is_some() {
                    let message = format!("the operand `{}` of `{}` is given twice", name.text, op.name);
                    return Err(DslError::at(self.place(), name.at, message));
                }
                arguments[place] = Some((argument, self.or_name(*at, name)));
            } else {
                return Err(DslError::at(self.place(), name.at, unknown_attribute(op, &name.text)));
            }
        }
        let operands = self.operands(op, &arguments)?;
        Ok(Use { operands, attrs })
    }

    /// Where a value stands that is given by name: where the name does, if nothing is known of the value.
    fn or_name(&self, at: At, name: &Name) -> At {
        if at.line > 0 { at } else { name.at }
    }

    /// The values of operands: first those that have a dtype of their own, then literals, which take theirs.
    fn operands(&mut self, op: &'static OpDef, arguments: &[Option<(&Argument, At)>]) -> Result<Vec<Option<ValueId>>> {
        let mut values = vec![None; arguments.len()];
        for (place, argument) in arguments.iter().enumerate() {
            let Some((argument, at)) = argument else { continue };
            values[place] = self.value_argument(argument, *at)?;
        }
        for (place, argument) in arguments.iter().enumerate() {
            let (Some((argument, at)), None) = (argument, values[place]) else { continue };
            let dtype = literal_dtype(op, place, argument, &values, &self.builder);
            values[place] = Some(self.literal_value(argument, dtype, *at)?);
        }
        Ok(values)
    }

    /// The value of an operand that isn't a literal.
    fn value_argument(&mut self, argument: &Argument, at: At) -> Result<Option<ValueId>> {
        match argument {
            Argument::Name(name) => self.value_named(name).map(Some),
            Argument::Entry(name, indices) => self.entry_of(name, indices).map(Some),
            Argument::Literal(_) | Argument::List(_) | Argument::Integers(_) | Argument::Tensor(..) => Ok(None),
            Argument::Skipped => Ok(None),
            Argument::DType(dtype) => {
                Err(DslError::at(self.place(), at, format!("`{dtype}` is a dtype, and no operand of this op")))
            }
            Argument::Type(ty) => {
                Err(DslError::at(self.place(), at, format!("a type ({}) is no operand of this op", ty.dtype)))
            }
        }
    }

    /// The value of a name: a variable, or the index of a loop.
    fn value_named(&mut self, name: &Name) -> Result<ValueId> {
        if let Some((_, index)) = self.loops.iter().rev().find(|(known, _)| *known == name.text) {
            let index = *index;
            return Ok(self.integer_value(index));
        }
        let place = self.variable(name)?;
        let before = self.at;
        let value = self.value_of(place);
        self.at = before;
        value.map_err(|error| error.or_at(name.at))
    }

    /// The value of a variable here; a state is read.
    pub(super) fn value_of(&mut self, place: usize) -> Result<ValueId> {
        match self.variables[place].declaration {
            Some(declaration) if declaration.memory == Memory::Persistent => self.read_state(declaration),
            _ => self.read(place),
        }
    }

    /// The value of an operand that stands alone, as in `transfer` and `cache.write`: a literal takes `dtype`.
    pub(super) fn single(&mut self, argument: &Argument, at: At, dtype: DType) -> Result<ValueId> {
        match self.value_argument(argument, at)? {
            Some(value) => Ok(value),
            None => self.literal_value(argument, Some(dtype), at),
        }
    }

    /// A literal as a value.
    fn literal_value(&mut self, argument: &Argument, dtype: Option<DType>, at: At) -> Result<ValueId> {
        if let Argument::Integers(integers) = argument {
            return self.list_of_integers(integers, dtype.unwrap_or(DType::I64), at);
        }
        let tensor = match argument {
            Argument::Literal(literal) => plain_literals(std::slice::from_ref(literal), dtype, &[]),
            Argument::List(literals) => plain_literals(literals, dtype, &[literals.len()]),
            Argument::Tensor(ty, literals) => {
                let sizes =
                    ty.dims.iter().map(|dim| self.known_dim(dim, "the tensor")).collect::<Result<Vec<i64>>>()?;
                let sizes: Vec<usize> =
                    sizes.into_iter().map(|size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
                literal_tensor(literals, ty.dtype, &sizes)
            }
            _ => Err("this is no operand".to_owned()),
        };
        let tensor = tensor.map_err(|message| DslError::at(self.place(), at, message))?;
        self.helper("literal");
        Ok(self.builder.constant(tensor))
    }

    /// A list of integer expressions as a value.
    fn list_of_integers(&mut self, integers: &[IntExpr], dtype: DType, at: At) -> Result<ValueId> {
        if !dtype.is_integer() {
            let message = format!("a list of integer expressions stands where {dtype} is wanted; `op cast` converts");
            return Err(DslError::at(self.place(), at, message));
        }
        let integers = integers.iter().map(|integer| self.integer(integer)).collect::<Result<Vec<Integer>>>()?;
        let vector = self.integer_vector(&integers)?;
        if dtype == DType::I64 { Ok(vector) } else { self.node(&ops::cast::OP, &[vector], attrs! { to: dtype }) }
    }

    /// The value of an attribute.
    fn attribute(&self, op: &OpDef, name: &str, kind: AttrKind, argument: &Argument, at: At) -> Result<Attr> {
        let wrong = |message: String| {
            DslError::at(self.place(), at, format!("the attribute `{name}` of `{}`: {message}", op.name))
        };
        match argument {
            Argument::Name(constant) => {
                let found = self.setting(constant).map_err(&wrong)?;
                convert(found, kind)
                    .map_err(|given| wrong(format!("`{}` is {given}, it wants {}", constant.text, wanted(kind))))
            }
            Argument::DType(dtype) if kind == AttrKind::DType => Ok(Attr::DType(*dtype)),
            Argument::Type(ty) if kind == AttrKind::Type => {
                let dims = ty.dims.iter().map(|dim| self.dim(dim)).collect::<Result<Vec<_>>>()?;
                Ok(Attr::Type(Type::tensor(ty.dtype, dims)))
            }
            Argument::DType(dtype) if kind == AttrKind::Type => Ok(Attr::Type(Type::scalar(*dtype))),
            Argument::Tensor(ty, literals) if kind == AttrKind::Tensor => {
                let sizes = ty.dims.iter().map(|dim| self.known_dim(dim, name)).collect::<Result<Vec<i64>>>()?;
                let sizes: Vec<usize> =
                    sizes.into_iter().map(|size| usize::try_from(size).unwrap_or(usize::MAX)).collect();
                literal_tensor(literals, ty.dtype, &sizes).map(Attr::Tensor).map_err(wrong)
            }
            Argument::Literal(literal) => literal_attr(literal, kind)
                .ok_or_else(|| wrong(format!("{} is given, it wants {}", describe(literal), wanted(kind)))),
            Argument::Integers(integers) if kind == AttrKind::Ints => integers
                .iter()
                .map(|integer| self.known_dim(integer, name))
                .collect::<Result<Vec<i64>>>()
                .map(Attr::Ints),
            Argument::List(literals) => list_attr(literals, kind).ok_or_else(|| {
                wrong(format!("a list of {} literals is given, it wants {}", literals.len(), wanted(kind)))
            }),
            _ => Err(wrong(format!("it wants {}", wanted(kind)))),
        }
    }

    /// What is known of a name before any step: a constant scalar, an entry of the metadata, a size.
    fn setting(&self, name: &Name) -> Result<Attr, String> {
        let variable = self.index.get(name.text.as_str()).and_then(|place| self.variables.get(*place));
        if let Some(variable) = variable {
            let constant = variable.declaration.filter(|declaration| {
                declaration.memory == Memory::Constant
                    && declaration.indices.is_empty()
                    && declaration.ty.dims.len() <= 1
            });
            let Some(declaration) = constant else {
                return Err(format!(
                    "`{}` isn't known before a step: an attribute wants a literal, a constant scalar, an entry of the package's metadata or a size",
                    name.text
                ));
            };
            let tensor = match source(declaration, self.model)? {
                Some(Source::Tensor(tensor)) => tensor,
                Some(Source::Parameter(parameter)) => {
                    self.model.params().load(&parameter).map_err(|error| error.to_string())?
                }
                None => return Err(format!("`{}` isn't in the package", name.text)),
            };
            return tensor_attr(&tensor).ok_or_else(|| format!("`{}` can't be an attribute", name.text));
        }
        if self.loops.iter().any(|(index, _)| *index == name.text) {
            return Err(format!("the index `{}` of a loop isn't known before a step", name.text));
        }
        if let Some(attr) = self.model.metadata(&name.text) {
            return Ok(attr);
        }
        let size = self.model.size(&name.text).and_then(|size| i64::try_from(size).ok());
        let known = size.or_else(|| self.sizes.get(&name.text).and_then(glassbox_ir::Dim::as_int));
        known.map(Attr::Int).ok_or_else(|| {
            if super::sizes::input_axis(self.program, &name.text).is_some() {
                return format!(
                    "`{}` is a size that each step takes from its inputs, and isn't known before",
                    name.text
                );
            }
            let settings = self.model.names();
            let constants = self.program.declarations.iter().filter(|found| found.memory == Memory::Constant);
            let names = constants.map(|found| found.name.text.as_str()).chain(settings.iter().map(String::as_str));
            let hint = crate::check::did_you_mean(&name.text, names);
            format!(
                "nothing is named `{}`: no constant, no entry of the package's metadata and no size{hint}",
                name.text
            )
        })
    }
}

/// The dtype that a literal takes in a place of an op; `None` if the place leaves it open.
pub(crate) fn literal_dtype(
    op: &OpDef,
    place: usize,
    argument: &Argument,
    values: &[Option<ValueId>],
    builder: &GraphBuilder,
) -> Option<DType> {
    if let Argument::Tensor(..) = argument {
        return None;
    }
    let input = op.input(place)?;
    let group = |input: &Input| match (input.letter, input.count) {
        (Some(letter), _) => Some(letter),
        (None, Count::Variadic(_)) => Some('…'),
        _ => None,
    };
    if let Some(letter) = group(input) {
        let others = values.iter().enumerate().filter(|(other, _)| op.input(*other).and_then(group) == Some(letter));
        if let Some(value) = others.filter_map(|(_, value)| *value).next() {
            return Some(builder.type_of(value).dtype());
        }
    }
    match input.kind {
        Kind::Tensor(DTypes::These([dtype])) => Some(*dtype),
        _ => None,
    }
}

/// How a message writes an operand.
pub(crate) fn written(argument: &Argument) -> String {
    match argument {
        Argument::Skipped => "`_`".to_owned(),
        Argument::Name(name) => format!("`{}`", name.text),
        Argument::Entry(name, _) => format!("`{}[…]`", name.text),
        Argument::Literal(literal) => format!("the literal {}", describe(literal)),
        Argument::List(_) | Argument::Integers(_) => "a list".to_owned(),
        Argument::DType(dtype) => format!("the dtype {dtype}"),
        Argument::Type(ty) => format!("a type ({})", ty.dtype),
        Argument::Tensor(ty, _) => format!("a tensor ({})", ty.dtype),
    }
}

/// Literals as a tensor: of `dtype`, or of the dtype that is natural for them.
pub(crate) fn plain_literals(literals: &[Literal], dtype: Option<DType>, shape: &[usize]) -> Result<Tensor, String> {
    let natural = match literals.first() {
        Some(Literal::Bool(_)) => DType::Bool,
        Some(Literal::Text(_)) => DType::String,
        _ if literals.iter().any(|literal| matches!(literal, Literal::Float(_))) => DType::F32,
        _ => DType::I64,
    };
    literal_tensor(literals, dtype.unwrap_or(natural), shape)
}

/// That an op has no attribute or operand of that name.
pub(crate) fn unknown_attribute(op: &OpDef, name: &str) -> String {
    let names = || op.attrs.iter().map(|spec| spec.name).chain(op.inputs.iter().map(|input| input.name));
    match crate::check::near(name, names()) {
        Some(near) => format!("`{}` has no attribute `{name}`; did you mean `{near}`?", op.name),
        None => {
            let list = |names: Vec<&str>| match names.as_slice() {
                [] => "none".to_owned(),
                names => format!("`{}`", names.join("`, `")),
            };
            let attrs = list(op.attrs.iter().map(|spec| spec.name).collect());
            let operands = list(op.inputs.iter().map(|input| input.name).collect());
            format!("`{}` has no attribute `{name}`: its attributes are {attrs}, its operands {operands}", op.name)
        }
    }
}

/// What an attribute wants, in words.
pub(crate) fn wanted(kind: AttrKind) -> String {
    match kind {
        AttrKind::Bool => "`true` or `false`".to_owned(),
        AttrKind::Int => "an integer".to_owned(),
        AttrKind::Float => "a number".to_owned(),
        AttrKind::Str | AttrKind::State => "a string".to_owned(),
        AttrKind::Enum(members) => format!("one of {members:?}"),
        AttrKind::Ints => "a list of integers".to_owned(),
        AttrKind::Floats => "a list of numbers".to_owned(),
        AttrKind::Strs => "a list of strings".to_owned(),
        AttrKind::DType => "a dtype".to_owned(),
        AttrKind::Type => "a type".to_owned(),
        AttrKind::Tensor => "a tensor, such as `f32[2] [1, 2]`".to_owned(),
    }
}

/// A literal as the value of an attribute, where it fits.
pub(crate) fn literal_attr(literal: &Literal, kind: AttrKind) -> Option<Attr> {
    Some(match (literal, kind) {
        (Literal::Bool(value), AttrKind::Bool) => Attr::Bool(*value),
        (Literal::Int(value), AttrKind::Int) => Attr::Int(i64::try_from(*value).ok()?),
        (Literal::Int(value), AttrKind::Float) if (*value as f64) as i128 == *value => Attr::Float(*value as f64),
        (Literal::Float(value), AttrKind::Float) => Attr::Float(*value),
        (Literal::Text(text), AttrKind::Str | AttrKind::State) => Attr::Str(text.clone()),
        (Literal::Text(text), AttrKind::Enum(members)) if members.contains(&text.as_str()) => Attr::Str(text.clone()),
        _ => return None,
    })
}

/// A list as the value of an attribute, where it fits.
pub(crate) fn list_attr(literals: &[Literal], kind: AttrKind) -> Option<Attr> {
    Some(match kind {
        AttrKind::Ints => Attr::Ints(
            literals
                .iter()
                .map(|literal| match literal {
                    Literal::Int(value) => i64::try_from(*value).ok(),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        AttrKind::Floats => Attr::Floats(
            literals
                .iter()
                .map(|literal| match literal_attr(literal, AttrKind::Float) {
                    Some(Attr::Float(value)) => Some(value),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        AttrKind::Strs => Attr::Strs(
            literals
                .iter()
                .map(|literal| match literal {
                    Literal::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

/// A setting as the kind of attribute that is wanted; the word for what it is where it isn't that.
fn convert(attr: Attr, kind: AttrKind) -> Result<Attr, &'static str> {
    match (&attr, kind) {
        (Attr::Int(value), AttrKind::Float) if (*value as f64) as i64 == *value => Ok(Attr::Float(*value as f64)),
        (Attr::Str(text), AttrKind::Enum(members)) if !members.contains(&text.as_str()) => Err("another text"),
        _ if attr.kind_name() == kind.name() => Ok(attr),
        _ => Err(match attr.kind_name() {
            "int" => "an integer",
            "float" => "a number",
            "bool" => "a truth value",
            "string" => "a string",
            _ => "of another kind",
        }),
    }
}

/// A scalar or vector as an attribute.
fn tensor_attr(tensor: &Tensor) -> Option<Attr> {
    use glassbox_tensor::Class;
    let scalar = tensor.rank() == 0;
    match tensor.dtype().class() {
        Class::Bool if scalar => tensor.item::<bool>().ok().map(Attr::Bool),
        Class::Signed | Class::Unsigned if scalar => tensor.item::<i64>().ok().map(Attr::Int),
        Class::Signed | Class::Unsigned => tensor.load::<i64>().ok().map(|values| Attr::Ints(values.to_vec())),
        Class::Float if scalar => tensor.item::<f64>().ok().map(Attr::Float),
        Class::Float => tensor.load::<f64>().ok().map(|values| Attr::Floats(values.to_vec())),
        Class::String => {
            let mut texts = tensor.to_strings()?;
            if scalar { texts.pop().map(Attr::Str) } else { Some(Attr::Strs(texts)) }
        }
        _ => None,
    }
}
