//! `glassbox trace`: every value on the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anstream::println;
use anyhow::{Context, Result};
use glassbox_exec::{Event, Flow, Frame, Observer, Options, RunContext, RunError, Value, Wants};
use glassbox_ir::Origin;
use glassbox_runtime::{LoadOptions, Statistics};
use serde_json::json;

use super::run::file_name;
use crate::args::Trace;
use crate::arrays;
use crate::inputs;
use crate::model;
use crate::view::{self, DIM, ERROR, GOOD, NAME};

/// Runs the model and prints a line for every value. Whether no value has a NaN.
pub(crate) fn main(arguments: &Trace, quiet: bool) -> Result<bool> {
    let model = model::open(&arguments.model.model, LoadOptions::default())?;
    let inputs = inputs::values(&model, &arguments.model, quiet)?;
    if let Some(folder) = &arguments.save {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let options = Options { seed: arguments.model.given.seed, ..glassbox_backends::options() };
    let mut session = model.forward(arguments.model.runs.runtime()?.as_ref(), &options)?;
    let mut tracer = Tracer { arguments, layer: String::new(), first_nan: None, index: Vec::new(), failed: None };
    if !arguments.json {
        println!("{DIM}{:>10}  {:<20} {:<28} {:<40} min … max, mean{DIM:#}", "µs", "op", "type", "value");
    }
    let result = session.run(&inputs, RunContext::new().observed(&mut tracer));
    if let Some(error) = tracer.failed {
        return Err(error);
    }
    match result {
        Ok(_) => {}
        Err(RunError::Stopped { .. }) if arguments.stop_at_nan => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(folder) = &arguments.save {
        let file = folder.join("index.json");
        std::fs::write(&file, serde_json::to_string_pretty(&tracer.index)?)
            .with_context(|| file.display().to_string())?;
    }
    if let (Some(node), false) = (&tracer.first_nan, arguments.json) {
        println!("{ERROR}the first NaN is in {node}{ERROR:#}");
    }
    Ok(tracer.first_nan.is_none())
}

/// Prints and keeps what it sees.
struct Tracer<'a> {
    arguments: &'a Trace,
    /// The layer whose values are printed now.
    layer: String,
    first_nan: Option<String>,
    index: Vec<serde_json::Value>,
    failed: Option<anyhow::Error>,
}

impl Observer for Tracer<'_> {
    fn observe(&mut self, event: &Event) -> std::result::Result<Flow, RunError> {
        let results = event.results()?;
        Ok(self.show(event, &results).unwrap_or_else(|error| {
            self.failed = Some(error);
            Flow::Stop
        }))
    }

    fn wants(&self) -> Wants {
        Wants { inside: self.arguments.inside, ..Wants::default() }
    }
}

impl Tracer<'_> {
    fn show(&mut self, event: &Event, results: &[Value]) -> Result<Flow> {
        let node = event.graph.node(event.node);
        if node.op.name == "constant" {
            return Ok(Flow::Continue);
        }
        self.title(event);
        for (id, value) in node.results.iter().zip(results) {
            let name = event.graph.value_label(*id);
            let statistics = value.as_tensor().and_then(Statistics::of);
            let saved = self.save(event, &name, value)?;
            let has_nan = statistics.is_some_and(|statistics| statistics.nan > 0);
            let first = has_nan && self.first_nan.is_none();
            if first {
                self.first_nan =
                    Some(format!("`{name}`, which {} `{}` gives", node.op.name, event.graph.node_label(event.node)));
            }
            if self.arguments.json {
                println!("{}", describe(event, &name, value, statistics, saved.as_deref()));
            } else {
                print(event, &name, value, statistics, first);
            }
            if first && self.arguments.stop_at_nan {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// A line with the name of the layer, where another one begins.
    fn title(&mut self, event: &Event) {
        let node = event.graph.node(event.node);
        let layer = node.provenance.origins().find_map(|origin| match origin {
            Origin::Layer(path) => Some(path.as_str()),
            _ => None,
        });
        // What a decomposition is made of has no layer of its own.
        let Some(layer) = layer.filter(|layer| *layer != self.layer) else { return };
        if !self.arguments.json {
            println!("{GOOD}{layer}{GOOD:#}");
        }
        self.layer = layer.to_owned();
    }

    /// Writes a tensor to its file, and a line to the index.
    fn save(&mut self, event: &Event, name: &str, value: &Value) -> Result<Option<PathBuf>> {
        let (Some(folder), Value::Tensor(tensor)) = (&self.arguments.save, value) else { return Ok(None) };
        let file = file_in(folder, self.index.len(), name);
        if tensor.dtype() == glassbox_tensor::DType::String {
            return Ok(None);
        }
        arrays::write_npy(&file, tensor)?;
        let name_of_file = file.file_name().map(|name| name.to_string_lossy().into_owned());
        self.index.push(json!({
            "file": name_of_file,
            "value": name,
            "node": event.graph.node_label(event.node),
            "op": event.graph.node(event.node).op.name,
            "path": path(event.path),
            "type": value.ty().to_string(),
        }));
        Ok(Some(file))
    }
}

/// The files are numbered in the order of the run: loops give a value several times.
fn file_in(folder: &Path, number: usize, name: &str) -> PathBuf {
    folder.join(format!("{number:05}-{}.npy", file_name(name)))
}

/// The bodies around a node, as `loop[3]/if`.
fn path(frames: &[Frame]) -> String {
    let frame = |frame: &Frame| match frame.turn {
        Some(turn) => format!("{}[{turn}]", frame.label()),
        None => frame.label(),
    };
    frames.iter().map(frame).collect::<Vec<_>>().join("/")
}

fn print(event: &Event, name: &str, value: &Value, statistics: Option<Statistics>, first_nan: bool) {
    let op = event.graph.node(event.node).op.name;
    let indent = "  ".repeat(event.path.len());
    let numbers = match statistics {
        Some(Statistics { min: Some(min), max: Some(max), mean: Some(mean), .. }) => {
            format!("{min:.4} … {max:.4}, {mean:.4}")
        }
        Some(_) => String::new(),
        None => view::short(value),
    };
    let odd =
        |count: u64, what: &str| if count > 0 { format!("  {ERROR}{count} {what}{ERROR:#}") } else { String::new() };
    let odd = statistics.map(|s| odd(s.nan, "NaN") + &odd(s.inf, "inf")).unwrap_or_default();
    let mark = if first_nan { format!("  {ERROR}← the first NaN{ERROR:#}") } else { String::new() };
    let micros = micros(event.time);
    println!(
        "{micros:>10}  {indent}{op:<20} {:<28} {NAME}{name:<40}{NAME:#} {numbers}{odd}{mark}",
        value.ty().to_string()
    );
}

fn describe(event: &Event, name: &str, value: &Value, statistics: Option<Statistics>, file: Option<&Path>) -> String {
    json!({
        "value": name,
        "node": event.graph.node_label(event.node),
        "op": event.graph.node(event.node).op.name,
        "provenance": event.graph.node(event.node).provenance.to_string(),
        "path": path(event.path),
        "type": value.ty().to_string(),
        "micros": micros(event.time),
        "statistics": statistics,
        "file": file.map(|file| file.display().to_string()),
    })
    .to_string()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
