//! The official ONNX backend tests, as `scripts/setup.py` writes them to the cache.
//!
//! A case passes when the model imports, runs on the backend, and every output equals the expected
//! one under [`compare`](glassbox_exec::compare()) with the tolerance that the case declares. On the way each
//! graph is verified, printed and parsed back, written as JSON and read back, and rewritten by the compiler, which
//! must give the same to the bit; a difference is a failure of the case.

mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glassbox_compiler::{Parts, take_apart};
use glassbox_exec::{RunContext, RunError, Runtime, Tolerance, Value, compare};
use glassbox_ir::{Graph, text};
use glassbox_onnx::{ExportError, ExportOptions, ImportOptions, OnnxError};
use glassbox_tensor::{DType, NoParams, parallel_map};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::rewriting::rewritten;
use values::{expected, inputs};

/// One official case: a model with inputs and expected outputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where its files are.
    pub folder: PathBuf,
    /// What `case.json` says.
    pub about: About,
}

/// What `case.json` says of a case.
#[derive(Clone, Debug, Deserialize)]
pub struct About {
    /// The name.
    pub name: String,
    /// `node`, `simple`, `pytorch-converted`, `pytorch-operator` or `light`.
    pub kind: String,
    /// The relative tolerance.
    pub rtol: f64,
    /// The absolute tolerance.
    pub atol: f64,
    /// How many sets of inputs and outputs there are.
    pub data_sets: usize,
    /// The names of the inputs that are fed.
    pub inputs: Vec<String>,
    /// The names of the outputs.
    pub outputs: Vec<String>,
    /// Of which kind each of them is.
    pub types: Kinds,
}

/// The kinds of the values of a case: `tensor`, `sequence`, `optional`, `map`, `none`.
#[derive(Clone, Debug, Deserialize)]
pub struct Kinds {
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// How a case went.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The name of the case.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The ONNX ops in its graph, each once, in order.
    pub ops: Vec<String>,
    /// Why it didn't pass; `None` if it did.
    pub failure: Option<Failure>,
    /// What differs by more than the case declares, where the case passes by the official runner's tolerance for bf16.
    pub beyond_declared: Option<String>,
    /// How long it took.
    #[serde(skip)]
    pub time: Duration,
}

/// Why a case didn't pass.
#[derive(Clone, Debug, Serialize, Error)]
#[serde(tag = "stage", content = "reason", rename_all = "snake_case")]
pub enum Failure {
    /// An op, version or dtype that isn't there yet.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The model couldn't be read or imported.
    #[error("import: {0}")]
    Import(String),
    /// The graph isn't the same after printing and parsing, or after JSON.
    #[error("round trip: {0}")]
    RoundTrip(String),
    /// The graph as the compiler rewrites it isn't sound, or gives another result.
    #[error("rewriting: {0}")]
    Rewriting(String),
    /// The backend gave an error.
    #[error("run: {0}")]
    Run(String),
    /// An output isn't what was expected.
    #[error("value: {0}")]
    Value(String),
    /// The graph can't be written as an ONNX model of the opset, which has no words for a node.
    #[error("{0}")]
    Unsaid(String),
    /// The model that the graph was written as is wrong.
    #[error("export: {0}")]
    Export(String),
    /// Something panicked: a bug.
    #[error("panic: {0}")]
    Panic(String),
}

/// Why the suite can't be found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The cases aren't there.
    #[error("no official cases in {folder}: run `python3 scripts/setup.py` to make them")]
    Missing {
        /// Where they should be.
        folder: PathBuf,
    },
    /// A file of the suite can't be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Every official case below `folder`, sorted by kind and name.
///
/// # Errors
///
/// Where the folder or a case in it can't be read.
pub fn cases(folder: &Path) -> Result<Vec<Case>, SuiteError> {
    let mut cases = Vec::new();
    for kind in subfolders(folder).map_err(|_| SuiteError::Missing { folder: folder.to_owned() })? {
        let unreadable = |reason: String, file: &Path| SuiteError::Unreadable { file: file.to_owned(), reason };
        for folder in subfolders(&kind).map_err(|error| unreadable(error.to_string(), &kind))? {
            let file = folder.join("case.json");
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(error.to_string(), &file))?;
            let about = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string(), &file))?;
            cases.push(Case { folder, about });
        }
    }
    if cases.is_empty() {
        return Err(SuiteError::Missing { folder: folder.to_owned() });
    }
    cases.sort_by(|a, b| (&a.about.kind, &a.about.name).cmp(&(&b.about.kind, &b.about.name)));
    Ok(cases)
}

