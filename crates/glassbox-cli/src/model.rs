//! Opening models by name.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use bytes::Bytes;
use glassbox_ir::Graph;
use glassbox_onnx::edit::Source;
use glassbox_runtime::{LoadOptions, Model, ModelLoader, ModelPackage, load_model};
use glassbox_weights::Package;

use crate::args::Given;

/// Bytes that begin where any number may be read in place.
#[repr(C, align(64))]
struct Aligned<Bytes: ?Sized>(Bytes);

static SHAPES: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/shapes/shapes.onnx"));
static STORIES: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/stories-gpt2/model.oinf"));
static STORIES_RWKV7: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../models/stories-rwkv7/model.oinf"));

/// The models that come with Glassbox, by name.
static BUILT_IN: &[(&str, &[u8])] =
    &[("shapes", &SHAPES.0), ("stories", &STORIES.0), ("stories-rwkv7", &STORIES_RWKV7.0)];

/// Opens a model: a file or folder, or one that comes with Glassbox, by its name.
pub(crate) fn open(name: &str, options: LoadOptions) -> Result<Model> {
    let path = Path::new(name);
    if path.exists() {
        return Ok(load_model(path, options)?);
    }
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, bytes)) => Ok(Model::from_bytes(name, bytes, options)?),
        None => {
            let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
            bail!("{name}: there is no such file, and no model of that name comes with Glassbox ({})", known.join(", "))
        }
    }
}

/// Opens a model whose inputs are given so: those of an ONNX model that have a default, and are given, are inputs of its
/// graph.
pub(crate) fn open_given(name: &str, given: &Given) -> Result<Model> {
    let model = open(name, LoadOptions::default())?;
    let mut overridden = BTreeSet::new();
    for default in model.defaults() {
        if crate::inputs::names(given, default)? {
            overridden.insert(default.to_owned());
        }
    }
    if overridden.is_empty() {
        return Ok(model);
    }
    open(name, LoadOptions { overridden, ..LoadOptions::default() })
}

/// Whether a model of that name comes with Glassbox.
pub(crate) fn comes_along(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// The ONNX file that a model is, to be cut or patched; none of a model of another kind.
pub(crate) fn onnx_source(name: &str) -> Result<Option<Source>> {
    let path = Path::new(name);
    if !path.exists() {
        return match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((name, bytes)) => match glassbox_weights::open_bytes(name, Arc::new(*bytes)) {
                Err(error) if error.is_unrecognized() => Ok(Some(Source::of_bytes(Bytes::from_static(bytes))?)),
                _ => Ok(None),
            },
            // The message is that of opening it.
            None => open(name, LoadOptions::default()).map(|_| None),
        };
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_onnx = match ending {
        "onnx" => path.is_file(),
        "gb" | "gbp" | "json" => false,
        _ => path.is_file() && glassbox_weights::open(path).is_err_and(|error| error.is_unrecognized()),
    };
    if is_onnx { Ok(Some(Source::open(path)?)) } else { Ok(None) }
}

/// Opens a package of weights: a file or folder, or one that comes with Glassbox, by its name.
pub(crate) fn open_package(name: &str) -> Result<ModelPackage> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, bytes)) if !Path::new(name).exists() => Ok(ModelLoader::from_bytes(name, bytes)?),
        _ => Ok(ModelLoader::open(name)?),
    }
}

/// Opens weights to be converted: a file or folder, or those of a model that comes with Glassbox.
pub(crate) fn weights(name: &str) -> Result<Package> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, bytes)) if !Path::new(name).exists() => Ok(glassbox_weights::open_bytes(name, Arc::new(*bytes))?),
        _ => Ok(glassbox_weights::open(Path::new(name))?),
    }
}

/// The labels of the classes that a model tells apart, where it says them.
pub(crate) fn labels(graph: &Graph) -> Option<Vec<String>> {
    let labels = graph.metadata.iter().find(|(key, _)| key == "glassbox.labels")?;
    serde_json::from_str(&labels.1).ok()
}
