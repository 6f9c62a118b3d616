//! What comes from the model package: parameters, tables of them, settings; and the states.

use std::collections::BTreeSet;

use glassbox_ir::{Attr, Attrs, Dim, State, TensorType, Type, ValueId, attrs, ops};
use glassbox_tensor::{Class, DType, Overflow, Tensor};

use super::integers::Integer;
use super::{Lowerer, Package, Result, Slot};
use crate::check::near;
use crate::program::*;
use crate::source::ModelSource;

/// How many bytes all that a program fills with `@init` may have.
const MAX_FILLED: u64 = 1 << 30;

/// How many bytes a variable may have that begins as zeros.
const MAX_ZEROS: u64 = 1 << 40;

/// What a constant is made of.
pub(super) enum Source {
    /// A parameter of this name.
    Parameter(String),
    /// A setting or a size, converted.
    Tensor(Tensor),
}

/// Where a constant comes from.
pub(super) fn source(declaration: &Declaration, model: &dyn ModelSource) -> Result<Option<Source>, String> {
    let key = declaration.reference.as_ref().unwrap_or(&declaration.name.text);
    if model.params().find(key).is_some() {
        return Ok(Some(Source::Parameter(key.clone())));
    }
    let setting =
        model.metadata(key).or_else(|| model.size(key).and_then(|size| i64::try_from(size).ok()).map(Attr::Int));
    match setting {
        None => Ok(None),
        Some(setting) => {
            let tensor = setting_tensor(&setting, declaration.ty.dtype)
                .map_err(|message| format!("`{}`, the package's {key:?}: {message}", declaration.name.text))?;
            Ok(Some(Source::Tensor(tensor)))
        }
    }
}

/// A setting as a tensor of a dtype: integers must fit, floats are rounded.
fn setting_tensor(setting: &Attr, dtype: DType) -> Result<Tensor, String> {
    if let Attr::Tensor(tensor) = setting {
        return tensor_constant(tensor, dtype);
    }
    let literals: Vec<Literal> = match setting {
        Attr::Bool(value) => vec![Literal::Bool(*value)],
        Attr::Int(value) => vec![Literal::Int(i128::from(*value))],
        Attr::Float(value) => vec![Literal::Float(*value)],
        Attr::Str(text) => vec![Literal::Text(text.clone())],
        Attr::Ints(values) => values.iter().map(|value| Literal::Int(i128::from(*value))).collect(),
        Attr::Floats(values) => values.iter().copied().map(Literal::Float).collect(),
        Attr::Strs(values) => values.iter().cloned().map(Literal::Text).collect(),
        other => return Err(format!("a {} can't be a constant", other.kind_name())),
    };
    let scalar = matches!(setting, Attr::Bool(_) | Attr::Int(_) | Attr::Float(_) | Attr::Str(_));
    let shape = if scalar { vec![] } else { vec![literals.len()] };
    literal_tensor(&literals, dtype, &shape)
}

/// A tensor of the metadata in the dtype that is declared: integers must fit, floats are rounded.
fn tensor_constant(tensor: &Tensor, dtype: DType) -> Result<Tensor, String> {
    if tensor.dtype() == dtype {
        return Ok(tensor.clone());
    }
    let unreadable = |error: glassbox_tensor::TensorError| error.to_string();
    let literals: Vec<Literal> = match tensor.dtype().class() {
        Class::Signed => {
            tensor.load::<i64>().map_err(unreadable)?.iter().map(|v| Literal::Int(i128::from(*v))).collect()
        }
        Class::Unsigned => {
            tensor.load::<u64>().map_err(unreadable)?.iter().map(|v| Literal::Int(i128::from(*v))).collect()
        }
        Class::Float => tensor.load::<f64>().map_err(unreadable)?.iter().copied().map(Literal::Float).collect(),
        _ => return Err(format!("it is {}, and {dtype} is declared", tensor.dtype())),
    };
    literal_tensor(&literals, dtype, tensor.shape())
}

