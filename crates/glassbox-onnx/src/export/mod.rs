//! Exporting: from a graph of the IR to an ONNX model.
//!
//! Each node is said by the op of ONNX that means the same in the opset that is asked for ([`rows`]), and held against what
//! the standard says of that op ([`schema`]): what comes out is valid, or the error names every node for which there are no
//! words. An op that only an older or newer opset has is not replaced by something alike.
//!
//! [`export`] takes those composites that ONNX has; the caller takes the others, which [`unsaid`] names, apart
//! first. Names of inputs, outputs, values and nodes are kept, metadata too. Calls become functions of the model. What a
//! graph remembers between runs becomes inputs `past.NAME` and outputs `present.NAME`. Parameters become initializers; those in
//! block formats are written as the f32 that they stand for.

mod attributes;
mod control;
mod emitter;
mod ensembles;
mod error;
mod formulas;
mod images;
mod rows;
mod schema;
mod site;
mod states;
mod versions;
mod write;

use std::collections::HashSet;

use glassbox_ir::{Graph, NodeId, Type, ValueId};

use crate::model::{Declared, Model};
use crate::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto};

use emitter::{Emitter, Weight};
pub use error::{ExportError, Unsaid};
pub use write::Weights;

/// The oldest opset that is written.
pub const OLDEST_OPSET: i64 = 7;

/// The newest opset that there is.
pub const NEWEST_OPSET: i64 = 28;

/// What imports note of who wrote the model, which is another now.
const PRODUCER: &[&str] = &["onnx.producer_name", "onnx.producer_version"];

/// How a graph is exported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportOptions {
    /// The version of the default domain.
    pub opset: i64,
    /// Whether calls that have a name become functions of the model; else their bodies stand where they are called.
    pub functions: bool,
    /// What the outputs are called, in order; by default as their values.
    pub outputs: Option<Vec<String>>,
    /// What is declared of the outputs, in order: it is written where no more is known of one.
    pub declared: Vec<Option<Type>>,
}

impl ExportOptions {
    /// How to export for an opset.
    ///
    /// ```
    /// assert!(glassbox_onnx::ExportOptions::new(17).functions);
    /// ```
    pub fn new(opset: i64) -> ExportOptions {
        ExportOptions { opset, functions: true, outputs: None, declared: Vec::new() }
    }

    /// How to export what was imported from `model`: outputs have the names and, where inference knows less, the types that
    /// they have there.
    pub fn of(model: &Model, opset: i64) -> ExportOptions {
        let declared = |info: &crate::model::ValueInfo| match &info.ty {
            Declared::Known(ty) => Some(ty.clone()),
            _ => None,
        };
        ExportOptions {
            outputs: Some(model.graph.outputs.iter().map(|info| info.name.clone()).collect()),
            declared: model.graph.outputs.iter().map(declared).collect(),
            ..ExportOptions::new(opset)
        }
    }
}

/// A graph as an ONNX model, without the data of its initializers yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    model: ModelProto,
    weights: Vec<Weight>,
    /// What of the graph isn't in the model, and what was changed to be in it.
    pub notes: Vec<String>,
}

/// The version of the file format that goes with an opset, and that of `ai.onnx.ml`: those with which it was published.
fn release(opset: i64) -> (i64, i64) {
    match opset {
        ..=9 => (4, 1),
        10 => (5, 1),
        11 => (6, 2),
        12..=14 => (7, 2),
        15 => (8, 2),
        16..=18 => (8, 3),
        19 => (9, 3),
        20 => (9, 4),
        21 | 22 => (10, 5),
        23 => (11, 5),
        24 => (12, 5),
        25..=27 => (13, 5),
        _ => (14, 5),
    }
}

/// The version of the file format of a model: the one that goes with the opset, and 8 at least where it has functions. (Before
/// 4 every initializer had to be an input as well.)
fn ir_version(opset: i64, functions: bool) -> i64 {
    let version = release(opset).0;
    if functions { version.max(8) } else { version }
}

/// The version of a domain that goes with an opset and a version of `ai.onnx.ml`.
fn version_of(domain: &str, opset: i64, ml: i64) -> i64 {
    match domain {
        "" => opset,
        "ai.onnx.ml" => ml,
        _ => 1,
    }
}

