//! What is checked before anything is built: opsets, ops, calls.
//!
//! Every node of the graph, of the graphs inside its nodes and of the functions that are called is
//! looked at, so that all unsupported ops are reported at once. Functions may not call themselves, and
//! calls may nest only so deep.

use std::collections::{BTreeMap, HashMap};

use crate::error::{OnnxError, UnsupportedNode};
use crate::model::{Function, Graph, Model, Node};
use crate::ops;

/// How deep calls may nest.
const MOST_CALLS: usize = 64;

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
pub(crate) fn check(model: &Model, functions: &Functions) -> Result<(), OnnxError> {
    let mut walk = Walk { functions, heights: HashMap::new(), unsupported: Vec::new() };
    walk.opsets(&model.opsets)?;
    walk.graph(&model.graph, &model.opsets, &mut Vec::new())?;
    if walk.unsupported.is_empty() { Ok(()) } else { Err(OnnxError::Unsupported(walk.unsupported)) }
}

struct Walk<'a> {
    functions: &'a Functions<'a>,
    /// How deep the calls in each function nest that was looked at.
    heights: HashMap<*const Function, usize>,
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

    /// How deep the calls in a graph nest.
    fn graph(
        &mut self,
        graph: &'a Graph,
        opsets: &BTreeMap<String, i64>,
        calls: &mut Vec<&'a Function>,
    ) -> Result<usize, OnnxError> {
        let mut height = 0;
        for node in &graph.nodes {
            for body in node.graphs() {
                height = height.max(self.graph(body, opsets, calls)?);
            }
            match called(self.functions, node) {
                Some(function) => height = height.max(self.function(function, calls)?),
                None => self.node(node, opsets, calls.last().copied()),
            }
        }
        Ok(height)
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

    fn function(&mut self, function: &'a Function, calls: &mut Vec<&'a Function>) -> Result<usize, OnnxError> {
        let place = || format!("function `{}`", function.label());
        if let Some(start) = calls.iter().position(|other| std::ptr::eq(*other, function)) {
            let cycle: Vec<String> = calls[start..].iter().map(|function| function.label()).collect();
            return Err(OnnxError::structure(place(), format!("it calls itself: {}", cycle.join(" -> "))));
        }
        let height = match self.heights.get(&std::ptr::from_ref(function)) {
            Some(height) => *height,
            None => {
                self.opsets(&function.opsets)?;
                calls.push(function);
                if calls.len() > MOST_CALLS {
                    return Err(OnnxError::TooLarge(format!("calls nest deeper than {MOST_CALLS} at {}", place())));
                }
                let height = 1 + self.graph(&function.body, &function.opsets, calls)?;
                calls.pop();
                self.heights.insert(std::ptr::from_ref(function), height);
                height
            }
        };
        if calls.len() + height > MOST_CALLS {
            return Err(OnnxError::TooLarge(format!("calls nest deeper than {MOST_CALLS} at {}", place())));
        }
        Ok(height)
    }
}
