//! Maps that go into a graph and come out: the tensors that stand for them, and what the metadata says of these.

use std::collections::HashSet;

use glassbox_ir::{Type, ValueId, ops};
use glassbox_tensor::Tensor;

use super::Frame;
use super::scope::Scope;
use crate::maps::{METADATA, MapInput, Maps, MapsOutput};
use crate::model::{Graph, Model, ValueInfo};

/// Makes the two inputs that stand for a map.
pub(super) fn input(
    frame: &Frame,
    scope: &Scope,
    taken: &mut HashSet<String>,
    name: &str,
    types: [&Type; 2],
) -> MapInput {
    let mut unique = |part: &str| {
        let mut unique = format!("{name}.{part}");
        while !taken.insert(unique.clone()) {
            unique.push('_');
        }
        unique
    };
    let input = MapInput { name: name.to_owned(), keys: unique("keys"), values: unique("values") };
    let mut builder = frame.f.builder();
    let parts = [builder.input(&input.keys, types[0].clone()), builder.input(&input.values, types[1].clone())];
    drop(builder);
    scope.define_map(name, parts);
    let what = format!("map({}, {})", types[0].dtype(), types[1].dtype());
    let note = format!(
        "input `{name}` is a {what}: it is two inputs, `{}` and `{}`, with an element for each entry",
        input.keys, input.values
    );
    frame.notes.borrow_mut().push(note);
    input
}

/// Every name of a graph, bodies left out: inner names may hide outer ones.
pub(super) fn names(graph: &Graph) -> HashSet<String> {
    let formal = graph.inputs.iter().chain(&graph.outputs).map(|info| info.name.as_str());
    let nodes = graph.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str));
    let fixed = graph.initializers.iter().map(|(name, _)| name.as_str());
    formal.chain(nodes).chain(fixed).map(str::to_owned).collect()
}

/// Writes into the metadata which inputs and outputs stand for maps. Of a model that has none, but is what a graph with such
/// tensors was exported as, what the file says stays.
pub(super) fn tell(frame: &Frame, inputs: Vec<MapInput>, model: &Model, outputs: &[ValueId]) {
    let zipped = frame.zipped.borrow();
    let named = model.graph.outputs.iter().zip(outputs);
    let output = |(info, value): (&ValueInfo, &ValueId)| {
        let keys = keys(frame, &zipped, *value)?;
        Some(MapsOutput { name: info.name.clone(), keys })
    };
    let maps = Maps { inputs, outputs: named.filter_map(output).collect() };
    let said = || model.metadata.iter().find(|(key, _)| key == METADATA).map(|(_, text)| text.clone());
    if let Some(text) = maps.metadata().or_else(said) {
        frame.f.builder().metadata(METADATA, text);
    }
}

/// The keys of the columns of a value that a `ZipMap` gave, where nothing but copies was made of it since.
fn keys(frame: &Frame, zipped: &[(ValueId, Tensor)], mut value: ValueId) -> Option<Tensor> {
    loop {
        if let Some((_, keys)) = zipped.iter().find(|(table, _)| *table == value) {
            return Some(keys.clone());
        }
        let builder = frame.f.builder();
        let (node, _) = builder.def(value)?;
        let node = builder.graph().node(node);
        if !std::ptr::eq(node.op, &ops::identity::OP) {
            return None;
        }
        value = (*node.operands.first()?)?;
    }
}
