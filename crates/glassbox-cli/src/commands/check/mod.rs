//! `glassbox check`: what a model computes, held against something else, down to the node that is at fault.

mod other;
mod stored;

use anstream::println;
use anyhow::Result;
use glassbox_check::report::Report;
use glassbox_check::tolerance::{Rule, Target, Tolerances};
use glassbox_check::{Hunt, Model};
use glassbox_exec::Options;
use glassbox_runtime::LoadOptions;

use crate::args::Check;
use crate::inputs;
use crate::model;
use crate::progress;

/// Holds the model against the other side and tells what was found. Whether they agree.
pub(crate) fn main(arguments: &Check, quiet: bool) -> Result<bool> {
    let loaded = model::open(&arguments.model.model, LoadOptions::default())?;
    let inputs = inputs::values(&loaded, &arguments.model, quiet)?;
    let options = Options { seed: arguments.model.given.seed, ..glassbox_backends::options() };
    let runtime = arguments.model.runs.runtime()?;
    let ours = Model::new(
        &arguments.model.model,
        runtime,
        options,
        loaded.graph()?.clone(),
        loaded.params(),
        loaded.outputs(),
        inputs,
        loaded.onnx(),
    );
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

fn show(arguments: &Check, report: &Report) -> Result<bool> {
    println!("{}", report.summary);
    let _ = arguments;
    Ok(report.verdict.is_good())
}
