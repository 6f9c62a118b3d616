//! Skeletons: what is to be known of a model to pair it with another, and to tell in what the two differ.
//!
//! A skeleton is made of a graph ([`of_graph`]), where the nodes that one ONNX node became are one node again, or of an ONNX
//! file whose ops needn't be known ([`of_onnx`]). Nodes stand in program order, those of bodies after the node that the
//! bodies belong to. A side of which only values are known has values without nodes ([`of_names`]).

mod constant;
mod of_graph;
mod of_onnx;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use constant::Constant;
pub use of_graph::of_graph;
pub use of_onnx::{of_onnx, with_functions};

use glassbox_tensor::{DType, ParamSource};

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Skeleton {
    /// The nodes, in program order.
    pub nodes: Vec<Node>,
    /// The values: inputs, constants, results of nodes, parameters of bodies.
    pub values: Vec<Value>,
    /// The inputs, as places in `values`.
    pub inputs: Vec<usize>,
    /// The outputs, as places in `values`, with what the model calls them.
    pub outputs: Vec<(String, usize)>,
    /// The types of the inputs as text, with the symbols that dims have. Empty where they aren't known.
    pub input_types: Vec<String>,
    /// The types of the outputs as text.
    pub output_types: Vec<String>,
    /// The states by name, with type, capacity and first contents as text.
    pub states: Vec<(String, String)>,
    /// The values of a graph, by their index, where the skeleton has them.
    pub of_value: Vec<Option<usize>>,
    /// The ONNX nodes that only pass a constant on, which is a constant for all else, by the place of what they give: name
    /// and op.
    pub(crate) passing: HashMap<usize, (String, String)>,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// Its op: that of the ONNX file, where the node comes from one.
    pub op: String,
    /// The layer that it belongs to; empty where there is none.
    pub layer: String,
    /// The attributes of the ONNX node, as text; those that were given.
    pub attrs: Vec<(String, String)>,
    /// The nodes of our graph that it stands for. Empty where the file isn't one that we have a graph of.
    pub inner: Vec<Inner>,
    /// What it reads.
    pub operands: Vec<Option<usize>>,
    /// What it gives.
    pub results: Vec<usize>,
    /// What its bodies are given, one body after the other.
    pub parameters: Vec<usize>,
    /// What its bodies give, one body after the other.
    pub yields: Vec<Option<usize>>,
    /// The node in whose body it is.
    pub parent: Option<usize>,
    /// The nodes in its bodies.
    pub children: Vec<usize>,
}

impl Node {
    /// Whether both are of one op. That of an ONNX file and that of a graph of ours are told apart by what they became.
    pub fn is_of_op(&self, other: &Node) -> bool {
        let ops = |node: &Node| node.inner.iter().map(|inner| inner.op).collect::<Vec<_>>();
        self.op == other.op || (!self.inner.is_empty() && ops(self) == ops(other))
    }
}

/// A node of our graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The op.
    pub op: &'static str,
    /// The attributes, as text; those that were given.
    pub attrs: Vec<(String, String)>,
}

/// A value.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is called.
    pub name: String,
    /// The dtype and rank with the sizes that are known, where they are.
    pub ty: Option<Type>,
    /// Where it comes from.
    pub def: Def,
    /// The nodes that read it, each as often as it does, with the place of the operand.
    pub users: Vec<(usize, usize)>,
}

/// What is known of a type. Of the dims those that are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// The dtype.
    pub dtype: DType,
    /// The dims, where the rank is known.
    pub dims: Option<Vec<Option<i64>>>,
}

impl Type {
    /// Whether a value may have both types.
    pub fn fits(&self, other: &Type) -> bool {
        let floats = self.dtype.is_float() && other.dtype.is_float();
        let dims = match (&self.dims, &other.dims) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_none() || b.is_none() || a == b)
            }
            _ => true,
        };
        (floats || self.dtype == other.dtype) && dims
    }
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub enum Def {
    /// From outside.
    Input,
    /// It is part of the model.
    Constant(Constant),
    /// A node gives it, as the result in this place.
    Node(usize, usize),
    /// A body of this node is given it.
    Parameter(usize),
    /// Nothing is known but that it is there.
    Unknown,
}

impl Value {
    /// Whether it has no name but its number.
    pub fn is_unnamed(&self) -> bool {
        is_number(&self.name)
    }

    /// The constant, where it is one.
    pub fn constant(&self) -> Option<&Constant> {
        match &self.def {
            Def::Constant(constant) => Some(constant),
            _ => None,
        }
    }
}

impl Skeleton {
    /// The values by name. Of two with one name the first counts; what the model calls an output is a name, too.
    pub fn names(&self) -> HashMap<&str, usize> {
        let mut names = HashMap::with_capacity(self.values.len());
        for (place, value) in self.values.iter().enumerate() {
            names.entry(value.name.as_str()).or_insert(place);
        }
        for (name, place) in &self.outputs {
            names.entry(name.as_str()).or_insert(*place);
        }
        names
    }

    /// The node that gives a value.
    pub fn producer(&self, value: usize) -> Option<usize> {
        match self.values.get(value)?.def {
            Def::Node(node, _) => Some(node),
            _ => None,
        }
    }

    /// Whether a value is an output.
    pub(crate) fn is_output(&self, value: usize) -> bool {
        self.outputs.iter().any(|(_, output)| *output == value)
    }

    /// Whether the nodes are known.
    pub fn has_nodes(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Adds those parameters that the graph doesn't read.
    pub fn add_weights(&mut self, params: &Arc<dyn ParamSource>) {
        let known: HashSet<String> =
            self.values.iter().filter_map(|value| value.constant()?.parameter_name().map(str::to_owned)).collect();
        for info in params.params().iter().filter(|info| !known.contains(&info.name)) {
            if let Some(constant) = Constant::parameter(params, &info.name) {
                self.push(&info.name, None, Def::Constant(constant));
            }
        }
    }

    /// Fills in who reads what, from what is read.
    pub(crate) fn find_users(&mut self) {
        self.values.iter_mut().for_each(|value| value.users.clear());
        for (node, reads) in self.nodes.iter().enumerate() {
            for (place, operand) in reads.operands.iter().enumerate() {
                if let Some(value) = operand.and_then(|operand| self.values.get_mut(operand)) {
                    value.users.push((node, place));
                }
            }
        }
    }

    /// A value that is no node's result.
    pub(crate) fn push(&mut self, name: impl Into<String>, ty: Option<Type>, def: Def) -> usize {
        self.values.push(Value { name: name.into(), ty, def, users: Vec::new() });
        self.values.len() - 1
    }
}

impl Node {
    /// Whether it has no name but its op and number.
    pub fn is_unnamed(&self) -> bool {
        self.name.rfind('#').is_some_and(|at| is_number(&self.name[at..]))
    }
}

/// Whether a name is the number of what has none.
fn is_number(name: &str) -> bool {
    name.strip_prefix('#').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The skeleton of the weights of a model of which no graph is known.
pub fn of_weights(params: &Arc<dyn ParamSource>) -> Skeleton {
    let mut skeleton = Skeleton::default();
    skeleton.add_weights(params);
    skeleton
}

/// The skeleton of a side of which nothing is known but the names of its values.
pub fn of_names(names: impl IntoIterator<Item = String>) -> Skeleton {
    let mut skeleton = Skeleton::default();
    names.into_iter().for_each(|name| {
        skeleton.push(name, None, Def::Unknown);
    });
    skeleton
}