fn subfolders(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// Which graph of a case runs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Form {
    /// The imported one, and it as the compiler leaves it.
    #[default]
    Imported,
    /// The one that is imported from the model that the imported one is exported to.
    Exported(Exported),
}

/// How the models of cases are exported.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The opset.
    pub opset: i64,
    /// Whether the compiler's rewrites are done first.
    pub simplified: bool,
    /// What composites become that the opset doesn't have.
    pub parts: Parts,
    /// The folder that the models are written to, as `KIND.NAME.onnx`.
    pub folder: Option<PathBuf>,
}

/// Runs cases on a backend, several at once. `progress` is told how many are done.
pub fn run(cases: &[Case], backend: &dyn Runtime, form: &Form, progress: &(dyn Fn(usize) + Sync)) -> Vec<Outcome> {
    let done = AtomicUsize::new(0);
    let one = |case: &Case| {
        let outcome = run_case(case, backend, form);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        outcome
    };
    parallel_map(cases.len(), |index| one(&cases[index]))
}

/// Runs one case.
pub fn run_case(case: &Case, backend: &dyn Runtime, form: &Form) -> Outcome {
    let started = Instant::now();
    let mut ops = Vec::new();
    let mut beyond = None;
    let result = catch_unwind(AssertUnwindSafe(|| try_case(case, backend, form, &mut ops, &mut beyond)));
    let failure = result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Failure::Panic(text.unwrap_or("no message").to_owned()))
    });
    Outcome {
        name: case.about.name.clone(),
        kind: case.about.kind.clone(),
        ops,
        failure: failure.err(),
        beyond_declared: beyond,
        time: started.elapsed(),
    }
}

fn try_case(
    case: &Case,
    backend: &dyn Runtime,
    form: &Form,
    ops: &mut Vec<String>,
    beyond: &mut Option<String>,
) -> Result<(), Failure> {
    // Without the file, which is another on every machine.
    let import = |error: OnnxError| match innermost(&error) {
        unsupported @ (OnnxError::Unsupported(_)
        | OnnxError::UnsupportedUse { .. }
        | OnnxError::UnsupportedTensor { .. }) => Failure::Unsupported(unsupported.to_string()),
        invalid => Failure::Import(invalid.to_string()),
    };
    let model = glassbox_onnx::load(&case.folder.join("model.onnx")).map_err(import)?;
    for node in &model.graph.nodes {
        let op = if node.domain.is_empty() { node.op.clone() } else { format!("{}.{}", node.domain, node.op) };
        if !ops.contains(&op) {
            ops.push(op);
        }
    }
    let graph = Arc::new(glassbox_onnx::import(&model, &ImportOptions::default()).map_err(import)?.graph);
    if let Form::Exported(exported) = form {
        return try_exported(case, backend, &model, &graph, exported, beyond);
    }
    round_trip(&graph).map_err(Failure::RoundTrip)?;
    let failed = |error: RunError| Failure::Run(error.to_string());
    let options = glassbox_backends::options();
    let executable = backend.prepare(graph.clone(), Arc::new(NoParams), &options).map_err(failed)?;
    let rewritten = rewritten(&graph).map_err(Failure::Rewriting)?;
    let rewritten = backend.prepare(rewritten, Arc::new(NoParams), &options).map_err(failed)?;
    for set in 0..case.about.data_sets {
        let folder = case.folder.join(format!("data_set_{set}"));
        let inputs = inputs(case, &folder, &graph)?;
        let mut session = executable.session().map_err(failed)?;
        let outputs = session.run(&inputs, RunContext::new()).map_err(failed)?;
        check_outputs(case, &folder, &graph, &outputs, beyond)?;
        let mut session = rewritten.session().map_err(failed)?;
        let again = session.run(&inputs, RunContext::new()).map_err(failed)?;
        if outputs.len() != again.len() || outputs.iter().zip(&again).any(|(a, b)| !a.bit_eq(b)) {
            return Err(Failure::Rewriting("the rewritten graph gives other bits".to_owned()));
        }
    }
    Ok(())
}

