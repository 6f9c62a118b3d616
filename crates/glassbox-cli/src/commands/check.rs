//! `glassbox check`: what a model computes, held against something else.

use std::collections::HashMap;
use std::path::Path;

use anstream::{eprintln, println};
use anyhow::{Context, Result, bail};
use glassbox_exec::{
    Comparison, Difference, Event, Flow, Observer, Options, Precision, RunContext, RunError, Runtime, Tolerance, Value,
    compare_tensors,
};
use glassbox_runtime::{LoadOptions, Model};
use glassbox_tensor::{Overflow, Tensor};
use serde_json::json;

use crate::args::Check;
use crate::arrays;
use crate::inputs;
use crate::model;
use crate::progress;
use crate::view::{ERROR, GOOD, NAME};

/// Compares every named value that both sides have, in program order. Whether all agree.
pub(crate) fn main(arguments: &Check, quiet: bool) -> Result<bool> {
    let model = model::open(&arguments.model.model, LoadOptions::default())?;
    let inputs = inputs::values(&model, &arguments.model, quiet)?;
    let options = Options { seed: arguments.model.given.seed, ..glassbox_backends::options() };
    let runtime = arguments.model.runs.runtime()?;
    let other: HashMap<String, Tensor> = match arguments.against.as_str() {
        "precise" => {
            let spinner = progress::spinner("computing in f64", quiet);
            let precise = Options { precision: Precision::Precise, ..options.clone() };
            let values = values(&model, glassbox_backends::reference().as_ref(), &inputs, &precise)?;
            spinner.finish_and_clear();
            values.into_iter().map(|value| (value.name, value.tensor)).collect()
        }
        file if file.ends_with(".npz") => arrays::read_npz(Path::new(file))?.into_iter().collect(),
        name => {
            let other = glassbox_backends::find(name);
            let other = other.with_context(|| format!("--against {name}: it is no .npz file and not `precise`"))?;
            let spinner = progress::spinner("computing the other side", quiet);
            let values = match other.name() == runtime.name() {
                true => {
                    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
                    alone.install(|| values(&model, other.as_ref(), &inputs, &options))?
                }
                false => values(&model, other.as_ref(), &inputs, &options)?,
            };
            spinner.finish_and_clear();
            if other.name() == runtime.name() && !quiet {
                eprintln!(
                    "note: {name} itself is what runs: on {} threads, held to the bit against one thread",
                    rayon::current_num_threads()
                );
            }
            values.into_iter().map(|value| (value.name, value.tensor)).collect()
        }
    };
    let spinner = progress::spinner("running", quiet);
    let ours = values(&model, runtime.as_ref(), &inputs, &options)?;
    spinner.finish_and_clear();
    let itself = glassbox_backends::find(&arguments.against).is_ok_and(|other| other.name() == runtime.name());
    let tolerance = match itself {
        true => Tolerance::EXACT,
        false => Tolerance { rtol: arguments.rtol, atol: arguments.atol },
    };
    let rows = compare_all(&ours, &other, tolerance)?;
    if rows.is_empty() {
        let mut names: Vec<_> = other.keys().take(8).cloned().collect();
        names.sort();
        bail!("no value of the model has a name that {} has too; it has {}", arguments.against, names.join(", "));
    }
    let unpaired: Vec<_> = other.keys().filter(|name| !ours.iter().any(|seen| seen.name == **name)).collect();
    if !unpaired.is_empty() && !quiet {
        eprintln!("note: {} values of {} have names that no value of the model has", unpaired.len(), arguments.against);
    }
    report(&model, &rows, arguments)
}

/// One value that a run gave.
struct Seen {
    name: String,
    node: String,
    op: &'static str,
    tensor: Tensor,
}

/// Keeps every named tensor outside of loops, where a name stands for one value.
struct Keeper(Vec<Seen>);

