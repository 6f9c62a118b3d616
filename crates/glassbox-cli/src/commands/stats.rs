//! `glassbox stats`: what a model takes, by layer and in all.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use anyhow::{Context, Result, bail};
use glassbox_ir::stats::{Cost, Stats, stats_at};
use glassbox_ir::text::nearest;
use glassbox_ir::{Bindings, Dim, Graph, NodeId, Origin, Type, specialise};
use glassbox_runtime::LoadOptions;
use serde_json::{Value, json};

use crate::args;
use crate::model;
use crate::out;
use crate::view::{self, DIM, NAME};

/// The widths of the columns after the first.
const WIDTH: usize = 9;
/// The most notes that are printed.
const NOTES: usize = 6;
/// The width of the first, where there is room, and where there is little.
const LAYER: usize = 24;
const NARROWEST_LAYER: usize = 12;
/// The width of what stands before a figure of the whole.
const TITLE: usize = 13;

/// Counts, and prints a table or JSON.
pub(crate) fn main(arguments: &args::Stats) -> Result<bool> {
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let graph = model.graph()?;
    let sizes = sizes(graph, &arguments.dims)?;
    let types: Vec<Type> = graph.inputs().iter().map(|id| graph.value(*id).ty.substitute(&sizes)).collect();
    let special = specialise(graph, &types)?;
    let stats = stats_at(&special, &sizes)?;
    let layers = layers(&special, &stats, arguments.depth);
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&document(model.name(), &stats, &layers, &sizes))?)?;
    } else {
        let width = view::columns().unwrap_or(usize::MAX).max(NARROWEST_LAYER + TITLE);
        out::styled(&table(&stats, &layers, width)?)?;
    }
    Ok(true)
}

/// The sizes that are given, of symbols that the graph has.
pub(super) fn sizes(graph: &Graph, dims: &[String]) -> Result<Bindings> {
    let mut known = BTreeSet::new();
    let mut add = |ty: &Type| {
        for dim in ty.as_tensor().and_then(|tensor| tensor.dims()).unwrap_or_default() {
            dim.for_each_symbol(&mut |name| {
                known.insert(name.to_owned());
            });
        }
    };
    graph.inputs().iter().for_each(|id| add(&graph.value(*id).ty));
    graph.states().iter().for_each(|state| add(&state.ty.clone().into()));
    let one = |text: &String| {
        let (name, size) = text.split_once('=').with_context(|| format!("--dim {text}: it is NAME=SIZE"))?;
        let size: u32 = size.parse().with_context(|| format!("--dim {text}: the size is a number"))?;
        if known.contains(name) {
            return Ok((name.to_owned(), i64::from(size)));
        }
        let near = nearest(name, known.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(" (is {near} meant?)"));
        let all: Vec<&str> = known.iter().map(String::as_str).collect();
        match all.as_slice() {
            [] => bail!("--dim {text}: every dim of the model has its size already"),
            all => bail!("--dim {text}: the model has no dim {name}{near}; it has {}", all.join(", ")),
        }
    };
    dims.iter().map(one).collect()
}

/// What one layer takes.
struct Layer {
    name: String,
    nodes: usize,
    cost: Cost,
}

/// The layers in the order of the program. A node without one belongs to a row of its op, in brackets.
fn layers(graph: &Graph, stats: &Stats, depth: usize) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut places = HashMap::new();
    let mut names = Names::of(graph);
    for (id, cost) in &stats.nodes {
        let name = names.layer(*id, depth);
        let place = *places.entry(name.clone()).or_insert(layers.len());
        if place == layers.len() {
            layers.push(Layer { name, nodes: 0, cost: Cost::default() });
        }
        layers[place].nodes += 1;
        layers[place].cost.add(cost);
    }
    layers
}

/// What the layers of a graph are called: by the paths of its nodes, or where all have the same, by the names of their
/// weights. A node without weights then belongs to the layer before.
struct Names<'g> {
    graph: &'g Graph,
    /// By the value: the name of the weight that it is, as the file has it.
    weights: Vec<Option<&'g str>>,
    by_weights: bool,
    last: Vec<&'g str>,
}