/// The case as a model of ours, which has to be the same function.
fn try_exported(
    case: &Case,
    backend: &dyn Runtime,
    model: &glassbox_onnx::Model,
    graph: &Arc<Graph>,
    exported: &Exported,
    beyond: &mut Option<String>,
) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Export(error.to_string());
    let opset = exported.opset;
    let graph = if exported.simplified { rewritten(graph).map_err(Failure::Rewriting)? } else { graph.clone() };
    let apart = take_apart(&graph, exported.parts, &|graph| glassbox_onnx::unsaid(graph, opset))
        .map_err(|error| wrong(&error))?;
    let written = glassbox_onnx::export(&apart, &ExportOptions::of(model, opset)).map_err(|error| match error {
        ExportError::Unsaid { .. } => Failure::Unsaid(error.to_string()),
        error => wrong(&error),
    })?;
    let bytes = written.to_bytes(&NoParams).map_err(|error| wrong(&error))?;
    if let Some(folder) = &exported.folder {
        let file = folder.join(format!("{}.{}.onnx", case.about.kind, case.about.name));
        std::fs::write(file, &bytes).map_err(|error| wrong(&error))?;
    }
    let model = glassbox_onnx::parse(bytes.into(), None).map_err(|error| wrong(&error))?;
    let again = glassbox_onnx::import(&model, &ImportOptions::default()).map_err(|error| wrong(&error))?.graph;
    let again = Arc::new(again);
    let failed = |error: RunError| Failure::Run(error.to_string());
    let options = glassbox_backends::options();
    let executable = backend.prepare(again.clone(), Arc::new(NoParams), &options).map_err(failed)?;
    for set in 0..case.about.data_sets {
        let folder = case.folder.join(format!("data_set_{set}"));
        let inputs = inputs(case, &folder, &again)?;
        let mut session = executable.session().map_err(failed)?;
        let outputs = session.run(&inputs, RunContext::new()).map_err(failed)?;
        check_outputs(case, &folder, &again, &outputs, beyond)?;
    }
    Ok(())
}

/// The error below the name of the file.
fn innermost(error: &OnnxError) -> &OnnxError {
    match error {
        OnnxError::File { error, .. } => innermost(error),
        other => other,
    }
}

/// The graph verifies, and is the same after printing and parsing and after JSON, which is the same
/// to the byte at the second writing.
///
/// # Errors
///
/// What went wrong, or in what the graphs differ.
pub fn round_trip(graph: &Graph) -> Result<(), String> {
    glassbox_ir::verify(graph)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let printed = text::print(graph, &text::PrintOptions::with_data());
    let parsed = text::parse(&printed, &text::ParseOptions::default()).map_err(|error| format!("text: {error}"))?;
    graph.same_as(&parsed).map_err(|difference| format!("text: {difference}"))?;
    let json = |graph: &Graph| glassbox_ir::json::to_string(graph).map_err(|error| format!("JSON: {error}"));
    let written = json(graph)?;
    let read = glassbox_ir::json::from_str(&written).map_err(|error| format!("JSON: {error}"))?;
    graph.same_as(&read).map_err(|difference| format!("JSON: {difference}"))?;
    if json(&read)? != written {
        return Err("JSON: the second writing differs from the first".to_owned());
    }
    Ok(())
}

/// The relative tolerance that the official runner has for outputs of bf16, if the case declares less: two units in the
/// last place (`output_rtol` in `onnx/backend/test/runner`).
const BF16_TOLERANCE: f64 = 0.015625;

/// Compares outputs with what is expected. What only the runner's tolerance for bf16 lets pass is told in `beyond`.
fn check_outputs(
    case: &Case,
    folder: &Path,
    graph: &Graph,
    outputs: &[Value],
    beyond: &mut Option<String>,
) -> Result<(), Failure> {
    if outputs.len() != case.about.outputs.len() {
        let message = format!("{} outputs, expected are {}", outputs.len(), case.about.outputs.len());
        return Err(Failure::Value(message));
    }
    let tolerance = Tolerance { rtol: case.about.rtol, atol: case.about.atol };
    for (index, (got, id)) in outputs.iter().zip(graph.outputs()).enumerate() {
        let want = expected(case, folder, index, graph, got)?;
        let Err(difference) = compare(got, &want, tolerance) else { continue };
        let text = format!("output `{}` {difference}", graph.value_label(*id));
        let runners = Tolerance { rtol: tolerance.rtol.max(BF16_TOLERANCE), ..tolerance };
        if got.ty().dtype() != DType::BF16 || compare(got, &want, runners).is_err() {
            return Err(Failure::Value(text));
        }
        beyond.get_or_insert(text);
    }
    Ok(())
}
