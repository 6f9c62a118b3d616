//! Any graph as an ONNX model.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, Parts, RewriteError, Rewriting, compile, rewrite, rules, take_apart};
use glassbox_ir::Graph;
use glassbox_onnx::export::{NEWEST_OPSET, OLDEST_OPSET};
use glassbox_onnx::{Export, ExportError, ExportOptions, Model as OnnxModel, export, unsaid};

use crate::error::RuntimeError;
use crate::model::Model;

/// The opset that graphs are written in if nobody asks for another: the newest that onnxruntime had published support for
/// when this was written. A graph with ops that are newer is written in the first that has them.
pub const USUAL_OPSET: i64 = 26;

/// How a graph is written as an ONNX model.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OnnxOptions {
    /// The opset. Without it that of the ONNX model that the graph comes from, else [`USUAL_OPSET`]; or a newer one where the
    /// graph needs it, as one with ops of another domain may.
    pub opset: Option<i64>,
    /// Whether the compiler's rewrites, which keep every result to the bit, are done first.
    pub simplify: bool,
    /// What becomes a function of the model.
    pub functions: Functions,
}

/// What becomes a function of an ONNX model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Functions {
    /// Calls that have a name: what was a function before.
    #[default]
    Named,
    /// These, and the composites that the opset doesn't have: each is a function with the nodes that it stands for.
    Composites,
    /// Nothing: all bodies stand where they are called.
    None,
}

/// A graph as an ONNX model. Composites that the opset doesn't have are taken apart.
///
/// # Errors
///
/// There is no such opset, or it has no words for nodes of the graph, which are all named.
///
/// ```
/// use std::sync::Arc;
///
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_runtime::{OnnxOptions, to_onnx};
/// use glassbox_tensor::NoParams;
///
/// let graph = parse("graph \"g\" { input %x: f32[2, 3] %y = gelu(%x) output %y }", &ParseOptions::default())?;
/// let mut options = OnnxOptions::default();
/// options.opset = Some(13);
/// // Version 13 has no Gelu: it is written as the formula that it stands for.
/// assert!(!to_onnx(&Arc::new(graph), &options)?.to_bytes(&NoParams)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_onnx(graph: &Arc<Graph>, options: &OnnxOptions) -> Result<Export, RuntimeError> {
    exported(graph, None, options)
}

fn exported(graph: &Arc<Graph>, model: Option<&OnnxModel>, options: &OnnxOptions) -> Result<Export, RuntimeError> {
    let graph = match options.simplify {
        true => compile(graph, &CompileOptions::default())
            .map_err(|error| RuntimeError::Internal(error.to_string()))?
            .graph()
            .clone(),
        false => graph.clone(),
    };
    let (first, last) = match (options.opset, model) {
        (Some(opset), _) => (opset, opset),
        (None, Some(model)) => (own_opset(model), NEWEST_OPSET),
        (None, None) => (USUAL_OPSET, NEWEST_OPSET),
    };
    let mut error = None;
    for opset in first..=last.max(first) {
        match written(&graph, model, opset, options) {
            Err(RuntimeError::Export(unsaid @ ExportError::Unsaid { .. })) => {
                error.get_or_insert(unsaid);
            }
            done => return done,
        }
    }
    Err(error.map_or_else(|| RuntimeError::Internal("there is no opset".to_owned()), RuntimeError::Export))
}

/// The opset of a model, or the nearest that is written.
fn own_opset(model: &OnnxModel) -> i64 {
    model.opsets.get("").map_or(USUAL_OPSET, |opset| (*opset).clamp(OLDEST_OPSET, NEWEST_OPSET))
}

fn written(
    graph: &Graph,
    model: Option<&OnnxModel>,
    opset: i64,
    options: &OnnxOptions,
) -> Result<Export, RuntimeError> {
    let parts = if options.functions == Functions::Composites { Parts::Calls } else { Parts::Inline };
    let apart = take_apart(graph, parts, &|graph| unsaid(graph, opset));
    let wrong = |error: RewriteError| RuntimeError::Internal(error.to_string());
    let mut how = model.map_or_else(|| ExportOptions::new(opset), |model| ExportOptions::of(model, opset));
    how.functions = options.functions != Functions::None;
    let apart = apart.map_err(wrong)?;
    match export(&apart, &how) {
        // What is computed from constants needs no words.
        Err(ExportError::Unsaid { .. }) => {
            let folding = Rewriting { rules: rules::FOLD, share: false, expand: None, into_calls: false };
            Ok(export(&rewrite(&apart, &folding).map_err(wrong)?.graph, &how)?)
        }
        done => Ok(done?),
    }
}

impl Model {
    /// The model as an ONNX model, with the names that it has for its outputs.
    ///
    /// # Errors
    ///
    /// Those of [`to_onnx`], and its graph can't be built.
    pub fn to_onnx(&self, options: &OnnxOptions) -> Result<Export, RuntimeError> {
        exported(self.graph()?, self.onnx(), options)
    }
}
