//! `glassbox convert`: weights and graphs from one format to another. The ending of the target says what is written.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_ir::text::nearest;
use glassbox_runtime::LoadOptions;
use glassbox_weights::{Converted, MetadataValue, Options, Output, Package, Progress, convert};

use crate::args::Convert;
use crate::model;
use crate::progress;
use crate::targets::{self, Kind};
use crate::view::{self, NAME};

use super::export;

/// Converts, and says what became of the parameters.
pub(crate) fn main(arguments: &Convert, quiet: bool) -> Result<bool> {
    let is_onnx = Kind::of(&arguments.target, &[Kind::Onnx]).is_ok();
    for (given, flag) in [
        (arguments.onnx.opset.is_some(), "--opset"),
        (arguments.onnx.weights.is_some(), "--weights"),
        (arguments.onnx.functions.is_some(), "--functions"),
    ] {
        refuse_flag(arguments, given && !is_onnx, flag)?;
    }
    let all = [Kind::Oinf, Kind::Safetensors, Kind::Text, Kind::Json, Kind::Onnx];
    match Kind::of(&arguments.target, &all)? {
        Kind::Oinf => weights(arguments, Output::Oinf, quiet),
        Kind::Safetensors => weights(arguments, Output::Safetensors, quiet),
        Kind::Text | Kind::Json => {
            refuse_flag(arguments, arguments.quantize.is_some(), "--quantize")?;
            graph(arguments, quiet)
        }
        Kind::Onnx => {
            refuse_flag(arguments, arguments.quantize.is_some(), "--quantize")?;
            refuse_flag(arguments, !arguments.set.is_empty(), "--set")?;
            onnx(arguments, quiet)
        }
    }
}

/// Refuses a flag that is given though the target's format doesn't have it.
fn refuse_flag(arguments: &Convert, given: bool, flag: &str) -> Result<()> {
    if given {
        bail!("{}: {flag} isn't for a file of this kind; leave it out", arguments.target.display());
    }
    Ok(())
}

fn weights(arguments: &Convert, output: Output, quiet: bool) -> Result<bool> {
    let mut package = model::weights(&arguments.source)?;
    let mut sources = targets::sources(&arguments.source, None);
    sources.extend(package.files().map(Path::to_owned));
    targets::check(&arguments.target, &sources, arguments.force)?;
    for text in &arguments.set {
        set(&mut package, text, output)?;
    }
    let options = Options { output, quantize: arguments.quantize };
    let bar = progress::bar(0, quiet);
    let show = |progress: Progress| {
        bar.set_length(progress.total_bytes >> 10);
        bar.set_position(progress.done_bytes >> 10);
        bar.set_message(progress.name.to_owned());
    };
    let converted = convert(&package, &arguments.target, options, show)?;
    bar.finish_and_clear();
    if !quiet {
        report(&converted);
    }
    let bytes = std::fs::metadata(&arguments.target).with_context(|| arguments.target.display().to_string())?.len();
    say!("{NAME}{}{NAME:#}: {} parameters, {}", arguments.target.display(), converted.params.len(), size(bytes))?;
    Ok(true)
}

/// Changes the metadata as `KEY=VALUE` or `KEY:TYPE=VALUE` says.
fn set(package: &mut Package, text: &str, output: Output) -> Result<()> {
    let (key, value) = text.split_once('=').with_context(|| format!("--set {text}: it is KEY=VALUE"))?;
    let metadata = package.metadata();
    let (key, kind) = match (metadata.get(key), key.rsplit_once(':')) {
        (Some(there), _) => (key, there.type_name()),
        (None, Some((key, kind))) if !key.is_empty() => (key, kind.to_owned()),
        (None, _) => {
            let near = nearest(key, metadata.iter().map(|(name, _)| name));
            let near = near.map_or(String::new(), |near| format!(" (is `{near}` meant?)"));
            bail!("--set {text}: the metadata has no `{key}`{near}; to add it, say its type: {key}:string=…");
        }
    };
    let value = MetadataValue::parse(&kind, value)
        .with_context(|| format!("--set {text}: {value:?} is no value of type {kind}"))?;
    if output == Output::Safetensors && !matches!(value, MetadataValue::String(_)) {
        bail!("--set {text}: the metadata of safetensors are texts only, and this is of type {kind}; write .oinf");
    }
    package.metadata_mut().set(key, value);
    Ok(())
}

/// Writes a graph as text or JSON, with the parameters that it names beside it.
fn graph(arguments: &Convert, quiet: bool) -> Result<bool> {
    let model = model::open(&arguments.source, LoadOptions::default())?;
    if !quiet {
        model.notes().iter().for_each(|note| note!("note: {note}"));
    }
    let mut graph = model.graph()?.as_ref().clone();
    for text in &arguments.set {
        let (key, value) = text.split_once('=').with_context(|| format!("--set {text}: it is KEY=VALUE"))?;
        let added = key.strip_suffix(":string");
        match (graph.metadata.iter_mut().find(|(name, _)| name == key), added) {
            (Some(there), _) => there.1 = value.to_owned(),
            (None, Some(key)) => {
                graph.metadata.retain(|(name, _)| name != key);
                graph.metadata.push((key.to_owned(), value.to_owned()));
            }
            (None, None) => {
                let near = nearest(key, graph.metadata.iter().map(|(name, _)| name.as_str()));
                let near = near.map_or(String::new(), |near| format!(" (is `{near}` meant?)"));
                bail!(
                    "--set {text}: the graph's metadata has no `{key}`{near}; to add it, say its type: {key}:string=…"
                );
            }
        }
    }
    let sources = targets::sources(&arguments.source, Some(&model));
    let params = model.params();
    let written = targets::write_graph(&graph, params.as_ref(), &arguments.target, &sources, arguments.force)?;
    targets::tell(&written, quiet);
    Ok(true)
}

/// Writes an ONNX model. One that is to become the same is copied, with the data of other files that it needs.
fn onnx(arguments: &Convert, quiet: bool) -> Result<bool> {
    if let (false, Some(source)) = (arguments.onnx.any(), model::onnx_source(&arguments.source)?) {
        let sources = targets::sources(&arguments.source, None);
        targets::tell(&targets::write_onnx(&source.copy()?, &arguments.target, &sources, arguments.force)?, quiet);
        return Ok(true);
    }
    let model = model::open(&arguments.source, LoadOptions::default())?;
    export::write(&model, &arguments.source, &arguments.target, &arguments.onnx, false, arguments.force, quiet)?;
    Ok(true)
}

fn report(converted: &Converted) {
    let mut kinds: BTreeMap<(String, String), (usize, u64)> = BTreeMap::new();
    for param in &converted.params {
        let row = kinds.entry((param.from.to_string(), param.to.to_string())).or_default();
        *row = (row.0 + 1, row.1 + param.bytes);
    }
    for ((from, to), (count, bytes)) in kinds {
        let change = if from == to { format!("{from}, as it was") } else { format!("{from} -> {to}") };
        note!("{count:>6} parameters {change}: {}", size(bytes));
    }
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in converted.params.iter().filter_map(|param| param.kept) {
        *kept.entry(reason).or_default() += 1;
    }
    for (reason, count) in kept {
        note!("{count:>6} parameters stayed: {reason}");
    }
    for dropped in &converted.dropped {
        note!("note: the target can't hold {dropped}");
    }
}

fn size(bytes: u64) -> String {
    view::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}
