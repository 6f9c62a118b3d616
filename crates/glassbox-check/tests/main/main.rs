//! Hunts over small graphs, each with one thing wrong that must be found and named; and what is made of reports.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bodies;
mod fused;
mod given;
mod hunting;
mod memory;
mod numbers;
mod view;
mod weights;

use std::sync::Arc;

use glassbox_check::report::Report;
use glassbox_check::side::{Entry, Stored};
use glassbox_check::tolerance::Tolerances;
use glassbox_check::{Engine, Hunt, Model, Other, Source};
use glassbox_exec::{Nodes, Options, Precision, Value};
use glassbox_ir::Graph;
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_tensor::{NoParams, Tensor};

fn graph(text: &str) -> Graph {
    parse(text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn model(graph: Graph, inputs: &[Value]) -> Model {
    let outputs: Vec<String> = graph.outputs().iter().map(|id| graph.value_label(*id)).collect();
    let engine = Engine { runtime: glassbox_backends::reference(), options: Options::default() };
    let source = Source { graph: Arc::new(graph), params: Arc::new(NoParams), outputs: &outputs, onnx: None };
    Model::new("ours", engine, source, inputs.to_vec())
}

fn hunt(ours: &Model, other: Other) -> Report {
    let hunt = Hunt { reference: glassbox_backends::reference(), tolerances: Tolerances::default() };
    hunt.run(ours, other).expect("both sides run")
}

/// A graph against itself in f64.
fn against_precise(text: &str, inputs: &[Value]) -> Report {
    let options = Options { precision: Precision::Precise, ..Options::default() };
    let (name, runtime) = ("precise".to_owned(), glassbox_backends::reference());
    hunt(&model(graph(text), inputs), Other::Itself { name, runtime, options, precise: true, nodes: Nodes::Given })
}

/// A graph against values that were stored under these names.
fn against_stored(text: &str, inputs: &[Value], stored: &[(&str, Tensor)]) -> Report {
    let entry = |(name, tensor): &(&str, Tensor)| {
        let tensor = tensor.clone();
        Entry { name: (*name).to_owned(), turns: Vec::new(), load: Box::new(move || Ok(tensor.clone().into())) }
    };
    let (values, skeleton) = Stored::new(stored.iter().map(entry).collect(), None);
    let (name, values) = ("stored".to_owned(), Box::new(values));
    let other = Other::Values { name, values, skeleton, meaning: None, of_this_model: false };
    hunt(&model(graph(text), inputs), other)
}

/// One graph against another.
fn against(ours: &str, theirs: &str, inputs: &[Value]) -> Report {
    hunt(&model(graph(ours), inputs), Other::Model(Box::new(model(graph(theirs), inputs))))
}
