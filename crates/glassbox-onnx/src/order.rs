//! Nodes that stand in another order than they can be computed in.
//!
//! The format says that nodes stand in topological order, and some writers don't keep to it. What comes in is a model as it
//! was decoded; what goes out is the same model with the nodes of each graph, body and function sorted where that is
//! needed, and a line for each graph that was sorted. Nodes keep their order as far as what they read allows. A graph with
//! a cycle stays as it is: [`names`](crate::names) says what is wrong with it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::model::{AttributeValue, Graph, Model, Node};

/// Sorts the nodes of every graph of a model; says which graphs had to be.
pub(crate) fn sort(model: &mut Model) -> Vec<String> {
    let mut notes = Vec::new();
    graph(&mut model.graph, "the graph", &mut notes);
    for function in &mut model.functions {
        let place = format!("function `{}`", function.label());
        graph(&mut function.body, &place, &mut notes);
    }
    notes
}

fn graph(it: &mut Graph, place: &str, notes: &mut Vec<String>) {
    for node in &mut it.nodes {
        let label = format!("{} `{}`", node.full_op(), node.label());
        for attribute in &mut node.attributes {
            let bodies = match &mut attribute.value {
                AttributeValue::Graph(body) => std::slice::from_mut(&mut **body),
                AttributeValue::Graphs(bodies) => bodies.as_mut_slice(),
                _ => &mut [],
            };
            for body in bodies {
                let place = format!("graph `{}` of {label} in {place}", body.name);
                graph(body, &place, notes);
            }
        }
    }
    let Some(order) = order(it) else { return };
    let mut nodes: Vec<Option<Node>> = std::mem::take(&mut it.nodes).into_iter().map(Some).collect();
    it.nodes = order.into_iter().filter_map(|index| nodes[index].take()).collect();
    notes.push(format!("{place}: its nodes aren't in topological order; they were sorted"));
}

/// The order in which the nodes can be computed; none where they stand in one, or there is a cycle.
fn order(graph: &Graph) -> Option<Vec<usize>> {
    let mut givers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            // Of two nodes that give the same name neither is sorted by it: that is an error in any order.
            givers.entry(output).or_insert(index);
        }
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut missing = vec![0usize; graph.nodes.len()];
    let mut sorted = true;
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut read = HashSet::new();
        free_names(node, &mut read);
        let before: HashSet<usize> = read.iter().filter_map(|name| givers.get(name).copied()).collect();
        for giver in before {
            sorted &= giver < index;
            users[giver].push(index);
            missing[index] += 1;
        }
    }
    if sorted {
        return None;
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| Reverse(index)).collect();
    let mut order = Vec::with_capacity(graph.nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for user in &users[index] {
            missing[*user] -= 1;
            if missing[*user] == 0 {
                ready.push(Reverse(*user));
            }
        }
    }
    (order.len() == graph.nodes.len()).then_some(order)
}

/// The names that a node reads of the graph that it stands in: its operands, and what its bodies read that they don't have
/// themselves.
fn free_names<'a>(node: &'a Node, names: &mut HashSet<&'a str>) {
    names.extend(node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
    for body in node.graphs() {
        let mut own: HashSet<&str> = body.inputs.iter().map(|input| input.name.as_str()).collect();
        own.extend(body.initializers.iter().map(|(name, _)| name.as_str()));
        own.extend(body.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)));
        let mut read: HashSet<&str> = body.outputs.iter().map(|output| output.name.as_str()).collect();
        body.nodes.iter().for_each(|node| free_names(node, &mut read));
        names.extend(read.difference(&own));
    }
}
