//! `glassbox simplify`: an ONNX model that computes the same with fewer nodes.

use anyhow::Result;
use glassbox_runtime::LoadOptions;

use crate::args::Simplify;
use crate::model;
use crate::targets::Kind;

use super::export;

/// Simplifies, and says how many nodes are left.
pub(crate) fn main(arguments: &Simplify, quiet: bool) -> Result<bool> {
    Kind::of(&arguments.target, &[Kind::Onnx])?;
    let model = model::open(&arguments.source, LoadOptions::default())?;
    export::write(&model, &arguments.source, &arguments.target, &arguments.onnx, true, arguments.force, quiet)?;
    let count = |model: &glassbox_runtime::Model| Ok::<_, anyhow::Error>(model.graph()?.node_count());
    let target = arguments.target.to_string_lossy();
    let after = model::open(&target, LoadOptions::default())?;
    say!("{} nodes of {} are left", count(&after)?, count(&model)?)?;
    Ok(true)
}
