//! Importing: from a [`Model`] to a graph of the IR.
//!
//! First everything is looked at that can be refused without building (`support`). Then the nodes
//! are converted in order, each by its row of [`ops`]; a call of a function becomes a
//! `call` whose body is the function's, converted for the types that the caller gives. Names of values
//! and nodes are kept; inside a function they are put behind those of the calls.
//!
//! Declared types of inputs are taken. All other types are inferred, and a declaration that contradicts
//! one is an error where dtype or kind differ, and a [note](Import::notes) where dims do: exporters are
//! often wrong about those.

mod attributes;
mod build;
mod call;
mod context;
mod maps;
mod scope;
mod support;

pub(crate) use build::{build_graph, build_region};
pub(crate) use support::{called, functions};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};

use glassbox_ir::{ExprBuilder, Graph as IrGraph, GraphBuilder, Type, ValueId};
use glassbox_tensor::Tensor;

use crate::error::OnnxError;
use crate::maps::METADATA;
use crate::model::{AttributeValue, Declared, Model, ValueInfo};

pub use context::{BuiltRegion, Carried, NodeContext};
use scope::{Scope, Site};
use support::Functions;

/// How deep regions may nest, those of functions in functions included.
pub(crate) const MAX_REGIONS: usize = glassbox_ir::verify::MAX_NESTED_REGIONS;

/// How many bytes the names may take that the insides of functions get from the calls on the way to them.
const MAX_NAME_BYTES: usize = 256 << 20;

/// How to import.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportOptions {
    /// How many nodes may be converted. A function counts each time it is called, so that a small file
    /// can't stand for a graph without bounds.
    pub most_nodes: usize,
    /// The names of those among [`overridable`] initializers that become inputs of the graph, so that a run gives them.
    pub overridden: BTreeSet<String>,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions { most_nodes: 1 << 20, overridden: BTreeSet::new() }
    }
}

/// An imported model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Import {
    /// The graph.
    pub graph: IrGraph,
    /// What the model calls the graph's inputs, in order. Those with an initializer are constants. A map is two inputs; see
    /// [`Maps`](crate::Maps).
    pub inputs: Vec<String>,
    /// What the model calls the graph's outputs, in order; two may be the same value.
    pub outputs: Vec<String>,
    /// What the model declares that isn't so, and what nodes give that isn't what the model asks for, in words.
    pub notes: Vec<String>,
}

/// The attributes of a node, those of its function's caller put in.
pub(crate) type AttributesOf<'a> = Vec<(&'a str, &'a AttributeValue)>;

/// What all of a model shares while it is converted.
pub(crate) struct Frame<'a> {
    pub(crate) f: &'a ExprBuilder,
    functions: &'a Functions<'a>,
    nodes_left: Cell<usize>,
    most_nodes: usize,
    name_bytes_left: Cell<usize>,
    /// The names to give at the end, so that those of a discarded body are free again.
    names: RefCell<Vec<(ValueId, String)>>,
    notes: RefCell<Vec<String>>,
    /// The tables that stand for lists of maps, each with the keys of its columns.
    zipped: RefCell<Vec<(ValueId, Tensor)>>,
}

/// A point to go back to. See [`Frame::forget_since`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    names: usize,
    notes: usize,
}

impl Frame<'_> {
    pub(crate) fn mark(&self) -> Mark {
        Mark { names: self.names.borrow().len(), notes: self.notes.borrow().len() }
    }

    /// Forgets the names and notes since `mark`, which belong to a body that is built again.
    pub(crate) fn forget_since(&self, mark: Mark) {
        self.names.borrow_mut().truncate(mark.names);
        self.notes.borrow_mut().truncate(mark.notes);
    }

    fn name(&self, value: ValueId, prefix: &str, name: &str) {
        self.names.borrow_mut().push((value, format!("{prefix}{name}")));
    }

    fn give_names(&self) {
        let mut builder = self.f.builder();
        for (value, name) in self.names.take() {
            if builder.graph().value(value).name.is_none() {
                builder.set_name(value, &name);
            }
        }
    }
}

/// The first version of the file format in which an initializer that is an input too is a default, which a run may override;
/// before, every initializer had to be one.
const DEFAULTS_SINCE: i64 = 4;

/// The inputs of a model that have a default: an initializer of the same name. They are constants of the imported graph
/// unless [`ImportOptions::overridden`] names them.
///
/// ```
/// let model = glassbox_onnx::load("../../models/shapes/shapes.onnx".as_ref())?;
/// assert_eq!(glassbox_onnx::import::overridable(&model).count(), 0);
/// # Ok::<(), glassbox_onnx::OnnxError>(())
/// ```
pub fn overridable(model: &Model) -> impl Iterator<Item = &ValueInfo> {
    let may = model.ir_version >= DEFAULTS_SINCE;
    let given: HashSet<&str> = model.graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
    model.graph.inputs.iter().filter(move |input| may && given.contains(input.name.as_str()))
}