impl Observer for Keeper {
    fn observe(&mut self, event: &Event) -> std::result::Result<Flow, RunError> {
        let node = event.graph.node(event.node);
        let in_loop = event.path.iter().any(|frame| frame.turn.is_some());
        if in_loop || node.op.name == "constant" {
            return Ok(Flow::Continue);
        }
        for (place, id) in node.results.iter().enumerate() {
            let Some(name) = &event.graph.value(*id).name else { continue };
            if let Value::Tensor(tensor) = event.result(place)? {
                self.0.push(Seen { name: name.to_string(), node: event.label(), op: node.op.name, tensor });
            }
        }
        Ok(Flow::Continue)
    }
}

/// Every named value in the order of the run, then the outputs whose names no value has.
fn values(model: &Model, runtime: &dyn Runtime, inputs: &[Value], options: &Options) -> Result<Vec<Seen>> {
    let mut keeper = Keeper(Vec::new());
    let context = RunContext::new().observed(&mut keeper);
    let outputs = model.forward(runtime, options)?.run(inputs, context)?;
    let mut seen = keeper.0;
    for (name, value) in model.outputs().iter().zip(outputs) {
        let known = seen.iter().any(|seen| seen.name == *name);
        if let (Value::Tensor(tensor), false) = (value, known) {
            seen.push(Seen { name: name.clone(), node: name.clone(), op: "output", tensor });
        }
    }
    Ok(seen)
}

/// A value that both sides have.
struct Row<'a> {
    seen: &'a Seen,
    result: Result<Comparison, Difference>,
}

fn compare_all<'a>(ours: &'a [Seen], other: &HashMap<String, Tensor>, tolerance: Tolerance) -> Result<Vec<Row<'a>>> {
    let mut rows = Vec::new();
    for seen in ours {
        let Some(want) = other.get(&seen.name) else { continue };
        // The other side may hold floats in another dtype: f64 where it is precise, f32 for bf16.
        let floats = seen.tensor.dtype().is_float() && want.dtype().is_float();
        let want = if floats && seen.tensor.dtype() != want.dtype() {
            want.cast(seen.tensor.dtype(), Overflow::Wrap).with_context(|| format!("`{}`", seen.name))?
        } else {
            want.clone()
        };
        rows.push(Row { seen, result: compare_tensors(&seen.tensor, &want, tolerance) });
    }
    Ok(rows)
}

fn report(model: &Model, rows: &[Row], arguments: &Check) -> Result<bool> {
    let first = rows.iter().find(|row| row.result.is_err());
    let outputs = model.outputs();
    if arguments.json {
        let row = |row: &Row| {
            let numbers = match &row.result {
                Ok(comparison) | Err(Difference::Elements { comparison, .. }) => Some(comparison),
                Err(_) => None,
            };
            json!({
                "value": row.seen.name, "node": row.seen.node, "op": row.seen.op, "agrees": row.result.is_ok(),
                "output": outputs.contains(&row.seen.name),
                "max_abs": numbers.map(|n| n.max_abs), "max_rel": numbers.map(|n| n.max_rel), "max_ulp": numbers.map(|n| n.max_ulp),
                "difference": row.result.as_ref().err().map(ToString::to_string),
            })
        };
        let document = json!({
            "agrees": first.is_none(),
            "first_difference": first.map(|row| &row.seen.node),
            "values": rows.iter().map(row).collect::<Vec<_>>(),
        });
        println!("{}", serde_json::to_string_pretty(&document)?);
        return Ok(first.is_none());
    }
    for row in rows.iter().filter(|row| outputs.contains(&row.seen.name)) {
        let name = &row.seen.name;
        match &row.result {
            Ok(c) => println!(
                "{NAME}{name}{NAME:#} {GOOD}agrees{GOOD:#}: max abs {:.3e}, rel {:.3e}, ulp {}",
                c.max_abs, c.max_rel, c.max_ulp
            ),
            Err(difference) => println!("{NAME}{name}{NAME:#} {ERROR}differs{ERROR:#}: {difference}"),
        }
    }
    let differing = rows.iter().filter(|row| row.result.is_err()).count();
    println!("{} values compared, {differing} differ", rows.len());
    if let Some(Row { seen, result: Err(difference) }) = first {
        println!("the first is {NAME}{}{NAME:#}, of {} `{}`: {difference}", seen.name, seen.op, seen.node);
    }
    Ok(first.is_none())
}
