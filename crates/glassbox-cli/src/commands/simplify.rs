//! `glassbox simplify`: an ONNX model that computes the same with fewer nodes.

use anyhow::Result;
use glassbox_ir::Graph;
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
    let target = arguments.target.to_string_lossy();
    let after = model::open(&target, LoadOptions::default())?;
    say!("{} nodes are left of {}", count(after.graph()?), count(model.graph()?))?;
    Ok(true)
}

/// How many nodes compute something.
fn count(graph: &Graph) -> usize {
    let stands = |id: &glassbox_ir::NodeId| matches!(graph.node(*id).op.name, "constant" | "parameter");
    graph.walk().iter().filter(|id| !stands(id)).count()
}
