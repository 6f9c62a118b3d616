//! The expression form of `graph!`: formulas that add nodes to a graph as they are computed.
//!
//! A [`FormulaValue`] is a value of the graph; [`Formulas::op`] computes the next one. The macro writes such calls, and they
//! can be written by hand. A mistake doesn't interrupt a formula: the first one is kept, what depends on it adds
//! no nodes, and [`Formula::graph`], which running the formula calls too, reports it with its line.

mod attention;
mod control;
mod values;

use std::cell::{Cell, RefCell, RefMut};
use std::sync::Arc;

use glassbox_ir::{
    Attr, AttrKind, Attrs, Dim, Graph, GraphBuilder, OpDef, Origin, Provenance, Type, ValueId, attrs, ops,
};
use glassbox_tensor::DType;

use crate::error::{DslError, Place};
use crate::lower::{build_message, list_attr, literal_attr, literal_dtype, plain_literals, unknown_attribute, wanted};
use crate::program::Argument;
use crate::source::{Lower, ModelSource, Output};

pub use attention::KvCache;
pub use values::{Arg, FormulaValue, Number, Size};

/// A graph that formulas are adding to.
pub struct Formulas<'m> {
    model: &'m dyn ModelSource,
    file: &'static str,
    line: Cell<u32>,
    builder: RefCell<GraphBuilder>,
    mistake: RefCell<Option<DslError>>,
}

/// What formulas have become: a graph, or the first mistake in them.
#[derive(Clone, Debug)]
pub struct Formula {
    made: Result<Arc<Graph>, DslError>,
}

impl Formula {
    /// The graph, or the first mistake.
    ///
    /// # Errors
    ///
    /// The first mistake in the formula.
    pub fn graph(&self) -> Result<&Arc<Graph>, DslError> {
        self.made.as_ref().map_err(DslError::clone)
    }
}

impl Lower for Formula {
    fn lower(&self, _: &dyn ModelSource) -> Result<Arc<Graph>, DslError> {
        self.made.clone()
    }
}

