//! A checkpoint held against torch.
//!
//! Modules and our layers aren't cut at the same places: an activation, a residual sum or a change of layout belongs to the
//! one or the other. So what a module gives is paired with our value that holds the same, and the logits by their name: what
//! is computed otherwise has no partner, and stands between the last value that has one and the next.

use std::path::Path;

use anyhow::{Result, bail};
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
    let taken = python::torch(arguments, path, ours)?;
    let entries = stored::folder(&taken.folder())?;
    let entries = stored::keeping(entries, taken);
    // What a module gives when it is called again isn't told from what its layer gives once.
    let once = entries.into_iter().filter_map(|mut entry| {
        entry.turns.iter().all(|turn| *turn == 0).then_some(())?;
        entry.turns.clear();
        Some(entry)
    });
    Ok(stored::side("torch", once.collect(), None))
}
