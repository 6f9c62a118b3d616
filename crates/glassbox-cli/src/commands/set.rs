//! `glassbox set`: a model with attributes or ops of nodes changed.

use anyhow::{Result, bail};
use glassbox_ir::Graph;
use glassbox_ir::edit::{Change, set};
use glassbox_onnx::edit::Source;
use glassbox_runtime::LoadOptions;

use crate::args::Set;
use crate::model;
use crate::targets::{self, Kind};

/// Makes the changes and writes the model.
pub(crate) fn main(arguments: &Set, quiet: bool) -> Result<bool> {
    let kind = Kind::of(&arguments.output, &[Kind::Onnx, Kind::Text, Kind::Json])?;
    if kind == Kind::Onnx
        && let Some(source) = model::onnx_source(&arguments.model)?
    {
        return onnx(arguments, &source, quiet);
    }
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let graph = model.graph()?;
    let changed = set(graph, &changes(arguments, &|name| is_node(graph, name))?)?;
    let sources = targets::sources(&arguments.model, Some(&model));
    let written =
        targets::write_graph(&changed, model.params().as_ref(), &arguments.output, &sources, arguments.force)?;
    targets::tell(&written, quiet);
    Ok(true)
}

/// Patches an ONNX file.
fn onnx(arguments: &Set, source: &Source, quiet: bool) -> Result<bool> {
    let sources = targets::sources(&arguments.model, None);
    targets::check(&arguments.output, &sources, arguments.force)?;
    let changes = changes(arguments, &|name| source.has_node(name))?;
    let edited = source.set(&changes, !arguments.force)?;
    let written = targets::write_onnx(&edited, &arguments.output, &sources, arguments.force)?;
    targets::tell(&written, quiet);
    Ok(true)
}

fn changes(arguments: &Set, is_node: &dyn Fn(&str) -> bool) -> Result<Vec<Change>> {
    let one = |text: &String| match Change::parse(text, is_node) {
        Some(change) => Ok(change),
        None => bail!("{text}: a change is NODE.ATTRIBUTE=VALUE, as in softmax_3.axis=1"),
    };
    arguments.changes.iter().map(one).collect()
}

/// Whether a node is named so, or gives a value of the name.
fn is_node(graph: &Graph, name: &str) -> bool {
    graph.find_value(name).is_some() || graph.walk().into_iter().any(|id| graph.node_label(id) == name)
}
