//! `glassbox extract`: the piece of a model between some of its values, as a model of its own.

use anyhow::Result;
use glassbox_ir::edit::{body_value, extract, name_all};
use glassbox_onnx::edit::{Cut, Source};
use glassbox_runtime::LoadOptions;

use crate::args::Extract;
use crate::model;
use crate::targets::{self, Kind};

/// Cuts the piece and writes it.
pub(crate) fn main(arguments: &Extract, quiet: bool) -> Result<bool> {
    let kind = Kind::of(&arguments.output, &[Kind::Onnx, Kind::Text, Kind::Json])?;
    if kind == Kind::Onnx
        && let Some(source) = model::onnx_source(&arguments.model)?
    {
        return onnx(arguments, &source, quiet);
    }
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let graph = model.graph()?;
    let values = |names: &[String]| names.iter().map(|name| body_value(graph, name)).collect::<Result<Vec<_>, _>>();
    // A value without a name is an input or output of the piece by one that can be given.
    let piece = extract(&name_all(graph), &values(&arguments.from)?, &values(&arguments.to)?)?;
    if !quiet && !piece.also_needs.is_empty() {
        note!("note: the piece needs inputs of the model besides: {}", piece.also_needs.join(", "));
    }
    let sources = targets::sources(&arguments.model, Some(&model));
    let written =
        targets::write_graph(&piece.graph, model.params().as_ref(), &arguments.output, &sources, arguments.force)?;
    targets::tell(&written, quiet);
    Ok(true)
}

/// Cuts an ONNX file.
fn onnx(arguments: &Extract, source: &Source, quiet: bool) -> Result<bool> {
    let sources = targets::sources(&arguments.model, None);
    targets::check(&arguments.output, &sources, arguments.force)?;
    let cut = Cut { from: arguments.from.clone(), to: arguments.to.clone() };
    let edited = source.extract(&cut)?;
    let written = targets::write_onnx(&edited, &arguments.output, &sources, arguments.force)?;
    if !quiet {
        edited.notes.iter().for_each(|note| note!("note: {note}"));
        let name = arguments.output.display().to_string();
        // Other programs may know what Glassbox doesn't, so the piece is written all the same.
        if let Err(error) = model::open(&name, LoadOptions::default()) {
            note!("note: Glassbox can't import the piece: {error:#}");
        }
    }
    targets::tell(&written, quiet);
    Ok(true)
}
