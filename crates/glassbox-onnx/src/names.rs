//! The rules of names: every value is defined once, and before it is read.
//!
//! A graph inside a node sees the names that are defined before the node, in the graphs around it. Its
//! node outputs and initializers may not use one of those names again: which value is meant other programs decide
//! differently. Its inputs may, and hide it. A
//! function sees only its own names. A violation says whether the value exists nowhere, is defined too
//! late, or depends on itself.

use std::collections::{HashMap, HashSet};

use crate::error::OnnxError;
use crate::model::{Graph, Model, Node};

/// Checks the names of a model.
pub(crate) fn check(model: &Model) -> Result<(), OnnxError> {
    Names::check(&model.graph, None, "the graph")?;
    let mut functions = HashSet::new();
    for function in &model.functions {
        let place = format!("function `{}`", function.label());
        if !functions.insert((&function.domain, &function.name, &function.overload)) {
            return Err(OnnxError::structure(place, "it is defined twice"));
        }
        Names::check(&function.body, None, &place)?;
    }
    Ok(())
}

/// The names that are defined so far in one graph.
struct Names<'a> {
    outer: Option<&'a Names<'a>>,
    graph: &'a Graph,
    defined: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn check(graph: &'a Graph, outer: Option<&'a Names<'a>>, place: &str) -> Result<(), OnnxError> {
        let mut names = Names { outer, graph, defined: HashSet::new() };
        names.formal(place)?;
        for (index, node) in graph.nodes.iter().enumerate() {
            let label = || format!("{} `{}` in {place}", node.full_op(), node.label());
            if let Some(input) = node.inputs.iter().find(|input| !input.is_empty() && !names.sees(input)) {
                return Err(OnnxError::structure(label(), names.explain(input, index)));
            }
            for body in node.graphs() {
                Names::check(body, Some(&names), &format!("graph `{}` of {}", body.name, label()))?;
            }
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                if names.sees(output) {
                    let rule = format!("its output `{output}` is the name of another value; names must be unique");
                    return Err(OnnxError::structure(label(), rule));
                }
                names.defined.insert(output);
            }
        }
        for output in &graph.outputs {
            if !names.sees(&output.name) {
                let rule = format!("its output `{}` is no value of the graph", output.name);
                return Err(OnnxError::structure(place, rule));
            }
        }
        Ok(())
    }

    /// Inputs and initializers: named, and each once. An initializer may be the value of an input.
    fn formal(&mut self, place: &str) -> Result<(), OnnxError> {
        let graph = self.graph;
        let inputs = graph.inputs.iter().map(|input| input.name.as_str());
        let initializers = graph.initializers.iter().map(|(name, _)| name.as_str());
        for (kind, names) in [("input", inputs.collect::<Vec<_>>()), ("initializer", initializers.collect())] {
            let mut seen = HashSet::new();
            for name in names {
                if name.is_empty() || !seen.insert(name) {
                    let rule = format!("names must be there and unique, but the {kind} `{name}` isn't");
                    return Err(OnnxError::structure(place, rule));
                }
            }
            self.defined.extend(seen);
        }
        if let Some(outer) = self.outer {
            let inputs: HashSet<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
            let hides = |name: &&str| outer.sees(name) && !inputs.contains(name);
            if let Some(name) = graph.initializers.iter().map(|(name, _)| name.as_str()).find(hides) {
                let rule = format!(
                    "its initializer `{name}` has the name of a value around it; which of the two is meant isn't said, and \
                     onnxruntime and the reference evaluator of ONNX take different ones. Rename one of them"
                );
                return Err(OnnxError::structure(place, rule));
            }
        }
        Ok(())
    }

    fn sees(&self, name: &str) -> bool {
        self.defined.contains(name) || self.outer.is_some_and(|outer| outer.sees(name))
    }

    /// Why the node in place `reader` doesn't see `name`.
    fn explain(&self, name: &str, reader: usize) -> String {
        let mut level = Some(self);
        while let Some(names) = level {
            let gives = |node: &Node| node.outputs.iter().any(|output| output == name);
            if let Some(producer) = names.graph.nodes.iter().position(gives) {
                let node = &names.graph.nodes[producer];
                let (op, label) = (node.full_op(), node.label());
                let within = std::ptr::eq(names, self);
                return if within && depends(names.graph, producer, reader) {
                    format!("its input `{name}` is given by {op} `{label}`, which depends on this node: a cycle")
                } else {
                    format!(
                        "its input `{name}` is given by {op} `{label}`, which comes later; \
                         nodes must be in topological order"
                    )
                };
            }
            level = names.outer;
        }
        format!("its input `{name}` is no value of the model")
    }
}

/// Whether node `from` reads, through any number of nodes, what node `on` gives.
fn depends(graph: &Graph, from: usize, on: usize) -> bool {
    let mut producers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let named = node.outputs.iter().filter(|output| !output.is_empty());
        producers.extend(named.map(|output| (output.as_str(), index)));
    }
    let (mut seen, mut stack) = (HashSet::new(), vec![from]);
    while let Some(index) = stack.pop() {
        if index == on {
            return true;
        }
        if seen.insert(index) {
            let mut names = Vec::new();
            read_names(&graph.nodes[index], &mut names);
            stack.extend(names.iter().filter_map(|name| producers.get(name)));
        }
    }
    false
}

/// Every name that a node or a graph in it reads, those of values inside that graph among them.
pub(crate) fn read_names<'a>(node: &'a Node, names: &mut Vec<&'a str>) {
    names.extend(node.inputs.iter().map(String::as_str));
    for graph in node.graphs() {
        names.extend(graph.outputs.iter().map(|output| output.name.as_str()));
        for node in &graph.nodes {
            read_names(node, names);
        }
    }
}
