//! Opening models by name.

use std::path::Path;

use anyhow::{Result, bail};
use glassbox_ir::Graph;
use glassbox_runtime::{LoadOptions, Model, ModelLoader, ModelPackage, load_model};

/// The models that come with Glassbox, by name.
const BUILT_IN: &[(&str, &[u8])] = &[
    ("shapes", include_bytes!("../../../models/shapes/shapes.onnx")),
    ("stories", include_bytes!("../../../models/stories-gpt2/model.oinf")),
    ("stories-rwkv7", include_bytes!("../../../models/stories-rwkv7/model.oinf")),
];

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

/// Whether a model of that name comes with Glassbox.
pub(crate) fn comes_along(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// Opens a package of weights: a file or folder, or one that comes with Glassbox, by its name.
pub(crate) fn open_package(name: &str) -> Result<ModelPackage> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, bytes)) if !Path::new(name).exists() => Ok(ModelLoader::from_bytes(name, bytes)?),
        _ => Ok(ModelLoader::open(name)?),
    }
}

/// The labels of the classes that a model tells apart, where it says them.
pub(crate) fn labels(graph: &Graph) -> Option<Vec<String>> {
    let labels = graph.metadata.iter().find(|(key, _)| key == "glassbox.labels")?;
    serde_json::from_str(&labels.1).ok()
}