/// Imports a model.
///
/// # Errors
///
/// Where the model breaks a rule of the format, has ops that aren't supported, or the IR refuses a node; where `options` name
/// what has no default.
pub fn import(model: &Model, options: &ImportOptions) -> Result<Import, OnnxError> {
    let functions = support::functions(model);
    let imported =
        support::check(model, &functions, options.most_nodes).and_then(|()| import_checked(model, &functions, options));
    imported.map_err(|error| error.in_file(model.file.as_deref()))
}

fn import_checked(model: &Model, functions: &Functions, options: &ImportOptions) -> Result<Import, OnnxError> {
    let mut builder = GraphBuilder::new(&model.graph.name);
    for (key, value) in metadata(model) {
        builder.metadata(key, value);
    }
    let f = ExprBuilder::new(builder);
    let frame = Frame {
        f: &f,
        functions,
        nodes_left: Cell::new(options.most_nodes),
        most_nodes: options.most_nodes,
        name_bytes_left: Cell::new(MAX_NAME_BYTES),
        names: RefCell::default(),
        notes: RefCell::default(),
        zipped: RefCell::default(),
    };
    let scope = Scope::default();
    let site = Site {
        frame: &frame,
        opsets: &model.opsets,
        function: None,
        bindings: &[],
        prefix: "",
        depth: 0,
        scope: &scope,
    };
    frame.notes.borrow_mut().extend(model.notes.iter().cloned());
    let defaults: HashSet<&str> = overridable(model).map(|input| input.name.as_str()).collect();
    if let Some(name) = options.overridden.iter().find(|name| !defaults.contains(name.as_str())) {
        return Err(OnnxError::structure("the graph", format!("its input `{name}` has no default to override")));
    }
    let given: HashSet<&str> = model.graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
    let formal = |input: &&ValueInfo| !given.contains(input.name.as_str()) || options.overridden.contains(&input.name);
    let inputs: Vec<&ValueInfo> = model.graph.inputs.iter().filter(formal).collect();
    let mut names = Vec::with_capacity(inputs.len());
    let (mut taken, mut of_maps) = (maps::names(&model.graph), Vec::new());
    for input in &inputs {
        if let Declared::Map { keys, values } = &input.ty {
            let map = maps::input(&frame, &scope, &mut taken, &input.name, [keys, values]);
            names.extend([map.keys.clone(), map.values.clone()]);
            of_maps.push(map);
            continue;
        }
        scope.define(&input.name, Some(f.builder().input(&input.name, input_type(input)?)));
        names.push(input.name.clone());
    }
    let outputs = build_graph(site, &model.graph, "the graph")?;
    frame.give_names();
    maps::tell(&frame, of_maps, model, &outputs);
    let notes = frame.notes.take();
    drop(scope);
    let graph = f.finish(&outputs).map_err(OnnxError::Graph)?;
    let outputs = model.graph.outputs.iter().map(|output| output.name.clone()).collect();
    Ok(Import { graph, inputs: names, outputs, notes })
}

/// Text about the model, as the graph keeps it.
fn metadata(model: &Model) -> Vec<(String, String)> {
    let producer = [("onnx.producer_name", &model.producer_name), ("onnx.producer_version", &model.producer_version)];
    let producer = producer.into_iter().filter(|(_, value)| !value.is_empty());
    let producer = producer.map(|(key, value)| (key.to_owned(), value.clone()));
    producer.chain(model.metadata.iter().filter(|(key, _)| key != METADATA).cloned()).collect()
}

fn input_type(input: &ValueInfo) -> Result<Type, OnnxError> {
    let place = format!("input `{}`", input.name);
    match &input.ty {
        Declared::Known(ty) => match glassbox_ir::check_type(ty) {
            Ok(()) => Ok(ty.clone()),
            Err(violation) => Err(OnnxError::structure(place, violation.to_string())),
        },
        Declared::Missing => Err(OnnxError::structure(place, "it has no type")),
        Declared::Map { .. } => {
            Err(OnnxError::UnsupportedTensor { tensor: input.name.clone(), what: input.ty.to_string() })
        }
        Declared::Unsupported(what) => {
            Err(OnnxError::UnsupportedTensor { tensor: input.name.clone(), what: what.clone() })
        }
    }
}
