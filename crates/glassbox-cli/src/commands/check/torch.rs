//! A checkpoint held against torch: what each module gives, as the layer of the same path.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use glassbox_check::skeleton::Skeleton;
use glassbox_check::{Model, Other};

use super::{python, stored};
use crate::args::Check;

/// Has transformers run the checkpoint.
pub(super) fn open(arguments: &Check, loaded: &glassbox_runtime::Model, ours: &Model) -> Result<Other> {
    let name = &arguments.model.model;
    let Some(package) = loaded.package() else {
        bail!(
            "--against torch: {name} is no checkpoint, which is what transformers can open; an ONNX file is held against onnxruntime"
        )
    };
    let path = Path::new(name);
    if !path.exists() {
        bail!(
            "--against torch: {name} comes along with the program, and transformers can't open it ({})",
            package.format()
        );
    }
    let taken = python::torch(arguments, path, &ours.graph, &ours.inputs)?;
    let entries = stored::folder(&taken.folder())?;
    let entries = stored::keeping(entries, taken);
    let named = entries.into_iter().filter_map(|mut entry| {
        entry.name = value_of(&ours.skeleton, &entry.name)?;
        // A module that is called again gives what the layer gives in the first call.
        entry.turns.iter().all(|turn| *turn == 0).then_some(())?;
        entry.turns.clear();
        Some(entry)
    });
    Ok(stored::side("torch", named.collect(), None::<Arc<Skeleton>>, true))
}

/// The value of ours that a module gives: the last that a node of its layer computes.
fn value_of(ours: &Skeleton, module: &str) -> Option<String> {
    let named = ours.outputs.iter().find(|(name, _)| name == module).map(|(_, value)| *value);
    let inside = |layer: &str| {
        let path = layer.replace('/', ".");
        path == module || path.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
    };
    let last =
        || ours.nodes.iter().rev().find(|node| inside(&node.layer)).and_then(|node| node.results.last().copied());
    let value = named.or_else(last)?;
    Some(ours.values[value].name.clone())
}
