//! Files that models are written to: what may be written where, and writing it.
//!
//! A file appears whole or not at all. Nothing is written over what a model is read from, nor, without `--force`, over any
//! file that is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use glassbox_ir::text::{PrintOptions, print};
use glassbox_ir::{Attr, Graph, json, ops};
use glassbox_onnx::edit::Edited;
use glassbox_onnx::{Export, Weights};
use glassbox_runtime::{Model, OnnxOptions, to_onnx};
use glassbox_tensor::ParamSource;
use glassbox_weights::oinf::{Contents, TensorSpec, Writer};

use crate::files;

/// What a path's ending asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `.onnx`
    Onnx,
    /// `.gb`
    Text,
    /// `.json`
    Json,
    /// `.oinf`
    Oinf,
    /// `.safetensors`
    Safetensors,
}

impl Kind {
    /// The kind of file that `path` is to be; one of `allowed`.
    pub(crate) fn of(path: &Path, allowed: &[Kind]) -> Result<Kind> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let all = [Kind::Onnx, Kind::Text, Kind::Json, Kind::Oinf, Kind::Safetensors];
        match all.into_iter().find(|kind| kind.ending() == ending && allowed.contains(kind)) {
            Some(kind) => Ok(kind),
            None => {
                let endings: Vec<String> = allowed.iter().map(|kind| format!(".{}", kind.ending())).collect();
                bail!(
                    "{}: what is written is said by its ending, which is one of {}",
                    path.display(),
                    endings.join(", ")
                )
            }
        }
    }

    /// The ending, without the dot.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Kind::Onnx => "onnx",
            Kind::Text => "gb",
            Kind::Json => "json",
            Kind::Oinf => "oinf",
            Kind::Safetensors => "safetensors",
        }
    }
}

/// The files that a model is read from.
pub(crate) fn sources(name: &str, model: Option<&Model>) -> Vec<PathBuf> {
    let mut sources = vec![PathBuf::from(name)];
    if let Some(package) = model.and_then(Model::weights) {
        sources.extend(package.files().map(Path::to_owned));
    }
    sources
}

/// Whether `target` may be written: it is none of the sources, and not there unless `force` is given.
pub(crate) fn check(target: &Path, sources: &[PathBuf], force: bool) -> Result<()> {
    if let Ok(there) = target.canonicalize()
        && sources.iter().any(|source| source.canonicalize().is_ok_and(|source| source == there))
    {
        bail!("{}: the model is read from it; name another file", target.display());
    }
    if target.exists() && !force {
        bail!("{}: it exists; --force replaces it", target.display());
    }
    Ok(())
}

/// Writes an ONNX model, with the data that it would lack there in a file beside it: the files that were written.
pub(crate) fn write_onnx(edited: &Edited, target: &Path, sources: &[PathBuf], force: bool) -> Result<Vec<PathBuf>> {
    check(target, sources, force)?;
    if let Some(data) = edited.data_path(target)? {
        check(&data, sources, force)?;
    }
    Ok(edited.write(target)?)
}

/// Writes a graph as an ONNX model: the files that were written.
pub(crate) fn write_export(
    export: &Export,
    params: &dyn ParamSource,
    target: &Path,
    weights: Weights,
    sources: &[PathBuf],
    force: bool,
) -> Result<Vec<PathBuf>> {
    for path in export.paths(target, params, weights)? {
        check(&path, sources, force)?;
    }
    Ok(export.write(target, params, weights)?)
}

/// Writes a graph, with the parameters that it names in a file beside it: the files that were written.
pub(crate) fn write_graph(
    graph: &Graph,
    params: &dyn ParamSource,
    target: &Path,
    sources: &[PathBuf],
    force: bool,
) -> Result<Vec<PathBuf>> {
    let kind = Kind::of(target, &[Kind::Text, Kind::Json, Kind::Onnx])?;
    if kind == Kind::Onnx {
        let export = to_onnx(&Arc::new(graph.clone()), &OnnxOptions::default())?;
        return write_export(&export, params, target, Weights::default(), sources, force);
    }
    check(target, sources, force)?;
    let mut written = Vec::new();
    let names = parameters(graph);
    if !names.is_empty() {
        let weights = target.with_extension(Kind::Oinf.ending());
        check(&weights, sources, force)?;
        write_parameters(&names, params, &weights)?;
        written.push(weights);
    }
    let text = match kind {
        Kind::Json => json::to_string(graph)?,
        _ => print(graph, &PrintOptions::with_data()),
    };
    files::write(target, text)?;
    written.push(target.to_owned());
    Ok(written)
}

/// The parameters that a graph names, each once.
pub(crate) fn parameters(graph: &Graph) -> Vec<String> {
    let mut names = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for id in graph.walk() {
        let node = graph.node(id);
        if let (true, Some(Attr::Str(name))) = (*node.op == ops::parameter::OP, node.attrs.get("name"))
            && seen.insert(name.clone())
        {
            names.push(name.clone());
        }
    }
    names
}

/// Writes parameters as they are; one is in memory at a time.
fn write_parameters(names: &[String], params: &dyn ParamSource, target: &Path) -> Result<()> {
    let spec = |name: &String| {
        let info =
            params.find(name).with_context(|| format!("the model has no parameter `{name}`, which its graph names"))?;
        Ok(TensorSpec { name: name.clone(), dtype: info.dtype, shape: info.shape.clone(), quantisation: None })
    };
    let tensors = names.iter().map(spec).collect::<Result<Vec<_>>>()?;
    let mut writer = Writer::create(target, Contents { tensors, ..Contents::default() })?;
    for name in names {
        writer.tensor(&params.load(name)?)?;
    }
    Ok(writer.finish()?)
}

/// Says which files were written.
pub(crate) fn tell(written: &[PathBuf], quiet: bool) {
    if !quiet {
        written.iter().for_each(|file| note!("wrote {}", file.display()));
    }
}
