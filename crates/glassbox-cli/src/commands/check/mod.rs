//! `glassbox check`: what a model computes, held against something else, down to the node that is at fault.

mod other;
mod python;
mod stored;
mod torch;

use anyhow::Result;
use glassbox_check::report::Report;
use glassbox_check::tolerance::{Rule, Target, Tolerances};
use glassbox_check::view::{self, TextOptions};
use glassbox_check::{Engine, Hunt, Model, Source};
use glassbox_exec::Options;

use crate::args::Check;
use crate::{files, inputs, model, out, progress};

/// Holds the model against the other side and tells what was found. Whether they agree.
pub(crate) fn main(arguments: &Check, quiet: bool) -> Result<bool> {
    let loaded = model::open_given(&arguments.model.model, &arguments.model.given)?;
    let inputs = inputs::values(&loaded, &arguments.model, quiet)?;
    let options = Options { seed: arguments.model.given.seed, ..glassbox_backends::options() };
    // What is asked is what the model means, not how fast: without a name it is the reference that runs it.
    // A policy of precision is then for the other side.
    let runs = &arguments.model.runs;
    let runtime = runs.backend.map_or_else(|| Ok(glassbox_backends::reference()), |_| runs.runtime())?;
    let engine = Engine { runtime, options };
    let source = Source {
        graph: loaded.graph()?.clone(),
        params: loaded.params(),
        outputs: loaded.outputs(),
        onnx: loaded.onnx(),
    };
    let ours = Model::new(&arguments.model.model, engine, source, inputs);
    let spinner = progress::spinner("computing", quiet);
    let other = other::open(arguments, &loaded, &ours, quiet)?;
    let exact = arguments.exact || other.exact;
    let hunt = Hunt { reference: glassbox_backends::reference(), tolerances: tolerances(arguments, exact) };
    let report = hunt.run(&ours, other.side);
    spinner.finish_and_clear();
    show(arguments, &report?)
}

/// What the user lets pass.
fn tolerances(arguments: &Check, exact: bool) -> Tolerances {
    let mut rules = Vec::new();
    if arguments.rtol.is_some() || arguments.atol.is_some() {
        let (rtol, atol) = (arguments.rtol.unwrap_or(0.0), arguments.atol.unwrap_or(0.0));
        rules.push(Rule { target: Target::All, rtol, atol, ulp: 0.0 });
    }
    rules.extend(arguments.tolerance.iter().cloned());
    Tolerances { exact, rules }
}

/// Prints the report in the form that was asked for, and writes its page.
fn show(arguments: &Check, report: &Report) -> Result<bool> {
    if let Some(file) = &arguments.html {
        files::write(file, view::html(report))?;
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&view::json(report))?)?;
    } else {
        let options = TextOptions { width: width(), top: arguments.top, all: arguments.all, color: true };
        out::styled(&view::text(report, &options))?;
    }
    Ok(report.verdict.is_good())
}

/// The columns of the terminal; of what isn't one, those that people are used to.
fn width() -> usize {
    const USUAL: usize = 80;
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    told.filter(|columns| *columns > 0).unwrap_or(USUAL)
}