fn check_opset(opset: i64) -> Result<(), ExportError> {
    if (OLDEST_OPSET..=NEWEST_OPSET).contains(&opset) {
        return Ok(());
    }
    Err(ExportError::Opset { asked: opset, oldest: OLDEST_OPSET, newest: NEWEST_OPSET })
}

/// The nodes without bodies that can't be said in an opset: the composites among them are to be taken apart before
/// [`export`].
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_onnx::unsaid;
///
/// let graph = parse("graph \"g\" { input %x: f32[N] %y = gelu(%x) output %y }", &ParseOptions::default())?;
/// assert_eq!(unsaid(&graph, 20).len(), 0);
/// assert_eq!(unsaid(&graph, 19), graph.walk().into_iter().collect());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn unsaid(graph: &Graph, opset: i64) -> HashSet<NodeId> {
    let mut emitter = Emitter::new(graph, opset, false);
    let mut wordless = |id: &NodeId| {
        if !graph.node(*id).regions.is_empty() {
            return false;
        }
        emitter.open(false);
        let said = emitter.node(*id);
        emitter.close();
        said.is_err()
    };
    graph.walk().into_iter().filter(|id| wordless(id)).collect()
}

/// Writes a graph as an ONNX model. See the [module](self).
///
/// # Errors
///
/// There is no such opset; nodes can't be said in it; a value has a dtype that ONNX doesn't have.
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_onnx::{ExportOptions, export};
/// use glassbox_tensor::NoParams;
///
/// let graph = parse("graph \"g\" { input %x: f32[N] %y = relu(%x) output %y }", &ParseOptions::default())?;
/// let bytes = export(&graph, &ExportOptions::new(17))?.to_bytes(&NoParams)?;
/// let model = glassbox_onnx::parse(bytes.into(), None)?;
/// assert_eq!(model.graph.nodes[0].op, "Relu");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export(graph: &Graph, options: &ExportOptions) -> Result<Export, ExportError> {
    check_opset(options.opset)?;
    let mut emitter = Emitter::new(graph, options.opset, options.functions);
    let outputs = name_outputs(&mut emitter, options);
    let mut input = Vec::new();
    for id in graph.inputs() {
        let name = emitter.name(*id, "input");
        input.push(described(&name, &graph.value(*id).ty)?);
    }
    emitter.region(graph.body());
    let mut output = Vec::new();
    let mut given = HashSet::new();
    for (place, (id, name)) in graph.outputs().iter().zip(&outputs).enumerate() {
        let held = emitter.name(*id, "output");
        if held != *name {
            emitter.copy_as(&held, name);
        }
        given.insert(name.clone());
        let ty = &graph.value(*id).ty;
        let open = ty.as_tensor().is_some_and(|tensor| tensor.rank().is_none());
        let declared =
            options.declared.get(place).and_then(Option::as_ref).filter(|declared| open && ty.admits(declared));
        if open && declared.is_none() {
            emitter
                .note("the rank of an output isn't known, which readers take, but the checker of the standard doesn't");
        }
        output.push(described(name, declared.unwrap_or(ty))?);
    }
    states_out(&mut emitter, &mut input, &mut output)?;
    if !emitter.unsaid.is_empty() {
        return Err(ExportError::Unsaid { opset: options.opset, nodes: std::mem::take(&mut emitter.unsaid) });
    }
    let value_info = types_within(&emitter, &given)?;
    let (node, _) = emitter.close();
    // What older opsets have as attributes is no initializer any more.
    let used = read(&node);
    emitter.weights.retain(|weight| used.contains(&weight.name));
    let name = if graph.name.is_empty() { "graph".to_owned() } else { graph.name.clone() };
    let property =
        |(key, value): &(String, String)| StringStringEntryProto { key: Some(key.clone()), value: Some(value.clone()) };
    let mut opset_import = emitter.opset_imports();
    opset_import.extend(
        emitter
            .function_domains
            .iter()
            .map(|domain| OperatorSetIdProto { domain: Some(domain.clone()), version: Some(1) }),
    );
    let model = ModelProto {
        ir_version: Some(ir_version(options.opset, !emitter.made.is_empty())),
        producer_name: Some("glassbox".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(GraphProto { node, name: Some(name), input, output, value_info, ..GraphProto::default() }),
        opset_import,
        metadata_props: graph
            .metadata
            .iter()
            .filter(|(key, _)| !PRODUCER.contains(&key.as_str()))
            .map(property)
            .collect(),
        functions: emitter.made,
        ..ModelProto::default()
    };
    let notes = emitter.notes.iter().map(|(note, count)| match count {
        1 => (*note).to_owned(),
        count => format!("{note} ({count} times)"),
    });
    Ok(Export { model, weights: emitter.weights, notes: notes.collect() })
}

