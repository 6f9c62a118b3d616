//! `glassbox run`: a model's outputs.

mod saved;

pub(crate) use saved::{file_name, write};

use anyhow::{Context, Result};
use glassbox_exec::{Options, Precision, RunContext, Value};
use glassbox_ir::ValueId;
use glassbox_onnx::Maps;
use glassbox_runtime::Model;
use glassbox_tensor::Tensor;
use serde_json::json;

use crate::args::Run;
use crate::inputs;
use crate::model;
use crate::progress;
use crate::view::{self, DIM, NAME};

/// Runs the model and prints, writes or tells as JSON what it gives.
pub(crate) fn main(arguments: &Run, quiet: bool) -> Result<bool> {
    let model = model::open_given(&arguments.model.model, &arguments.model.given)?;
    if !quiet {
        model.notes().iter().for_each(|line| note!("note: {line}"));
    }
    let inputs = inputs::values(&model, &arguments.model, quiet)?;
    let precision = if arguments.precise { Precision::Precise } else { Precision::Declared };
    let options = Options { precision, seed: arguments.model.given.seed, ..glassbox_backends::options() };
    let spinner = progress::spinner("running", quiet);
    let mut session = model.forward(arguments.model.runs.runtime()?.as_ref(), &options)?;
    let outputs = session.run(&inputs, RunContext::new()).with_context(|| model.name().to_owned())?;
    spinner.finish_and_clear();
    if let Some(folder) = &arguments.output {
        saved::save(model.outputs(), &outputs, &Maps::of(model.graph()?), folder, quiet)?;
    }
    if arguments.json {
        print_json(&model, &outputs)?;
    } else {
        print(&model, &outputs)?;
    }
    Ok(true)
}

fn print(model: &Model, outputs: &[Value]) -> Result<()> {
    let labels = model::labels(model.graph()?);
    for (name, value) in model.outputs().iter().zip(outputs) {
        let ty = value.ty();
        let taken = view::text_width(&format!("{name}: {ty} = "));
        say!("{NAME}{name}{NAME:#}: {ty} {DIM}={DIM:#} {}", view::short_after(value, taken))?;
        if let (Some(labels), Value::Tensor(tensor)) = (&labels, value) {
            for (row, ranked) in classes(labels, tensor).iter().enumerate() {
                if tensor.shape()[0] > 1 {
                    say!("  row {row}")?;
                }
                for (label, probability) in ranked {
                    say!("  {:>6.2} %  {label}", probability * 100.0)?;
                }
            }
        }
    }
    Ok(())
}

/// The most probable classes of each row, where the tensor holds one number for each label.
fn classes(labels: &[String], tensor: &Tensor) -> Vec<Vec<(String, f64)>> {
    const SHOWN: usize = 3;
    let fits = tensor.dtype().is_float() && tensor.rank() == 2 && tensor.shape()[1] == labels.len();
    let Some(values) = fits.then(|| tensor.load::<f64>().ok()).flatten() else { return Vec::new() };
    let rows = values.chunks(labels.len().max(1));
    rows.map(|row| {
        let mut ranked: Vec<(String, f64)> = labels.iter().cloned().zip(row.iter().copied()).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.truncate(SHOWN);
        ranked
    })
    .collect()
}

fn print_json(model: &Model, outputs: &[Value]) -> Result<()> {
    let graph = model.graph()?;
    let maps = Maps::of(graph);
    let named = graph.outputs().iter().zip(model.outputs()).zip(outputs);
    let output = |((id, name), value): ((&ValueId, &String), &Value)| {
        let mut output = json!({ "name": graph.value_label(*id), "value": view::json(value) });
        // The table stands for a list of maps, whose keys these are.
        if let Some(maps) = maps.output(name) {
            output["columns"] = maps.keys_json();
        }
        output
    };
    let outputs: Vec<_> = named.map(output).collect();
    let mut document = json!({ "outputs": outputs });
    if let Some(labels) = model::labels(graph) {
        document["labels"] = json!(labels);
    }
    say!("{}", serde_json::to_string_pretty(&document)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ranked_by_row() {
        let labels = ["a", "b"].map(str::to_owned);
        let tensor = Tensor::from_vec(&[2, 2], vec![0.25f32, 0.75, 1.0, 0.0]).unwrap();
        let ranked = classes(&labels, &tensor);
        assert_eq!(ranked[0][0], ("b".to_owned(), 0.75));
        assert_eq!(ranked[1][0], ("a".to_owned(), 1.0));
        assert!(classes(&labels, &Tensor::scalar(1.0f32)).is_empty());
    }
}