/// Literals as a tensor: integers and truth values must fit the dtype, floats are rounded to it once.
pub(crate) fn literal_tensor(literals: &[Literal], dtype: DType, shape: &[usize]) -> Result<Tensor, String> {
    let error = |error: glassbox_tensor::TensorError| error.to_string();
    let misfit = |literal: &Literal| Err(format!("{} isn't a value of {dtype}", describe(literal)));
    match dtype.class() {
        Class::Float => {
            let mut values = Vec::new();
            for literal in literals {
                values.push(match literal {
                    Literal::Float(value) => *value,
                    Literal::Int(value) if (*value as f64) as i128 == *value => *value as f64,
                    other => return misfit(other),
                });
            }
            let special = values.iter().zip(literals).find(|(value, _)| !value.is_finite());
            let tensor = Tensor::store(dtype, shape, values.clone(), Overflow::Wrap).map_err(error)?;
            if let Some((value, literal)) = special {
                let stored = tensor.load::<f64>().map_err(error)?;
                if !stored
                    .iter()
                    .any(|stored| stored.to_bits() == value.to_bits() || (stored.is_nan() && value.is_nan()))
                {
                    return misfit(literal);
                }
            }
            Ok(tensor)
        }
        Class::Bool => {
            let mut values = Vec::new();
            for literal in literals {
                match literal {
                    Literal::Bool(value) => values.push(*value),
                    other => return misfit(other),
                }
            }
            Tensor::from_vec(shape, values).map_err(error)
        }
        Class::Signed | Class::Unsigned => {
            let mut values = Vec::new();
            for literal in literals {
                match literal {
                    Literal::Int(value) => values.push(*value),
                    other => return misfit(other),
                }
            }
            let tensor = if dtype == DType::U64 {
                let wide: Result<Vec<u64>, _> = values.iter().map(|value| u64::try_from(*value)).collect();
                match wide {
                    Ok(wide) => Tensor::from_vec(shape, wide).map_err(error)?,
                    Err(_) => return Err(format!("{values:?} doesn't fit {dtype}")),
                }
            } else {
                let wide: Result<Vec<i64>, _> = values.iter().map(|value| i64::try_from(*value)).collect();
                let Ok(wide) = wide else { return Err(format!("{values:?} doesn't fit {dtype}")) };
                let tensor = Tensor::store(dtype, shape, wide.clone(), Overflow::Saturate).map_err(error)?;
                let stored = tensor.load::<i64>().map_err(error)?;
                if let Some((wanted, _)) = wide.iter().zip(stored.iter()).find(|(wanted, stored)| wanted != stored) {
                    return Err(format!("{wanted} doesn't fit {dtype}"));
                }
                tensor
            };
            Ok(tensor)
        }
        Class::String => {
            let mut values = Vec::new();
            for literal in literals {
                match literal {
                    Literal::Text(text) => values.push(text.clone()),
                    other => return misfit(other),
                }
            }
            Tensor::from_strings(shape, values).map_err(error)
        }
        _ => Err(format!("there are no literals of {dtype}")),
    }
}

/// How a message writes a literal.
pub(crate) fn describe(literal: &Literal) -> String {
    match literal {
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::Text(text) => format!("{text:?}"),
    }
}

/// The integer that a constant scalar is.
pub(super) fn constant_integer(declaration: &Declaration, model: &dyn ModelSource) -> Result<i64, String> {
    let tensor = match source(declaration, model)? {
        Some(Source::Tensor(tensor)) => tensor,
        Some(Source::Parameter(name)) => model.params().load(&name).map_err(|error| error.to_string())?,
        None => return Err(missing(declaration, model)),
    };
    if tensor.len() != 1 || !tensor.dtype().is_integer() {
        return Err(format!("`{}` is no integer scalar in the package", declaration.name.text));
    }
    tensor.item::<i64>().map_err(|error| error.to_string())
}

