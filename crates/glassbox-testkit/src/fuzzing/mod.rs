//! What the fuzz targets do with their bytes.
//!
//! Each target is a function from bytes to nothing: whatever the bytes are, it returns, and soon. An
//! error is a fine answer; a panic, a hang, an allocation out of proportion, a graph that the verifier
//! refuses, or one that isn't the same after a round trip is a finding. The fuzzer (`fuzz/`) calls these
//! functions with bytes that it makes up, and a test replays every file of `fuzz/regressions/TARGET`
//! through them.

mod models;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use glassbox_compiler::{Parts, take_apart};
use glassbox_exec::{KernelError, Limits, Options, RunContext, RunError, Value};
use glassbox_ir::text::{self, Example};
use glassbox_ir::{Graph, Type};
use glassbox_onnx::ImportOptions;
use glassbox_tensor::{NoParams, Tensor};

use crate::conformance::round_trip;

/// One fuzz target.
pub struct Target {
    /// The name: that of the binary and of the folders of its seeds and regressions.
    pub name: &'static str,
    /// What it does with bytes. Panics where it finds something.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "onnx_load", run: onnx_load },
    Target { name: "onnx_graph", run: onnx_graph },
    Target { name: "onnx_data", run: onnx_data },
    Target { name: "text_parse", run: text_parse },
    Target { name: "text_example", run: text_example },
    Target { name: "json_parse", run: json_parse },
];

/// A graph of more nodes is not run: it would only be slow.
const MAX_NODES: usize = 60;
/// A graph of more nodes is not exported.
const MAX_EXPORTED: usize = 500;
/// Nor is one whose inputs have more elements.
const MAX_INPUT_ELEMENTS: usize = 1 << 16;
/// Longer bytes are refused: what they find, shorter ones find faster.
const MAX_BYTES: usize = 1 << 16;

/// The bytes of a model file: read, imported, verified and run.
pub fn onnx_load(bytes: &[u8]) {
    let _ = load_and_run(bytes);
}

/// A sound model that the bytes describe, with some of its parts wrong: as [`onnx_load`], but deeper.
pub fn onnx_graph(bytes: &[u8]) {
    let _ = load_and_run(&models::encode(bytes));
}

/// The bytes of a data file: a tensor, sequence or optional.
pub fn onnx_data(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    for parse in [glassbox_onnx::parse_tensor, glassbox_onnx::parse_sequence, glassbox_onnx::parse_optional] {
        if let Err(error) = parse(bytes.clone()) {
            let _ = error.to_string();
        }
    }
}

/// A text that may be a graph: what parses verifies, and prints to what parses to the same graph.
pub fn text_parse(bytes: &[u8]) {
    let Some(text) = text_of(bytes) else { return };
    if let Ok(dim) = text::parse_dim(text) {
        let printed = dim.to_string();
        let again = text::parse_dim(&printed).unwrap_or_else(|error| panic!("the dim {printed}: {error}"));
        assert!(again.to_string() == printed, "the dim {printed} is {again} at the second reading");
    }
    if let Ok(ty) = text::parse_type(text) {
        let printed = ty.to_string();
        let again = text::parse_type(&printed).unwrap_or_else(|error| panic!("the type {printed}: {error}"));
        assert!(again == ty, "the type {printed} is {again} at the second reading");
    }
    match text::parse(text, &text::ParseOptions::default()) {
        Ok(graph) => check(&graph),
        Err(error) => drop(error.to_string()),
    }
}

/// A text that may be an example of an op: what parses verifies and runs.
pub fn text_example(bytes: &[u8]) {
    let Some(text) = text_of(bytes) else { return };
    match text::parse_example(text) {
        Ok(Example { graph, inputs, .. }) => {
            check(&graph);
            let _ = run(graph, &inputs.iter().map(Value::from).collect::<Vec<_>>());
        }
        Err(error) => drop(error.to_string()),
    }
}

/// A text that may be a graph in JSON: what is read verifies, and is written to what reads as the same.
pub fn json_parse(bytes: &[u8]) {
    let Some(text) = text_of(bytes) else { return };
    match glassbox_ir::json::from_str(text) {
        Ok(graph) => check(&graph),
        Err(error) => drop(error.to_string()),
    }
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_BYTES)
}

