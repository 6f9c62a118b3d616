//! Where nodes are: in the graph, in the bodies of its nodes, or in functions.

use std::collections::HashSet;

use glassbox_ir::edit::EditError;
use glassbox_ir::text::nearest;

use crate::model::{AttributeValue, Graph, Model, Node};

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The place of the function in the file, or none for the graph of the model.
    pub(super) function: Option<usize>,
    /// The place of a node; then, as often as bodies nest, the place of its attribute, that of a graph in it, and that of a
    /// node in the graph.
    pub(super) path: Vec<usize>,
}

/// The node of a model that gives a value of this name, or else that is named so, wherever it is.
pub(super) fn find<'m>(model: &'m Model, name: &str) -> Result<(Location, &'m Node), EditError> {
    let nodes = all(model);
    let gives = |(_, node): &&(Location, &Node)| node.outputs.iter().any(|output| output == name && !output.is_empty());
    let named = |(_, node): &&(Location, &Node)| node.name == name && !name.is_empty();
    let mut found: Vec<&(Location, &Node)> = nodes.iter().filter(gives).collect();
    if found.is_empty() {
        found = nodes.iter().filter(named).collect();
    }
    match found.as_slice() {
        [(location, node)] => Ok((location.clone(), node)),
        [] => {
            let names = nodes.iter().flat_map(|(_, node)| node.outputs.iter().chain([&node.name]));
            let near = nearest(name, names.map(String::as_str).filter(|name| !name.is_empty())).map(str::to_owned);
            Err(EditError::UnknownNode { name: name.to_owned(), near })
        }
        several => {
            const SHOWN: usize = 4;
            let results = several.iter().take(SHOWN).filter_map(|(_, node)| node.outputs.first().cloned());
            let mut results: Vec<String> = results.collect();
            if several.len() > SHOWN {
                results.push("…".to_owned());
            }
            let (name, count) = (name.to_owned(), several.len());
            Err(EditError::SeveralNodes { name, count, results: results.join(", ") })
        }
    }
}

/// Every node with its place.
fn all(model: &Model) -> Vec<(Location, &Node)> {
    let mut found = Vec::new();
    add(&model.graph, None, &[], &mut found);
    for (place, function) in model.functions.iter().enumerate() {
        add(&function.body, Some(place), &[], &mut found);
    }
    found
}

/// The nodes of a graph at `path`, and those in their bodies. The decoder limits how deep bodies nest.
fn add<'m>(graph: &'m Graph, function: Option<usize>, path: &[usize], found: &mut Vec<(Location, &'m Node)>) {
    let below = |path: &[usize], places: &[usize]| path.iter().chain(places).copied().collect::<Vec<_>>();
    for (place, node) in graph.nodes.iter().enumerate() {
        let path = below(path, &[place]);
        found.push((Location { function, path: path.clone() }, node));
        for (attribute, value) in node.attributes.iter().enumerate() {
            let bodies = match &value.value {
                AttributeValue::Graph(body) => std::slice::from_ref(&**body),
                AttributeValue::Graphs(bodies) => bodies.as_slice(),
                _ => &[],
            };
            for (index, body) in bodies.iter().enumerate() {
                add(body, function, &below(&path, &[attribute, index]), found);
            }
        }
    }
}

/// The node of the graph that has a value of this name in a body.
pub(super) fn inside_of<'m>(graph: &'m Graph, name: &str) -> Option<&'m Node> {
    graph.nodes.iter().find(|node| {
        let mut names = HashSet::new();
        inner_names(node, &mut names);
        names.contains(name)
    })
}

/// The names of the values in the bodies of a node.
pub(super) fn inner_names<'m>(node: &'m Node, names: &mut HashSet<&'m str>) {
    for graph in node.graphs() {
        names.extend(graph.inputs.iter().map(|input| input.name.as_str()));
        names.extend(graph.initializers.iter().map(|(name, _)| name.as_str()));
        for node in &graph.nodes {
            names.extend(node.outputs.iter().map(String::as_str));
            inner_names(node, names);
        }
    }
}