/// That the package doesn't have what a declaration wants.
fn missing(declaration: &Declaration, model: &dyn ModelSource) -> String {
    let key = declaration.reference.as_ref().unwrap_or(&declaration.name.text);
    let settings = if declaration.memory == Memory::Persistent { Vec::new() } else { model.names() };
    let names = model.params().params().iter().map(|param| param.name.as_str());
    let near = near(key, names.chain(settings.iter().map(String::as_str)));
    let hint = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
    let asked = if declaration.reference.is_some() { "`@ref` of " } else { "" };
    let what = if declaration.memory == Memory::Persistent { "parameter" } else { "parameter, metadata or size" };
    format!("{asked}`{}`: the package has no {what} that is named {key:?}{hint}", declaration.name.text)
}

/// The parameters that a declaration stands for, as far as the package has them.
pub(super) fn parameter_names(declaration: &Declaration, model: &dyn ModelSource) -> Vec<String> {
    if declaration.memory == Memory::Dynamic {
        return Vec::new();
    }
    if let Some(pattern) = &declaration.pattern {
        return table_entries(declaration, pattern, model)
            .into_iter()
            .map(|indices| fill(declaration, pattern, &indices))
            .collect();
    }
    let reference = declaration.reference.clone();
    let own = || (declaration.memory != Memory::Persistent).then(|| declaration.name.text.clone());
    reference.or_else(own).into_iter().collect()
}

/// A pattern with its indices filled in.
fn fill(declaration: &Declaration, pattern: &str, indices: &[i64]) -> String {
    let mut name = pattern.to_owned();
    for (index, value) in declaration.indices.iter().zip(indices) {
        name = name.replace(&format!("{{{}}}", index.text), &value.to_string());
    }
    name
}

/// The indices of the parameters that fit a pattern.
fn table_entries(declaration: &Declaration, pattern: &str, model: &dyn ModelSource) -> BTreeSet<Vec<i64>> {
    model.params().params().iter().filter_map(|param| match_pattern(declaration, pattern, &param.name)).collect()
}

/// The indices with which a pattern gives a name.
fn match_pattern(declaration: &Declaration, pattern: &str, name: &str) -> Option<Vec<i64>> {
    let mut found = vec![None; declaration.indices.len()];
    let (mut pattern, mut name) = (pattern, name);
    while let Some(open) = pattern.find('{') {
        name = name.strip_prefix(&pattern[..open])?;
        let close = pattern[open..].find('}')? + open;
        let place = declaration.indices.iter().position(|index| index.text == pattern[open + 1..close])?;
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let text = &name[..digits];
        if text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
            return None;
        }
        let value: i64 = text.parse().ok()?;
        if found[place].is_some_and(|other| other != value) {
            return None;
        }
        found[place] = Some(value);
        name = &name[digits..];
        pattern = &pattern[close + 1..];
    }
    (pattern == name).then_some(())?;
    found.into_iter().collect()
}