impl<'m> Formulas<'m> {
    /// Formulas with the parameters of `model`, that stand in `file`.
    pub fn new(model: &'m dyn ModelSource, file: &'static str) -> Formulas<'m> {
        let name = crate::lower::graph_name(file);
        Formulas {
            model,
            file,
            line: Cell::new(0),
            builder: RefCell::new(GraphBuilder::new(name)),
            mistake: RefCell::new(None),
        }
    }

    /// What is computed from here on stands in this line.
    pub fn at(&self, line: u32) -> &Self {
        self.line.set(line);
        self
    }

    fn builder(&self) -> RefMut<'_, GraphBuilder> {
        let mut builder = self.builder.borrow_mut();
        let Place { file, line, block } = self.place();
        let origin = Origin::Statement { file, line, block, completes: true };
        builder.set_provenance(Provenance::new(origin));
        builder
    }

    fn place(&self) -> Place {
        Place { file: self.file.to_owned(), line: self.line.get(), block: String::new() }
    }

    fn value(&self, id: ValueId) -> FormulaValue<'_> {
        FormulaValue { owner: self.key(), id: Some(id), life: std::marker::PhantomData }
    }

    fn nothing(&self) -> FormulaValue<'_> {
        FormulaValue { owner: self.key(), id: None, life: std::marker::PhantomData }
    }

    /// What tells these formulas from others.
    fn key(&self) -> usize {
        std::ptr::from_ref(self).cast::<()>() as usize
    }

    /// Keeps a mistake, and gives no value.
    pub(crate) fn wrong(&self, message: impl Into<String>) -> FormulaValue<'_> {
        let error = DslError::new(self.place(), message);
        self.mistake.borrow_mut().get_or_insert(error);
        self.nothing()
    }

    /// The value of a size: the package's, its metadata's, or a symbol.
    fn dim(&self, size: &Size) -> Dim {
        match size {
            Size::Known(extent) => Dim::from(*extent),
            Size::Named(name) => match (self.model.size(name), self.model.metadata(name)) {
                (Some(size), _) => i64::try_from(size).map_or(Dim::Unknown, Dim::Int),
                (None, Some(Attr::Int(value))) => Dim::Int(value),
                _ => Dim::symbol(name),
            },
            Size::Combined(op, left, right) => {
                use crate::program::Binary;
                let (left, right) = (self.dim(left), self.dim(right));
                match op {
                    Binary::Add => left + right,
                    Binary::Sub => left - right,
                    Binary::Mul => left * right,
                    Binary::Div => left.floor_div(&right),
                    Binary::Mod => left.modulo(&right),
                    Binary::Min => left.minimum(&right),
                    Binary::Max => left.maximum(&right),
                }
            }
        }
    }

    /// An input.
    pub fn input(&self, name: &str, dtype: DType, dims: &[Size]) -> FormulaValue<'_> {
        let ty = Type::tensor(dtype, dims.iter().map(|size| self.dim(size)));
        if let Err(violation) = glassbox_ir::check_type(&ty) {
            return self.wrong(format!("the input `{name}`: {}", violation.message));
        }
        let id = self.builder().input(name, ty);
        self.value(id)
    }

    /// A parameter of the model.
    pub fn parameter(&self, name: impl AsRef<str>) -> FormulaValue<'_> {
        let name = name.as_ref();
        let params = self.model.params();
        let Some(info) = params.find(name) else {
            let near = glassbox_ir::text::nearest(name, params.params().iter().map(|param| param.name.as_str()));
            let hint = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            return self.wrong(format!("the model has no parameter {name:?}{hint}"));
        };
        let ty = Type::tensor(info.dtype, info.shape.iter().copied());
        let mut builder = self.builder();
        if let Some(known) = builder.graph().find_value(name) {
            return self.value(known);
        }
        let attrs = attrs! { name: name, type: ty };
        let made = builder.in_body(|builder| builder.node(&ops::parameter::OP, &[], attrs, 1));
        match made {
            Ok(made) => {
                builder.set_name(made[0], name);
                self.value(made[0])
            }
            Err(error) => {
                drop(builder);
                self.wrong(build_message(&error))
            }
        }
    }

    /// A use of the op `name`, with `N` results: operands by place, then attributes and operands by name.
    pub fn op<'f, const N: usize>(
        &'f self,
        name: &str,
        arguments: Vec<Arg<'f>>,
        named: Vec<(&str, Arg<'f>)>,
    ) -> [FormulaValue<'f>; N] {
        let Some(op) = ops::find(name) else {
            return [self.wrong(crate::check::unknown_op(name)); N];
        };
        match self.try_op(op, arguments, named, N) {
            Ok(made) => self.array(made),
            Err(message) => [self.wrong(message); N],
        }
    }

    /// A use of an op with one result.
    pub fn op1<'f>(&'f self, name: &str, arguments: Vec<Arg<'f>>, named: Vec<(&str, Arg<'f>)>) -> FormulaValue<'f> {
        let [value] = self.op(name, arguments, named);
        value
    }

    /// Results, as many as are wanted; none where an earlier mistake left none.
    fn array<const N: usize>(&self, made: Option<Vec<ValueId>>) -> [FormulaValue<'_>; N] {
        let made = made.unwrap_or_default();
        std::array::from_fn(|place| made.get(place).map_or_else(|| self.nothing(), |id| self.value(*id)))
    }

    fn try_op(
        &self,
        op: &'static OpDef,
        arguments: Vec<Arg>,
        named: Vec<(&str, Arg)>,
        outputs: usize,
    ) -> Result<Option<Vec<ValueId>>, String> {
        let mut attrs = Attrs::new();
        let mut operands: Vec<Option<Arg>> = Vec::new();
        for argument in arguments {
            match argument {
                Arg::DType(dtype) => match op.attrs.iter().find(|spec| spec.kind == AttrKind::DType) {
                    Some(spec) => drop(attrs.insert(spec.name, Attr::DType(dtype))),
                    None => return Err(format!("`{}` takes no dtype", op.name)),
                },
                Arg::Skipped => operands.push(None),
                other => operands.push(Some(other)),
            }
        }
        for (name, argument) in named {
            if let Some(spec) = op.attr(name) {
                attrs.insert(spec.name, attribute(op, spec.name, spec.kind, argument)?);
            } else if let Some(place) = op.inputs.iter().position(|input| input.name == name) {
                if operands.len() <= place {
                    operands.resize_with(place + 1, || None);
                }
                if operands[place].is_some() {
                    return Err(format!("the operand `{name}` of `{}` is given twice", op.name));
                }
                operands[place] = Some(argument);
            } else {
                return Err(unknown_attribute(op, name));
            }
        }
        let mut builder = self.builder();
        let mut values = vec![None; operands.len()];
        for (place, operand) in operands.iter().enumerate() {
            if let Some(Arg::Value(value)) = operand {
                match value.id {
                    Some(_) if value.owner != self.key() => {
                        return Err("a value of other formulas stands here".to_owned());
                    }
                    Some(id) => values[place] = Some(id),
                    None => return Ok(None),
                }
            }
        }
        for (place, operand) in operands.iter().enumerate() {
            let (literals, scalar) = match operand {
                Some(Arg::Literal(literal)) => (std::slice::from_ref(literal), true),
                Some(Arg::List(literals)) => (literals.as_slice(), false),
                _ => continue,
            };
            let dtype = literal_dtype(op, place, &Argument::Skipped, &values, &builder);
            let shape: &[usize] = if scalar { &[] } else { &[literals.len()] };
            values[place] = Some(builder.constant(plain_literals(literals, dtype, shape)?));
        }
        builder.node(op, &values, attrs, outputs).map(Some).map_err(|error| build_message(&error))
    }

    /// Advice to the compiler, on the node that gave a value.
    pub fn hint<'f>(&'f self, value: FormulaValue<'f>, name: &str, advice: impl Into<Attr>) -> FormulaValue<'f> {
        let Some(id) = value.id else { return value };
        let hinted = self.builder().hint(id, name, advice);
        match hinted {
            Ok(()) => value,
            Err(error) => self.wrong(error.to_string()),
        }
    }

    /// Names a value, as `let` does.
    pub fn name<'f>(&'f self, value: FormulaValue<'f>, name: &str) -> FormulaValue<'f> {
        if let Some(id) = value.id {
            let mut builder = self.builder();
            if builder.graph().value(id).name.is_none() {
                builder.set_name(id, name);
            }
        }
        value
    }

    /// The graph with these outputs, each under its name, and a handle for each.
    pub fn finish<const N: usize>(self, outputs: [(&str, Option<ValueId>); N]) -> (Formula, [Output; N]) {
        let handles = outputs.map(|(name, _)| Output::new(name));
        let mut mistake = self.mistake.into_inner();
        let mut builder = self.builder.into_inner();
        let mut ids = Vec::new();
        for (name, id) in outputs {
            let Some(id) = id else { continue };
            // An input, a parameter, or what is an output already, gets a name of its own.
            let taken = builder.graph().value(id).name.is_some() && builder.graph().value_label(id) != name;
            let plain = builder.graph().inputs().contains(&id) || ids.contains(&id) || taken;
            let shown = if plain && builder.graph().value_label(id) != name {
                builder.node(&ops::identity::OP, &[Some(id)], Attrs::new(), 1).map(|made| made[0])
            } else {
                Ok(id)
            };
            match shown {
                Ok(id) => {
                    if builder.graph().value_label(id) != name {
                        if let Some(other) = builder.graph().find_value(name) {
                            builder.set_name(other, &format!("{name}#1"));
                        }
                        builder.set_name(id, name);
                    }
                    ids.push(id);
                }
                Err(error) => {
                    let place = Place { file: self.file.to_owned(), ..Place::default() };
                    mistake.get_or_insert(DslError::new(place, build_message(&error)));
                }
            }
        }
        let made = match mistake {
            Some(error) => Err(error),
            None => builder.finish(ids).map(Arc::new).map_err(|error| {
                DslError::new(Place { file: self.file.to_owned(), ..Place::default() }, error.to_string())
            }),
        };
        (Formula { made }, handles)
    }
}

/// The value of an attribute.
fn attribute(op: &OpDef, name: &str, kind: AttrKind, argument: Arg) -> Result<Attr, String> {
    let found = match (&argument, kind) {
        (Arg::Literal(literal), _) => literal_attr(literal, kind),
        (Arg::List(literals), _) => list_attr(literals, kind),
        (Arg::DType(dtype), AttrKind::DType) => Some(Attr::DType(*dtype)),
        (Arg::DType(dtype), AttrKind::Type) => Some(Attr::Type(Type::scalar(*dtype))),
        (Arg::Value(_), _) => {
            return Err(format!(
                "the attribute `{name}` of `{}` must be known when the graph is built, and can't be a value of it",
                op.name
            ));
        }
        _ => None,
    };
    found.ok_or_else(|| format!("the attribute `{name}` of `{}` wants {}", op.name, wanted(kind)))
}
