//! `glassbox inspect`: what a model is.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::Result;
use glassbox_ir::{Attr, Graph, Type, ValueId, json, text};
use glassbox_runtime::{LoadOptions, Model};
use serde_json::json;

use super::package;
use crate::args::Inspect;
use crate::view::{self, DIM, NAME};
use crate::{model, out};

/// Prints the facts, or the whole graph.
pub(crate) fn main(arguments: &Inspect) -> Result<bool> {
    let path = Path::new(&arguments.model);
    if !arguments.graph
        && let Some(package) = package::open(path)?
    {
        package::inspect(path, &package, arguments.json, arguments.data)?;
        return Ok(true);
    }
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let graph = model.graph()?;
    if arguments.graph && arguments.json {
        say!("{}", json::to_string(graph)?)?;
    } else if arguments.graph {
        print_graph(graph, arguments)?;
    } else if arguments.json {
        say!("{}", serde_json::to_string_pretty(&Facts::of(graph).json(&model, graph))?)?;
    } else {
        Facts::of(graph).print(&model, graph)?;
    }
    Ok(true)
}

/// Prints the text of a graph: whole, unless it is to be read on a terminal, or is asked for without data.
fn print_graph(graph: &Graph, arguments: &Inspect) -> Result<()> {
    if arguments.data || !(arguments.no_data || std::io::stdout().is_terminal()) {
        return out::text(&text::print(graph, &text::PrintOptions::with_data()));
    }
    let printed = text::print(graph, &text::PrintOptions::default());
    out::text(&printed)?;
    // In a string the quote would stand behind a backslash.
    if printed.contains("data(\"") {
        say!(
            "// The data of tensors of more than 16 elements is left out; `--data` prints it, and makes the text a model."
        )?;
    }
    Ok(())
}

/// What there is to count in a graph.
struct Facts {
    ops: BTreeMap<&'static str, usize>,
    constants: usize,
    elements: usize,
    bytes: usize,
    dtypes: BTreeMap<&'static str, usize>,
}

impl Facts {
    fn of(graph: &Graph) -> Facts {
        let mut facts = Facts { ops: BTreeMap::new(), constants: 0, elements: 0, bytes: 0, dtypes: BTreeMap::new() };
        for id in graph.walk() {
            let node = graph.node(id);
            if let Some(Attr::Tensor(tensor)) = node.attrs.get("value").filter(|_| node.op.name == "constant") {
                facts.constants += 1;
                facts.elements += tensor.len();
                facts.bytes += tensor.byte_len().unwrap_or(0);
                *facts.dtypes.entry(tensor.dtype().name()).or_default() += tensor.len();
            } else {
                *facts.ops.entry(node.op.name).or_default() += 1;
            }
        }
        facts
    }

    fn print(&self, model: &Model, graph: &Graph) -> Result<()> {
        say!("{NAME}{}{NAME:#}", if graph.name.is_empty() { "(no name)" } else { &graph.name })?;
        if let Some(onnx) = model.onnx() {
            let opsets: Vec<String> = onnx.opsets.iter().map(|(domain, version)| opset(domain, *version)).collect();
            say!("format      ONNX, IR version {}, opset {}", onnx.ir_version, opsets.join(", "))?;
            if !onnx.producer_name.is_empty() {
                say!("producer    {} {}", onnx.producer_name, onnx.producer_version)?;
            }
            if !onnx.functions.is_empty() {
                let names: Vec<_> = onnx.functions.iter().map(|function| function.name.as_str()).collect();
                say!("functions   {}", names.join(", "))?;
            }
        }
        for (key, value) in &graph.metadata {
            say!("{DIM}{key} = {value}{DIM:#}")?;
        }
        for (index, id) in graph.inputs().iter().enumerate() {
            print_value("inputs", index, &graph.value_label(*id), &graph.value(*id).ty)?;
        }
        for (index, (name, id)) in model.outputs().iter().zip(graph.outputs()).enumerate() {
            print_value("outputs", index, name, &graph.value(*id).ty)?;
        }
        for state in graph.states() {
            say!("state       {NAME}{}{NAME:#}: {}", state.name, state.ty)?;
        }
        let dtypes: Vec<String> = self.dtypes.iter().map(|(dtype, count)| format!("{count} {dtype}")).collect();
        let (constants, bytes) = (self.constants, view::bytes(self.bytes));
        out::paragraph(&format!("constants   {constants} tensors, {bytes} ({})", dtypes.join(", ")), 12)?;
        say!("ops         {} nodes", self.ops.values().sum::<usize>())?;
        let mut ops: Vec<_> = self.ops.iter().collect();
        ops.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
        for (name, count) in ops {
            say!("{count:>10}  {name}")?;
        }
        Ok(())
    }

    fn json(&self, model: &Model, graph: &Graph) -> serde_json::Value {
        let value = |name: &str, id: &ValueId| json!({ "name": name, "type": graph.value(*id).ty.to_string() });
        let inputs = graph.inputs().iter().map(|id| value(&graph.value_label(*id), id));
        let outputs = model.outputs().iter().zip(graph.outputs()).map(|(name, id)| value(name, id));
        let mut facts = json!({
            "name": graph.name,
            "metadata": graph.metadata.iter().cloned().collect::<BTreeMap<_, _>>(),
            "inputs": inputs.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
            "states": graph.states().iter().map(|state| json!({ "name": state.name, "type": state.ty.to_string() })).collect::<Vec<_>>(),
            "constants": { "tensors": self.constants, "elements": self.elements, "bytes": self.bytes, "elements_by_dtype": self.dtypes },
            "ops": self.ops,
        });
        if let Some(onnx) = model.onnx() {
            facts["onnx"] = json!({
                "ir_version": onnx.ir_version,
                "opsets": onnx.opsets,
                "producer": onnx.producer_name,
                "producer_version": onnx.producer_version,
                "functions": onnx.functions.iter().map(|function| &function.name).collect::<Vec<_>>(),
            });
        }
        facts
    }
}

fn opset(domain: &str, version: i64) -> String {
    if domain.is_empty() { version.to_string() } else { format!("{domain} {version}") }
}

fn print_value(title: &str, index: usize, name: &str, ty: &Type) -> Result<()> {
    let title = if index == 0 { title } else { "" };
    say!("{title:<11} {NAME}{name}{NAME:#}: {ty}")
}