impl Lowerer<'_> {
    /// The value that a volatile or constant variable begins a step with.
    pub(super) fn declare_from_package(&mut self, place: usize, declaration: &Declaration) -> Result<()> {
        let ty = self.variables[place].ty.clone();
        if self.package == Package::Assumed {
            if declaration.pattern.is_none() {
                let value = self.assumed(&declaration.name.text, ty.into());
                self.give(place, value);
            }
            return Ok(());
        }
        if declaration.pattern.is_some() {
            return self.check_table(declaration);
        }
        let name = declaration.name.text.as_str();
        let found = if declaration.memory == Memory::Volatile && declaration.reference.is_none() {
            self.model.params().find(name).map(|_| Source::Parameter(name.to_owned()))
        } else {
            source(declaration, self.model).map_err(|message| self.wrong(message))?
        };
        let value = match found {
            Some(Source::Parameter(parameter)) => self.parameter(&parameter, &ty, declaration)?,
            Some(Source::Tensor(tensor)) => {
                let key = declaration.reference.as_deref().unwrap_or(name);
                self.fits(declaration, key, &ty, tensor.shape())?;
                self.builder.constant(tensor)
            }
            None if declaration.memory == Memory::Constant || declaration.reference.is_some() => {
                return Err(self.wrong(missing(declaration, self.model)));
            }
            None => match &declaration.init {
                Some(literal) => self.filled(place, literal)?,
                None => return Ok(()),
            },
        };
        self.give(place, value);
        Ok(())
    }

    /// What a variable is filled with, if that isn't larger than anybody means. Zeros take no memory before they are
    /// written; other values do.
    fn fill_with(
        &mut self,
        declaration: &Declaration,
        literal: Option<&Literal>,
        cells: &[&str],
        sizes: &[usize],
    ) -> Result<Tensor> {
        let (name, dtype) = (declaration.name.text.as_str(), declaration.ty.dtype);
        let scalar = literal.map(|literal| self.literal_scalar(literal, dtype, name)).transpose()?;
        let zero = match literal {
            None | Some(Literal::Bool(false) | Literal::Int(0)) => true,
            Some(Literal::Float(value)) => value.to_bits() == 0,
            Some(_) => false,
        } && dtype.bits().is_some();
        let count = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size as u64));
        let bytes = count.and_then(|count| count.checked_mul(dtype.bits().unwrap_or(192) as u64));
        let bytes = bytes.map(|bits| bits.div_ceil(8));
        let most = if zero { MAX_ZEROS } else { MAX_FILLED };
        let before = if zero { 0 } else { self.filled };
        match bytes.and_then(|bytes| bytes.checked_add(before)).filter(|total| *total <= most) {
            Some(total) if !zero => self.filled = total,
            Some(_) => {}
            None => {
                let largest = (0..sizes.len()).max_by_key(|axis| sizes[*axis]).unwrap_or(0);
                let axis = match cells.get(largest) {
                    Some(index) => format!("its index `{index}`"),
                    None => format!("its dim {}", largest - cells.len()),
                };
                let large = bytes.map_or("more bytes than can be counted".to_owned(), |bytes| format!("{bytes} bytes"));
                let kind = if zero { "zeros" } else { "`@init`" };
                let message = format!(
                    "`{name}` would begin with {large} of {kind}, more than the {most} that a program may; {axis} is {}",
                    sizes.get(largest).copied().unwrap_or(0)
                );
                return Err(self.wrong(message));
            }
        }
        let made = match scalar.filter(|_| !zero) {
            Some(scalar) => Tensor::full(dtype, sizes, &scalar),
            None => Tensor::zeros(dtype, sizes),
        };
        made.map_err(|error| self.wrong(format!("`{name}`: {error}")))
    }

    /// All of a variable with one value.
    pub(super) fn filled(&mut self, place: usize, literal: &Literal) -> Result<ValueId> {
        let (ty, name, exprs) =
            (self.variables[place].ty.clone(), self.variables[place].name, self.variables[place].dims);
        if let (Some(sizes), Some(declaration)) = (ty.shape.sizes(), self.variables[place].declaration) {
            let whole = self.fill_with(declaration, Some(literal), &[], &sizes)?;
            return Ok(self.builder.constant(whole));
        }
        let scalar = self.literal_scalar(literal, ty.dtype, name)?;
        let extents = exprs.iter().map(|dim| self.integer(dim)).collect::<Result<Vec<Integer>>>()?;
        let dims = self.integer_vector(&extents)?;
        let scalar = self.builder.constant(scalar);
        self.node(&ops::expand::OP, &[scalar, dims], Attrs::new())
    }

    pub(super) fn literal_scalar(&self, literal: &Literal, dtype: DType, name: &str) -> Result<Tensor> {
        literal_tensor(std::slice::from_ref(literal), dtype, &[])
            .map_err(|message| self.wrong(format!("`@init` of `{name}`: {message}")))
    }

    /// A parameter, which must be as it is declared.
    fn parameter(&mut self, parameter: &str, ty: &TensorType, declaration: &Declaration) -> Result<ValueId> {
        let name = declaration.name.text.as_str();
        if let Some(value) = self.hoisted.get(&format!("parameter {name} {parameter}")) {
            return Ok(*value);
        }
        let Some(info) = self.model.params().find(parameter) else {
            return Err(self.wrong(format!("the package has no parameter {parameter:?}")));
        };
        if info.dtype != ty.dtype {
            let message = format!("`{name}` is declared {ty}, but the package's {parameter:?} is {}", info.dtype);
            return Err(self.wrong(message));
        }
        let shape = info.shape.clone();
        self.fits(declaration, parameter, ty, &shape)?;
        let exact = Type::tensor(ty.dtype, shape.iter().copied());
        let attrs = attrs! { name: parameter, type: exact };
        let made = self.builder.in_body(|builder| builder.node(&ops::parameter::OP, &[], attrs, 1));
        let value = made.map_err(|error| self.wrong(super::build_message(&error)))?[0];
        self.hoisted.insert(format!("parameter {name} {parameter}"), value);
        Ok(value)
    }

    /// What the package has must have the declared dims.
    fn fits(&self, declaration: &Declaration, key: &str, ty: &TensorType, shape: &[usize]) -> Result<()> {
        let exact = Type::tensor(ty.dtype, shape.iter().copied());
        let same = ty.dims().is_some_and(|dims| {
            dims.len() == shape.len() && dims.iter().zip(shape).all(|(dim, extent)| dim.as_size() == Some(*extent))
        });
        if same {
            return Ok(());
        }
        let mut sizes: Vec<String> = Vec::new();
        for dim in &declaration.ty.dims {
            dim.for_each_name(&mut |name| {
                let size = self.sizes.get(&name.text).map(|size| format!("`{}` is {size}", name.text));
                sizes.extend(size.filter(|size| !sizes.contains(size)));
            });
        }
        let sizes = if sizes.is_empty() { String::new() } else { format!(" ({})", sizes.join(", ")) };
        let name = &declaration.name.text;
        Err(self.wrong(format!("`{name}` is declared {ty}{sizes}, but the package's {key:?} is {exact}")))
    }

    /// A table of parameters is full: every index from 0.
    fn check_table(&mut self, declaration: &Declaration) -> Result<()> {
        let pattern = declaration.pattern.as_deref().unwrap_or_default();
        let entries = table_entries(declaration, pattern, self.model);
        let Some(first) = entries.iter().next() else {
            let name = &declaration.name.text;
            let example = fill(declaration, pattern, &vec![0; declaration.indices.len()]);
            let near = near(&example, self.model.params().params().iter().map(|param| param.name.as_str()));
            let hint = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            let message = format!(
                "`@pattern` of `{name}`: the package has no parameter that fits {pattern:?}, such as {example:?}{hint}"
            );
            return Err(self.wrong(message));
        };
        let mut extents = vec![0i64; first.len()];
        for entry in &entries {
            for (extent, index) in extents.iter_mut().zip(entry) {
                *extent = (*extent).max(index.saturating_add(1));
            }
        }
        let full = extents.iter().try_fold(1i64, |product, extent| product.checked_mul(*extent));
        if full != Some(entries.len() as i64) {
            let missing = first_missing(&entries, &extents).map(|indices| fill(declaration, pattern, &indices));
            let message = format!(
                "`@pattern` of `{}`: the package has parameters up to the indices {extents:?}, but no {:?}",
                declaration.name.text,
                missing.unwrap_or_default()
            );
            return Err(self.wrong(message));
        }
        Ok(())
    }

    /// An entry of a table of parameters.
    pub(super) fn entry_of(&mut self, name: &Name, indices: &[IntExpr]) -> Result<ValueId> {
        let place = self.variable(name)?;
        let Some(declaration) = self.variables[place].declaration else {
            return Err(self.wrong(format!("`{}` is no table of parameters", name.text)));
        };
        let (ty, pattern) = (self.variables[place].ty.clone(), declaration.pattern.as_deref().unwrap_or_default());
        if self.package == Package::Assumed {
            for index in indices {
                self.integer(index)?;
            }
            return Ok(self.assumed(&format!("{}[…]", name.text), ty.into()));
        }
        let entries = table_entries(declaration, pattern, self.model);
        let mut extents = vec![0i64; declaration.indices.len()];
        for entry in &entries {
            for (extent, index) in extents.iter_mut().zip(entry) {
                *extent = (*extent).max(index.saturating_add(1));
            }
        }
        let mut at = Vec::new();
        for ((expr, extent), index) in indices.iter().zip(&extents).zip(&declaration.indices) {
            at.push(match self.integer(expr)? {
                Integer::Known(value) => {
                    let place = if value < 0 { value.checked_add(*extent) } else { Some(value) };
                    match place.filter(|place| (0..*extent).contains(place)) {
                        Some(place) => Integer::Known(place),
                        None => {
                            let message = format!(
                                "`{}` has {extent} parameters along `{}`; {value} is past them",
                                name.text, index.text
                            );
                            return Err(self.wrong(message));
                        }
                    }
                }
                value => value,
            });
        }
        let known: Option<Vec<i64>> = at
            .iter()
            .map(|integer| match integer {
                Integer::Known(value) => Some(*value),
                Integer::Value(_) => None,
            })
            .collect();
        self.helper("parameter");
        if let Some(known) = known {
            return self.parameter(&fill(declaration, pattern, &known), &ty, declaration);
        }
        let all = self.all_parameters(declaration, pattern, &entries, &ty)?;
        let position = self.table_position(&at, &extents)?;
        self.helper("parameter");
        self.node(&ops::sequence_at::OP, &[all, position], Attrs::new())
    }

    /// The parameters of a table as a sequence, the last index first.
    fn all_parameters(
        &mut self,
        declaration: &Declaration,
        pattern: &str,
        entries: &BTreeSet<Vec<i64>>,
        ty: &TensorType,
    ) -> Result<ValueId> {
        let key = format!("table {}", declaration.name.text);
        if let Some(value) = self.hoisted.get(&key) {
            return Ok(*value);
        }
        let mut parameters = Vec::new();
        for entry in entries {
            parameters.push(Some(self.parameter(&fill(declaration, pattern, entry), ty, declaration)?));
        }
        let made =
            self.builder.in_body(|builder| builder.node(&ops::sequence_construct::OP, &parameters, Attrs::new(), 1));
        let value = made.map_err(|error| self.wrong(super::build_message(&error)))?[0];
        self.hoisted.insert(key, value);
        Ok(value)
    }

    /// Where an entry stands among all. With several indices each is looked up among those that there are, so that one
    /// that is past its end doesn't lead to another entry.
    fn table_position(&mut self, at: &[Integer], extents: &[i64]) -> Result<ValueId> {
        if let [one] = at {
            return Ok(self.integer_value(*one));
        }
        let mut position = Integer::Known(0);
        for (index, extent) in at.iter().zip(extents) {
            let checked = match index {
                Integer::Known(_) => *index,
                Integer::Value(value) => {
                    let all = self.vector((0..*extent).collect())?;
                    Integer::Value(self.node(&ops::gather::OP, &[all, *value], attrs! { axis: 0i64 })?)
                }
            };
            position = self.combine(Binary::Mul, position, Integer::Known(*extent))?;
            position = self.combine(Binary::Add, position, checked)?;
        }
        Ok(self.integer_value(position))
    }

    /// Declares the state of a persistent variable.
    pub(super) fn declare_state(&mut self, place: usize, declaration: &Declaration) -> Result<()> {
        let name = declaration.name.text.as_str();
        if self.package == Package::Assumed {
            return self.assumed_state(place, declaration);
        }
        let cell = declaration.ty.dims.iter().map(|dim| self.known_dim(dim, name)).collect::<Result<Vec<i64>>>()?;
        let dtype = declaration.ty.dtype;
        let mut dims = Vec::new();
        let mut start = Vec::new();
        for index in self.table_indices(declaration) {
            match declaration.fixed.iter().find(|(fixed, _)| fixed.text == index) {
                Some((_, extent)) => {
                    let size = self.known_dim(extent, name)?;
                    let Ok(count) = usize::try_from(size) else {
                        let message = format!("`@fixed` of `{name}`: {size} can't be the extent of `{index}`");
                        return Err(self.wrong(message));
                    };
                    dims.push(Dim::Int(size));
                    start.push(count);
                }
                None => {
                    dims.push(Dim::Unknown);
                    start.push(0);
                }
            }
        }
        for (axis, extent) in cell.iter().enumerate() {
            dims.push(if axis < declaration.auto_dim.len() { Dim::Unknown } else { Dim::Int(*extent) });
            start.push(usize::try_from(*extent).unwrap_or(0));
        }
        let ty = TensorType::new(dtype, dims);
        glassbox_ir::check_type(&ty.clone().into())
            .map_err(|violation| self.wrong(format!("`{name}`: {}", violation.message)))?;
        let initial = match (&declaration.reference, &declaration.init) {
            (Some(reference), _) => {
                let Some(info) = self.model.params().find(reference) else {
                    return Err(self.wrong(missing(declaration, self.model)));
                };
                if info.dtype != dtype {
                    let message =
                        format!("`{name}` is declared {ty}, but the package's {reference:?} is {}", info.dtype);
                    return Err(self.wrong(message));
                }
                self.fits(declaration, reference, &ty, &info.shape)?;
                Some(self.model.params().load(reference).map_err(|error| self.wrong(error.to_string()))?)
            }
            (None, literal) => {
                let cells: Vec<&str> = self.table_indices(declaration).collect();
                // A state that says nothing of its beginning is zeros, as large as its type says.
                let filled = self.fill_with(declaration, literal.as_ref(), &cells, &start)?;
                (literal.is_some() || !declaration.auto_dim.is_empty()).then_some(filled)
            }
        };
        let state = State { name: name.to_owned(), ty, capacity: None, initial };
        self.env[place] = Slot::Nothing;
        self.builder.state(state).map_err(|error| self.wrong(error.to_string()))
    }

    /// The state of a persistent variable whose sizes aren't known.
    fn assumed_state(&mut self, place: usize, declaration: &Declaration) -> Result<()> {
        let sized = |dim: Dim| if dim.as_int().is_some() { dim } else { Dim::Unknown };
        let mut dims = Vec::new();
        for index in self.table_indices(declaration) {
            let fixed = declaration.fixed.iter().find(|(fixed, _)| fixed.text == index);
            dims.push(fixed.map_or(Ok(Dim::Unknown), |(_, extent)| self.dim(extent)).map(sized)?);
        }
        for (axis, dim) in declaration.ty.dims.iter().enumerate() {
            let grows = axis < declaration.auto_dim.len();
            dims.push(if grows { Dim::Unknown } else { sized(self.dim(dim)?) });
        }
        let ty = TensorType::new(declaration.ty.dtype, dims);
        self.env[place] = Slot::Nothing;
        let state = State { name: declaration.name.text.clone(), ty, capacity: None, initial: None };
        self.builder.state(state).map_err(|error| self.wrong(error.to_string()))
    }

    /// The indices of a persistent variable that are those of cells.
    pub(super) fn table_indices<'d>(&self, declaration: &'d Declaration) -> impl Iterator<Item = &'d str> + use<'d> {
        let names = declaration.indices.iter().map(|index| index.text.as_str());
        names.filter(|name| !declaration.auto_dim.iter().any(|auto| auto.text == **name))
    }
}

/// What elements of a dtype are where nothing else is said.
pub(super) fn zero(dtype: DType) -> Literal {
    match dtype.class() {
        Class::Bool => Literal::Bool(false),
        Class::String => Literal::Text(String::new()),
        _ => Literal::Int(0),
    }
}

fn first_missing(entries: &BTreeSet<Vec<i64>>, extents: &[i64]) -> Option<Vec<i64>> {
    let mut indices = vec![0; extents.len()];
    // One entry more than there are is looked at, at most.
    for _ in 0..=entries.len() {
        if !entries.contains(&indices) {
            return Some(indices);
        }
        for axis in (0..extents.len()).rev() {
            indices[axis] += 1;
            if indices[axis] < extents[axis] {
                break;
            }
            indices[axis] = 0;
        }
    }
    None
}