impl<'g> Names<'g> {
    fn of(graph: &'g Graph) -> Names<'g> {
        let mut weights = vec![None; graph.value_count()];
        let mut paths = HashSet::new();
        for id in graph.walk() {
            let node = graph.node(id);
            match (node.provenance.first(), node.results.first()) {
                (Some(Origin::Onnx { node: name, op }), Some(value)) if op == "Initializer" => {
                    weights[value.index()] = Some(name.as_str());
                }
                (Some(Origin::Onnx { .. } | Origin::Layer(_)), _) => {
                    paths.insert(path(graph, id));
                }
                _ => {}
            }
        }
        paths.remove(&Vec::new());
        let by_weights = paths.len() <= 1 && weights.iter().flatten().any(|name| name.contains('.'));
        Names { graph, weights, by_weights, last: Vec::new() }
    }

    /// The first parts of the name of the layer that a node belongs to.
    fn layer(&mut self, id: NodeId, depth: usize) -> String {
        let node = self.graph.node(id);
        let name = if self.by_weights {
            let weight = node.operands.iter().flatten().find_map(|value| self.weights[value.index()]);
            if let Some((layer, _)) = weight.and_then(|name| name.rsplit_once('.')) {
                self.last = layer.split('.').collect();
            }
            self.last.iter().take(depth).copied().collect::<Vec<_>>().join(".")
        } else {
            path(self.graph, id).into_iter().take(depth).collect::<Vec<_>>().join("/")
        };
        if name.is_empty() { format!("({})", node.op.name) } else { name }
    }
}

/// The parts of the name of the layer of a node. Of the name of an ONNX node the last part is the node's own.
fn path(graph: &Graph, id: NodeId) -> Vec<&str> {
    let (name, own) = match graph.node(id).provenance.first() {
        Some(Origin::Layer(path)) => (path.as_str(), 0),
        Some(Origin::Onnx { node, .. }) => (node.as_str(), 1),
        _ => return Vec::new(),
    };
    let mut parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    parts.truncate(parts.len().saturating_sub(own));
    parts
}

/// The columns of figures, those that say most first.
const COLUMNS: usize = 5;

/// Which columns of figures there are in a table of this width, and how wide the column of names is.
fn layout(width: usize) -> (usize, usize) {
    const NODES: usize = 6;
    let figures = width.saturating_sub(NARROWEST_LAYER + NODES) / (WIDTH + 1);
    let figures = figures.clamp(1, COLUMNS);
    (figures, width.saturating_sub(NODES + figures * (WIDTH + 1)).clamp(NARROWEST_LAYER, LAYER))
}

/// The table, and what holds of the whole, as lines that are no wider than this.
fn table(stats: &Stats, layers: &[Layer], width: usize) -> Result<String> {
    let mut out = String::new();
    let total = stats.total();
    let (figures, names) = layout(width);
    // The order in which they stand, and of which rank each is where not all have room.
    let columns = [("params", 0), ("weights", 4), ("flops", 1), ("read", 2), ("written", 3)];
    let shown: Vec<usize> = (0..COLUMNS).filter(|column| columns[*column].1 < figures).collect();
    let titles: Vec<String> = shown.iter().map(|column| format!("{:>WIDTH$}", columns[*column].0)).collect();
    writeln!(out, "{DIM}{:<names$} {:>5} {}{DIM:#}", "layer", "nodes", titles.join(" "))?;
    let mut shortened = false;
    let mut row = |out: &mut String, name: &str, nodes: usize, cost: &Cost| -> std::fmt::Result {
        let cells = [
            cell(&cost.weights, count, &mut shortened),
            cell(&cost.weight_bytes, bytes, &mut shortened),
            cell(&cost.flops, count, &mut shortened),
            cell(&cost.read, bytes, &mut shortened),
            cell(&cost.written, bytes, &mut shortened),
        ];
        let cells: Vec<String> = shown.iter().map(|column| format!("{:>WIDTH$}", cells[*column])).collect();
        writeln!(out, "{NAME}{:<names$}{NAME:#} {nodes:>5} {}", shorten(name, names), cells.join(" "))
    };
    for layer in layers {
        row(&mut out, &layer.name, layer.nodes, &layer.cost)?;
    }
    row(&mut out, "total", stats.nodes.len(), &total)?;
    writeln!(out)?;
    let mut line = |title: &str, text: String| -> std::fmt::Result {
        for (place, part) in view::wrap(&text, width.saturating_sub(TITLE + 1)).iter().enumerate() {
            writeln!(out, "{:<TITLE$} {part}", if place == 0 { title } else { "" })?;
        }
        Ok(())
    };
    line("flops", whole(&total.flops, count))?;
    line("multiply-adds", format!("{}, each two of the flops", whole(&total.macs, count)))?;
    line("parameters", format!("{}, {}", whole(&total.weights, count), whole(&total.weight_bytes, bytes)))?;
    line("read", whole(&total.read, bytes))?;
    line("written", whole(&total.written, bytes))?;
    line("peak", format!("{} of values at one time, without weights", whole(&stats.peak, bytes)))?;
    if !stats.uncounted.is_empty() {
        let ops: Vec<String> = stats.uncounted.iter().map(|(op, nodes)| format!("{op} ({nodes})")).collect();
        line("not counted", format!("the operations of {}", ops.join(", ")))?;
    }
    for note in stats.notes.iter().take(NOTES) {
        line("note", note.clone())?;
    }
    if stats.notes.len() > NOTES {
        line("note", format!("there are {} more like these; --json has all", stats.notes.len() - NOTES))?;
    }
    if shortened {
        line("note", "… hangs on dims that aren't known: give them with --dim NAME=SIZE".to_owned())?;
    }
    if figures < COLUMNS {
        let left: Vec<&str> = columns.iter().filter(|(_, rank)| *rank >= figures).map(|(title, _)| *title).collect();
        line("note", format!("there is no room for {} by layer; --json has all", left.join(", ")))?;
    }
    Ok(out)
}

/// A figure in a column: a number, a formula that is short enough, `…` for a longer one, `?` where nothing is known.
fn cell(figure: &Dim, number: fn(i64) -> String, shortened: &mut bool) -> String {
    match figure {
        Dim::Int(value) => number(*value),
        Dim::Unknown => {
            *shortened = true;
            "?".to_owned()
        }
        Dim::Expr(_) => {
            let text = figure.to_string();
            if text.len() <= WIDTH {
                return text;
            }
            *shortened = true;
            "…".to_owned()
        }
    }
}

/// A figure, whole.
fn whole(figure: &Dim, number: fn(i64) -> String) -> String {
    match figure {
        Dim::Int(value) => number(*value),
        other => other.to_string(),
    }
}

/// A number in thousands, as people write it.
fn count(value: i64) -> String {
    let units = ["", "k", "M", "G", "T", "P"];
    let (mut scaled, mut unit) = (value as f64, 0);
    while scaled.abs() >= 1000.0 && unit + 1 < units.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 { value.to_string() } else { format!("{scaled:.2} {}", units[unit]) }
}

fn bytes(value: i64) -> String {
    view::bytes(usize::try_from(value).unwrap_or(usize::MAX))
}

/// A name that fits into its column: what is left out is at its beginning.
fn shorten(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let rest: String = name.chars().skip(length + 1 - width).collect();
    format!("…{rest}")
}

/// The machine form: figures are numbers, formulas texts, and what isn't known is null.
fn document(name: &str, stats: &Stats, layers: &[Layer], sizes: &Bindings) -> Value {
    let layer = |layer: &Layer| {
        let mut row = cost(&layer.cost);
        row["layer"] = json!(layer.name);
        row["nodes"] = json!(layer.nodes);
        row
    };
    let sizes: serde_json::Map<String, Value> =
        sizes.iter().map(|(name, dim)| (name.to_owned(), figure(dim))).collect();
    let mut total = cost(&stats.total());
    total["nodes"] = json!(stats.nodes.len());
    json!({
        "format": "glassbox.stats",
        "version": 1,
        "model": name,
        "dims": sizes,
        "total": total,
        "peak_bytes": figure(&stats.peak),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        "not_counted": stats.uncounted,
        "notes": stats.notes,
    })
}

fn cost(cost: &Cost) -> Value {
    json!({
        "parameters": figure(&cost.weights),
        "weight_bytes": figure(&cost.weight_bytes),
        "flops": figure(&cost.flops),
        "multiply_adds": figure(&cost.macs),
        "bytes_read": figure(&cost.read),
        "bytes_written": figure(&cost.written),
    })
}

fn figure(figure: &Dim) -> Value {
    match figure {
        Dim::Int(value) => json!(value),
        Dim::Expr(_) => json!(figure.to_string()),
        Dim::Unknown => Value::Null,
    }
}
