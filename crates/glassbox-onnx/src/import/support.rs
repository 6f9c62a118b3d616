//! What is checked before anything is built: opsets, ops, calls.
//!
//! Every node of the graph, of the graphs inside its nodes and of the functions that are called is
//! looked at, so that all unsupported ops are reported at once. Functions may not call themselves, and
//! calls may nest only so deep. Nodes are counted as often as the functions that they are in are called.

use std::collections::{BTreeMap, HashMap};

use crate::error::{OnnxError, UnsupportedNode};
use crate::model::{Function, Graph, Model, Node};
use crate::ops;

/// How deep calls may nest.
const MAX_CALLS: usize = 64;

/// The functions of a model by domain, name and overload.
pub(crate) type Functions<'a> = HashMap<(&'a str, &'a str, &'a str), &'a Function>;

/// The functions of a model.
pub(crate) fn functions(model: &Model) -> Functions<'_> {
    fn key(function: &Function) -> (&str, &str, &str) {
        (&function.domain, &function.name, &function.overload)
    }
    model.functions.iter().map(|function| (key(function), function)).collect()
}

/// The function that a node calls, where it calls one. A function hides an op of the same name.
pub(crate) fn called<'a>(functions: &Functions<'a>, node: &Node) -> Option<&'a Function> {
    functions.get(&(node.domain.as_str(), node.op.as_str(), node.overload.as_str())).copied()
}

/// Checks a model.
pub(crate) fn check(model: &Model, functions: &Functions, most_nodes: usize) -> Result<(), OnnxError> {
    let mut walk = Walk { functions, extents: HashMap::new(), unsupported: Vec::new() };
    walk.opsets(&model.opsets)?;
    let extent = walk.graph(&model.graph, &model.opsets, &mut Vec::new())?;
    if !walk.unsupported.is_empty() {
        return Err(OnnxError::Unsupported(walk.unsupported));
    }
    if extent.nodes > most_nodes {
        return Err(too_many_nodes(most_nodes));
    }
    Ok(())
}

/// The error of a model that stands for too many nodes.
pub(super) fn too_many_nodes(most: usize) -> OnnxError {
    OnnxError::TooLarge(format!(
        "its nodes, those of functions at each call, are more than `ImportOptions::most_nodes`, {most}"
    ))
}

/// What a graph or function stands for.
#[derive(Clone, Copy, Default)]
struct Extent {
    /// How deep the calls in it nest.
    height: usize,
    /// How many nodes there are, those of functions at each call.
    nodes: usize,
}

impl Extent {
    /// Includes what a node of it stands for.
    fn include(&mut self, inner: Extent) {
        self.height = self.height.max(inner.height);
        self.nodes = self.nodes.saturating_add(inner.nodes);
    }
}

struct Walk<'a> {
    functions: &'a Functions<'a>,
    /// The functions that were looked at.
    extents: HashMap<*const Function, Extent>,
    unsupported: Vec<UnsupportedNode>,
}

impl<'a> Walk<'a> {
    fn opsets(&self, opsets: &BTreeMap<String, i64>) -> Result<(), OnnxError> {
        for (domain, version) in opsets {
            let Some((_, latest)) = ops::DOMAINS.iter().find(|(known, _)| known == domain) else { continue };
            if !(1..=*latest).contains(version) {
                let rule = format!("versions 1 to {latest} are understood; convert the model to one of them");
                return Err(OnnxError::Opset { domain: domain.clone(), version: *version, rule });
            }
        }
        Ok(())
    }

    fn graph(
        &mut self,
        graph: &'a Graph,
        opsets: &BTreeMap<String, i64>,
        calls: &mut Vec<&'a Function>,
    ) -> Result<Extent, OnnxError> {
        let mut extent = Extent { height: 0, nodes: graph.nodes.len() };
        for node in &graph.nodes {
            for body in node.graphs() {
                extent.include(self.graph(body, opsets, calls)?);
            }
            match called(self.functions, node) {
                Some(function) => extent.include(self.function(function, calls)?),
                None => self.node(node, opsets, calls.last().copied()),
            }
        }
        Ok(extent)
    }

    fn node(&mut self, node: &Node, opsets: &BTreeMap<String, i64>, function: Option<&Function>) {
        let version = opsets.get(&node.domain).copied();
        let found = version.is_some_and(|version| ops::find(&node.domain, &node.op, version).is_some());
        if !found {
            let label = match function {
                Some(function) => format!("{} (in function `{}`)", node.label(), function.label()),
                None => node.label().to_owned(),
            };
            let (op, domain) = (node.op.clone(), node.domain.clone());
            self.unsupported.push(UnsupportedNode { node: label, op, domain, version });
        }
    }

    fn function(&mut self, function: &'a Function, calls: &mut Vec<&'a Function>) -> Result<Extent, OnnxError> {
        let place = || format!("function `{}`", function.label());
        if let Some(start) = calls.iter().position(|other| std::ptr::eq(*other, function)) {
            let cycle: Vec<String> = calls[start..].iter().map(|function| function.label()).collect();
            return Err(OnnxError::structure(place(), format!("it calls itself: {}", cycle.join(" -> "))));
        }
        let extent = match self.extents.get(&std::ptr::from_ref(function)) {
            Some(extent) => *extent,
            None => {
                self.opsets(&function.opsets)?;
                calls.push(function);
                if calls.len() > MAX_CALLS {
                    return Err(OnnxError::TooLarge(format!("calls nest deeper than {MAX_CALLS} at {}", place())));
                }
                let mut extent = self.graph(&function.body, &function.opsets, calls)?;
                extent.height += 1;
                calls.pop();
                self.extents.insert(std::ptr::from_ref(function), extent);
                extent
            }
        };
        if calls.len() + extent.height > MAX_CALLS {
            return Err(OnnxError::TooLarge(format!("calls nest deeper than {MAX_CALLS} at {}", place())));
        }
        Ok(extent)
    }
}