/// The names that nodes read, those in the bodies of nodes included.
fn read(nodes: &[NodeProto]) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut open: Vec<&NodeProto> = nodes.iter().collect();
    while let Some(node) = open.pop() {
        names.extend(node.input.iter().cloned());
        open.extend(node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()).flat_map(|graph| &graph.node));
    }
    names
}

/// What the outputs are called. A value that a node gives takes the name of the output that it is, so that no copy is
/// needed.
fn name_outputs(emitter: &mut Emitter, options: &ExportOptions) -> Vec<String> {
    let graph = emitter.graph;
    let wanted = |place: usize, id: ValueId| {
        let asked = options.outputs.as_ref().and_then(|names| names.get(place).cloned());
        asked.or_else(|| graph.value(id).name.as_deref().map(str::to_owned))
    };
    let own: HashSet<ValueId> = graph
        .region(graph.body())
        .nodes
        .iter()
        .map(|id| graph.node(*id))
        .filter(|node| !matches!(node.op.name, "constant" | "parameter"))
        .flat_map(|node| node.results.iter().copied())
        .collect();
    let mut seen = HashSet::new();
    let mut used = HashSet::new();
    let mut names = Vec::with_capacity(graph.outputs().len());
    for (place, id) in graph.outputs().iter().enumerate() {
        let first = seen.insert(*id) && own.contains(id);
        let name = match wanted(place, *id) {
            // Nothing else may be called so, neither another value nor another output.
            Some(name)
                if !used.contains(&name) && (graph.find_value(&name).is_none_or(|value| value == *id && first)) =>
            {
                name
            }
            Some(name) if first && !emitter.is_taken(&name) => name,
            Some(name) => emitter.fresh(&name),
            None => emitter.fresh(&format!("output_{place}")),
        };
        used.insert(name.clone());
        if first {
            emitter.reserve(*id, &name);
        }
        names.push(name);
    }
    names
}

/// A value with its type.
fn described(name: &str, ty: &Type) -> Result<ValueInfoProto, ExportError> {
    attributes::value_info(name, ty)
        .map_err(|_| ExportError::DType { name: name.to_owned(), dtype: ty.dtype().to_string() })
}

/// What the states hold goes in and out.
fn states_out(
    emitter: &mut Emitter,
    input: &mut Vec<ValueInfoProto>,
    output: &mut Vec<ValueInfoProto>,
) -> Result<(), ExportError> {
    let graph = emitter.graph;
    for (state, name) in emitter.past.clone() {
        if let Some(state) = graph.state(state) {
            input.push(described(&name, &state.ty.clone().into())?);
        }
    }
    for (state, held) in emitter.states.clone() {
        if emitter.past.iter().any(|(_, past)| *past == held) {
            continue;
        }
        let name = emitter.fresh(&format!("present.{state}"));
        emitter.copy_as(&held, &name);
        output.push(described(&name, &control::state_type(graph, state))?);
    }
    Ok(())
}

/// The types of the values between inputs and outputs that have a name in the graph.
fn types_within(emitter: &Emitter, outputs: &HashSet<String>) -> Result<Vec<ValueInfoProto>, ExportError> {
    let graph = emitter.graph;
    let results: HashSet<ValueId> =
        graph.region(graph.body()).nodes.iter().flat_map(|id| graph.node(*id).results.iter().copied()).collect();
    let shown = |(id, name): &(ValueId, &str)| {
        let ranked = graph.value(*id).ty.as_tensor().is_some_and(|tensor| tensor.rank().is_some());
        results.contains(id) && ranked && !outputs.contains(*name) && !emitter.is_weight(name)
    };
    emitter.named().filter(shown).map(|(id, name)| described(name, &graph.value(id).ty)).collect()
}