/// The graph verifies and is the same after both round trips; the model that it is exported to, where it can be, is read.
fn check(graph: &Graph) {
    round_trip(graph).unwrap_or_else(|error| panic!("{error}\n{graph:?}"));
    if graph.node_count() > MAX_EXPORTED {
        return;
    }
    // One opset of all, so that a case is quick: any, but the same each time.
    let opsets = glassbox_onnx::export::NEWEST_OPSET - glassbox_onnx::export::OLDEST_OPSET + 1;
    let opset = glassbox_onnx::export::OLDEST_OPSET + (graph.value_count() as i64) % opsets;
    let parts = if graph.node_count().is_multiple_of(2) { Parts::Inline } else { Parts::Calls };
    let Ok(apart) = take_apart(graph, parts, &|graph| glassbox_onnx::unsaid(graph, opset)) else { return };
    let Ok(export) = glassbox_onnx::export(&apart, &glassbox_onnx::ExportOptions::new(opset)) else { return };
    let Ok(bytes) = export.to_bytes(&NoParams) else { return };
    let found = |error: &dyn std::fmt::Display| -> ! { panic!("exported to opset {opset}: {error}\n{graph:?}") };
    let model = glassbox_onnx::parse(bytes.into(), None).unwrap_or_else(|error| found(&error));
    if let Err(error) = glassbox_onnx::import(&model, &ImportOptions::default()) {
        found(&error);
    }
}

/// Reads, imports and, where all dims of the inputs are known, runs a model: the first error.
///
/// # Errors
///
/// That error.
pub fn load_and_run(bytes: &[u8]) -> Result<(), String> {
    let model = glassbox_onnx::parse(Bytes::copy_from_slice(bytes), None).map_err(|error| error.to_string())?;
    let mut options = ImportOptions::default();
    options.most_nodes = 2000;
    let import = glassbox_onnx::import(&model, &options).map_err(|error| error.to_string())?;
    check(&import.graph);
    let inputs = import.graph.inputs().iter().map(|input| zeros(&import.graph.value(*input).ty));
    match inputs.collect::<Option<Vec<_>>>() {
        Some(inputs) => run(import.graph, &inputs),
        None => Ok(()),
    }
}

/// A value of zeros; `None` where a dim isn't known, or the value would be large.
fn zeros(ty: &Type) -> Option<Value> {
    match ty {
        Type::Tensor(tensor) => {
            let sizes = tensor.shape.sizes()?;
            let elements = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
            (elements <= MAX_INPUT_ELEMENTS).then_some(())?;
            Some(Tensor::zeros(tensor.dtype, &sizes).ok()?.into())
        }
        Type::Sequence(element) => {
            Some(Value::Sequence { element: element.as_ref().clone(), items: vec![zeros(element)?] })
        }
        Type::Optional(element) => {
            Some(Value::Optional { element: element.as_ref().clone(), item: zeros(element).map(Box::new) })
        }
    }
}

/// One run of a small graph. It may fail, but not by a mistake of ours.
///
/// Only what kernels do in parallel is given up at the deadline, so the sizes of results are kept small as well.
fn run(graph: Graph, inputs: &[Value]) -> Result<(), String> {
    if graph.walk().len() > MAX_NODES {
        return Ok(());
    }
    let options = Options { limits: Limits { bytes: 1 << 20, turns: 20 }, ..Options::default() };
    let run = || {
        let executable = glassbox_backends::reference().prepare(Arc::new(graph), Arc::new(NoParams), &options)?;
        executable.session()?.run(inputs, RunContext::new().before(Instant::now() + PATIENCE))
    };
    run().map(drop).map_err(|error| match error {
        RunError::Node { op, node, onnx, error } => {
            RunError::Node { op, node, onnx, error: Box::new(internal(*error)) }.to_string()
        }
        other => other.to_string(),
    })
}

/// The error, where it isn't one that says that Glassbox is wrong.
fn internal(error: KernelError) -> KernelError {
    assert!(!matches!(error, KernelError::Internal(_)), "{error}");
    error
}

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(2);
