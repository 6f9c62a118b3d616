//! `glassbox trace`: every value on the way, and where NaN and infinities are born.
//!
//! A row for each value that a node gives, as wide as the terminal; with `--fold` a row for each layer, with `--top` only
//! those that took longest. A NaN or an infinity is *born* in a node that gives one though none of its operands holds one;
//! one that an input or a weight brings along is told before the first row. Infinities that constants hold, as masks do,
//! are the model's own and aren't told. The exit code is 1 where a NaN or an infinity was born or brought along.

mod birth;
mod costs;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use glassbox_exec::{Event, Flow, Nodes, Observer, Options, RunContext, RunError, Value, Wants};
use glassbox_ir::Graph;
use glassbox_runtime::{Profile, Statistics};
use serde_json::json;

use super::run::{self, file_name};
use crate::args::Trace;
use crate::view::ERROR;
use crate::{files, inputs, model};
use birth::{Births, Odd};
use costs::Costs;
pub(crate) use rows::scope;
use rows::{Printer, Row};

/// Runs the model and prints what it sees. Whether no NaN and no infinity was born or brought along.
pub(crate) fn main(arguments: &Trace, quiet: bool) -> Result<bool> {
    let model = model::open_given(&arguments.model.model, &arguments.model.given)?;
    let inputs = inputs::values(&model, &arguments.model, quiet)?;
    if let Some(folder) = &arguments.save {
        files::create_folder(folder)?;
    }
    let options = Options { seed: arguments.model.given.seed, ..glassbox_backends::options() };
    let mut session = model.forward(arguments.model.runs.runtime()?.as_ref(), &options)?;
    let costs = arguments.kernels.then(|| Costs::new(model.graph()?, &inputs)).transpose()?;
    let mut tracer = Tracer::new(arguments, costs);
    tracer.inputs(model.graph()?, &inputs);
    tracer.printer.head()?;
    let result = session.run(&inputs, RunContext::new().observed(&mut tracer));
    let failed = tracer.failed.take();
    // Also of a run that fails, what was seen is shown.
    let shown = tracer.finish();
    if let Some(error) = failed {
        return Err(error);
    }
    match result {
        Ok(_) => {}
        Err(RunError::Stopped { .. }) if arguments.stop_at_nan => {}
        Err(error) => return Err(anyhow::Error::new(error).context(model.name().to_owned())),
    }
    shown
}

/// Prints and keeps what it sees.
struct Tracer<'a> {
    arguments: &'a Trace,
    printer: Printer,
    costs: Option<Costs>,
    births: Births,
    profile: Option<Profile>,
    index: Vec<serde_json::Value>,
    failed: Option<anyhow::Error>,
}

impl Observer for Tracer<'_> {
    fn observe(&mut self, event: &Event) -> std::result::Result<Flow, RunError> {
        let results = event.results()?;
        if let Some(profile) = &mut self.profile {
            profile.observe(event)?;
        }
        Ok(self.show(event, &results).unwrap_or_else(|error| {
            self.failed = Some(error);
            Flow::Stop
        }))
    }

    fn wants(&self) -> Wants {
        let nodes = if self.arguments.kernels { Nodes::Compiled } else { Nodes::Given };
        Wants { inside: self.arguments.inside, nodes, ..Wants::default() }
    }
}

impl<'a> Tracer<'a> {
    fn new(arguments: &'a Trace, costs: Option<Costs>) -> Tracer<'a> {
        let profile = arguments.chrome.is_some().then(Profile::new);
        let fold = arguments.fold.map(usize::from);
        let printer = Printer::new(arguments.json, arguments.top, fold, arguments.kernels);
        Tracer { arguments, printer, costs, births: Births::default(), profile, index: Vec::new(), failed: None }
    }

    /// What the inputs bring along.
    fn inputs(&mut self, graph: &Arc<Graph>, values: &[Value]) {
        for (id, value) in graph.inputs().iter().zip(values) {
            self.births.input(graph, *id, value);
        }
    }

    fn show(&mut self, event: &Event, results: &[Value]) -> Result<Flow> {
        let node = event.node();
        let mut stop = false;
        let work = self.costs.as_mut().and_then(|costs| costs.of(event));
        for (place, (id, value)) in node.results.iter().zip(results).enumerate() {
            let statistics = value.as_tensor().and_then(Statistics::of);
            let born = self.births.result(event, *id, Odd::of(value, statistics));
            if node.op.name == "constant" {
                continue;
            }
            let name = event.graph.value_label(*id);
            let file = self.save(event, &name, value)?;
            let mut row = Row::new(event, name, value, statistics);
            row.work = work;
            (row.first, row.born, row.path, row.file) = (place == 0, born, event.bodies(), file);
            self.printer.row(row)?;
            stop |= self.arguments.stop_at_nan && born.nan;
        }
        Ok(if stop { Flow::Stop } else { Flow::Continue })
    }

    /// Writes a value to its file, and a line to the index. The files are numbered in the order of the run: loops give a
    /// value several times.
    fn save(&mut self, event: &Event, name: &str, value: &Value) -> Result<Option<PathBuf>> {
        let Some(folder) = &self.arguments.save else { return Ok(None) };
        let written = run::write(folder, &format!("{:05}-{}", self.index.len(), file_name(name)), value)?;
        let file = folder.join(&written);
        self.index.push(json!({
            "file": written,
            "value": name,
            "node": event.label(),
            "op": event.node().op.name,
            "path": event.bodies(),
            "type": value.ty().to_string(),
        }));
        Ok(Some(file))
    }

    /// Shows what was held back, writes the files, and says where NaN and infinities came from. Whether from nowhere.
    fn finish(mut self) -> Result<bool> {
        self.printer.finish()?;
        if let Some(folder) = &self.arguments.save {
            files::write(&folder.join("index.json"), serde_json::to_string_pretty(&self.index)?)?;
        }
        if let (Some(profile), Some(file)) = (&self.profile, &self.arguments.chrome) {
            files::write(file, profile.chrome_trace()).context("the trace of the times")?;
        }
        let told = self.births.told();
        if !self.arguments.json {
            for line in &told {
                say!("{ERROR}{line}{ERROR:#}")?;
            }
        }
        Ok(told.is_empty())
    }
}
