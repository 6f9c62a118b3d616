//! Writing a model as an ONNX model: what `convert` and `simplify` share.

use std::path::Path;

use anyhow::Result;
use glassbox_runtime::{Functions, Model, OnnxOptions};

use crate::args::OnnxArguments;
use crate::targets;

/// Writes the model to `target`, and says what was written and what of the model isn't in it.
pub(crate) fn write(
    model: &Model,
    source: &str,
    target: &Path,
    arguments: &OnnxArguments,
    simplify: bool,
    force: bool,
    quiet: bool,
) -> Result<()> {
    let mut options = OnnxOptions::default();
    options.opset = arguments.opset;
    options.functions = arguments.functions.map_or(Functions::default(), Into::into);
    options.simplify = simplify;
    let export = model.to_onnx(&options)?;
    let params = model.params();
    let weights = arguments.weights.unwrap_or_default();
    let sources = targets::sources(source, Some(model));
    let written = targets::write_export(&export, params.as_ref(), target, weights, &sources, force)?;
    if !quiet {
        model.notes().iter().chain(&export.notes).for_each(|note| note!("note: {note}"));
    }
    targets::tell(&written, quiet);
    Ok(())
}
