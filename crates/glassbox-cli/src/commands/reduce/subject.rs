//! The model that is reduced: its nodes by the names of what they read and give, and pieces of it as files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use glassbox_ir::edit::{body_value, extract, name_all};
use glassbox_ir::{Graph, NodeId, ValueId, ops};
use glassbox_onnx::edit::{Cut, Source};
use glassbox_runtime::LoadOptions;
use glassbox_tensor::ParamSource;

use crate::model;
use crate::targets::{self, Kind};

/// The model.
pub(super) enum Subject {
    /// An ONNX file.
    Onnx(Box<Source>),
    /// Anything else: a graph, each value of which has a name, its parameters, and the files that it is read from.
    Graph(Box<Graph>, Arc<dyn ParamSource>, Vec<PathBuf>),
}

/// A node.
pub(super) struct Unit {
    /// The values that it reads, without those that are constants of the model.
    pub(super) reads: Vec<String>,
    /// The values that it gives.
    pub(super) gives: Vec<String>,
}

impl Subject {
    pub(super) fn open(name: &str) -> Result<Subject> {
        if let Some(source) = model::onnx_source(name)? {
            return Ok(Subject::Onnx(Box::new(source)));
        }
        let model = model::open(name, LoadOptions::default())?;
        let sources = targets::sources(name, Some(&model));
        Ok(Subject::Graph(Box::new(name_all(model.graph()?)), model.params(), sources))
    }

    /// The ending of its pieces.
    pub(super) fn ending(&self) -> &'static str {
        match self {
            Subject::Onnx(_) => Kind::Onnx.ending(),
            Subject::Graph(..) => Kind::Text.ending(),
        }
    }

    /// Whether a piece may be written to a file: by its ending, and by what is there.
    pub(super) fn check(&self, name: &str, output: &Path, force: bool) -> Result<()> {
        match self {
            Subject::Onnx(source) => {
                Kind::of(output, &[Kind::Onnx])?;
                let sources = targets::sources(name, None);
                targets::check(output, &sources, force)?;
                source.copy()?.data_path(output)?.map_or(Ok(()), |data| targets::check(&data, &sources, force))
            }
            Subject::Graph(graph, _, sources) => {
                Kind::of(output, &[Kind::Text])?;
                targets::check(output, sources, force)?;
                match targets::parameters(graph).is_empty() {
                    true => Ok(()),
                    false => targets::check(&output.with_extension(Kind::Oinf.ending()), sources, force),
                }
            }
        }
    }

    /// The nodes, in order, without constants: those come along with what reads them.
    pub(super) fn units(&self) -> Vec<Unit> {
        match self {
            Subject::Onnx(source) => onnx_units(source),
            Subject::Graph(graph, ..) => graph_units(graph),
        }
    }

    pub(super) fn outputs(&self) -> Vec<String> {
        match self {
            Subject::Onnx(source) => source.model().graph.outputs.iter().map(|output| output.name.clone()).collect(),
            Subject::Graph(graph, ..) => graph.outputs().iter().map(|id| graph.value_label(*id)).collect(),
        }
    }

    /// Writes the piece between values.
    pub(super) fn write(&self, from: &[String], to: &[String], path: &Path) -> Result<Vec<PathBuf>> {
        if to.is_empty() {
            bail!("a piece without outputs computes nothing");
        }
        match self {
            Subject::Onnx(source) => {
                let cut = Cut { from: from.to_vec(), to: to.to_vec() };
                Ok(source.extract(&cut)?.write(path)?)
            }
            Subject::Graph(graph, params, _) => {
                let ids = |names: &[String]| -> Result<Vec<ValueId>, _> {
                    names.iter().map(|name| body_value(graph, name)).collect()
                };
                let piece = extract(graph, &ids(from)?, &ids(to)?)?;
                targets::write_graph(&piece.graph, params.as_ref(), path, &[], true)
            }
        }
    }
}

fn onnx_units(source: &Source) -> Vec<Unit> {
    let graph = &source.model().graph;
    let inputs = graph.inputs.iter().map(|input| input.name.as_str());
    let given: HashSet<&str> = graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
    let mut values: HashSet<&str> = inputs.filter(|name| !given.contains(name)).collect();
    let mut units = Vec::new();
    for wired in source.wired() {
        let node = wired.node;
        if node.inputs.is_empty() && node.op == "Constant" && node.domain.is_empty() {
            continue;
        }
        values.extend(node.outputs.iter().map(String::as_str));
        let reads = wired.reads.into_iter().filter(|name| values.contains(name)).map(str::to_owned).collect();
        let gives = node.outputs.iter().filter(|name| !name.is_empty()).cloned().collect();
        units.push(Unit { reads, gives });
    }
    units
}

fn graph_units(graph: &Graph) -> Vec<Unit> {
    let body = graph.region(graph.body());
    let is_constant = |id: NodeId| [&ops::constant::OP, &ops::parameter::OP].contains(&graph.node(id).op);
    let nodes = || body.nodes.iter().copied().filter(|id| !is_constant(*id));
    let mut values: HashSet<ValueId> = body.parameters.iter().copied().collect();
    values.extend(nodes().flat_map(|id| graph.node(id).results.iter().copied()));
    let names = |ids: &mut dyn Iterator<Item = ValueId>| ids.map(|id| graph.value_label(id)).collect();
    let unit = |id: NodeId| {
        let (mut reads, mut stack) = (Vec::new(), vec![id]);
        while let Some(id) = stack.pop() {
            let node = graph.node(id);
            reads.extend(node.operands.iter().flatten().copied());
            for region in node.regions.iter().map(|region| graph.region(*region)) {
                reads.extend(&region.results);
                stack.extend(&region.nodes);
            }
        }
        let reads = names(&mut reads.into_iter().filter(|id| values.contains(id)));
        Unit { reads, gives: names(&mut graph.node(id).results.iter().copied()) }
    };
    nodes().map(unit).collect()
}
