//! The walk over a graph that writes its nodes as those of ONNX.
//!
//! Values keep their names; those without one get one after the op that gives them. Constants and parameters become
//! initializers of the model, inside functions small ones become nodes and others operands. What a region gives is always
//! the result of a node in it, under a name of its own, since some readers take nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use glassbox_ir::{Attr, Graph, NodeId, RegionId, Type, ValueId};
use glassbox_tensor::Tensor;

use crate::proto::{FunctionProto, NodeProto, OperatorSetIdProto};

use super::attributes;
use super::ensembles;
use super::error::Unsaid;
use super::rows::{self, How};
use super::site::Site;
use super::version_of;

/// Why something can't be said, in words.
pub(super) type Why = String;

/// Constants up to this size stand inside the functions that use them.
const SMALL: usize = 1024;

/// Whether a constant stands inside the functions that use it.
pub(super) fn is_small(tensor: &Tensor) -> bool {
    tensor.byte_len().is_some_and(|bytes| bytes <= SMALL)
}

/// The data of an initializer.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// A tensor.
    Tensor(Tensor),
    /// The parameter of this name.
    Param(String),
}

/// An initializer.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    /// What the model calls it.
    pub(super) name: String,
    /// What it is.
    pub(super) data: Data,
}

/// Nodes that are being written: of the model, of a body, of a function.
#[derive(Default)]
struct Body {
    nodes: Vec<NodeProto>,
    /// The names that these nodes give.
    gives: HashSet<String>,
    /// Of a function: the initializers that it is given besides its parameters.
    extra: Option<Vec<String>>,
}

pub(super) struct Emitter<'g> {
    pub(super) graph: &'g Graph,
    pub(super) opset: i64,
    /// The version of `ai.onnx.ml`.
    ml: i64,
    /// Whether named calls become functions.
    pub(super) functions: bool,
    names: Vec<Option<String>>,
    taken: HashSet<String>,
    node_names: HashSet<String>,
    /// The types of the values of the graph that have a name in the model.
    pub(super) types: HashMap<String, Type>,
    constants: HashMap<ValueId, &'g Tensor>,
    bodies: Vec<Body>,
    pub(super) weights: Vec<Weight>,
    weight_names: HashSet<String>,
    /// The initializers that are parameters, by the names of these.
    parameters: HashMap<String, String>,
    pub(super) made: Vec<FunctionProto>,
    /// The functions that were made, by what they are.
    pub(super) function_names: HashMap<Vec<u8>, String>,
    /// What each state holds, by its name.
    pub(super) states: BTreeMap<&'g str, String>,
    /// The states that are inputs, in the order in which they were first needed, with the names of the inputs.
    pub(super) past: Vec<(&'g str, String)>,
    /// The domains that nodes are of, but for the default.
    pub(super) domains: BTreeSet<&'static str>,
    /// The domains of functions that were made.
    pub(super) function_domains: BTreeSet<String>,
    /// What is worth to be told, and how often it was so.
    pub(super) notes: BTreeMap<&'static str, usize>,
    pub(super) unsaid: Vec<Unsaid>,
}

impl<'g> Emitter<'g> {
    pub(super) fn new(graph: &'g Graph, opset: i64, functions: bool) -> Emitter<'g> {
        let value_names = graph.value_ids().filter_map(|id| graph.value(id).name.as_deref());
        let constant = |id: NodeId| {
            let node = graph.node(id);
            match (node.op.name, node.attrs.get("value")) {
                ("constant", Some(Attr::Tensor(tensor))) => Some((*node.results.first()?, tensor)),
                _ => None,
            }
        };
        Emitter {
            graph,
            opset,
            ml: ensembles::version(graph, opset),
            functions,
            names: vec![None; graph.value_count()],
            taken: value_names.map(str::to_owned).collect(),
            node_names: HashSet::new(),
            types: HashMap::new(),
            constants: graph.walk().into_iter().filter_map(constant).collect(),
            bodies: vec![Body::default()],
            weights: Vec::new(),
            weight_names: HashSet::new(),
            parameters: HashMap::new(),
            made: Vec::new(),
            function_names: HashMap::new(),
            states: BTreeMap::new(),
            past: Vec::new(),
            domains: BTreeSet::new(),
            function_domains: BTreeSet::new(),
            notes: BTreeMap::new(),
            unsaid: Vec::new(),
        }
    }

    /// The version of a domain.
    pub(super) fn version_of(&self, domain: &str) -> i64 {
        version_of(domain, self.opset, self.ml)
    }

    /// The domains of the nodes, with their versions.
    pub(super) fn opset_imports(&self) -> Vec<OperatorSetIdProto> {
        let import = |domain: &str| OperatorSetIdProto {
            domain: Some(domain.to_owned()),
            version: Some(self.version_of(domain)),
        };
        std::iter::once("").chain(self.domains.iter().copied()).map(import).collect()
    }

    /// A name that nothing has yet: `hint`, or it with a number.
    pub(super) fn fresh(&mut self, hint: &str) -> String {
        let mut name = hint.to_owned();
        let mut number = 1;
        while name.is_empty() || !self.taken.insert(name.clone()) {
            number += 1;
            name = format!("{hint}_{number}");
        }
        name
    }

    /// What the value is called in the model.
    pub(super) fn name(&mut self, id: ValueId, hint: &str) -> String {
        if let Some(name) = &self.names[id.index()] {
            return name.clone();
        }
        let value = self.graph.value(id);
        let name = match &value.name {
            Some(name) => name.to_string(),
            None => self.fresh(&format!("{hint}_{}", id.index())),
        };
        self.call_it(id, name.clone());
        name
    }

    /// What the value is called, where it has a name already.
    pub(super) fn known_name(&self, id: ValueId) -> Option<&str> {
        self.names.get(id.index())?.as_deref()
    }

    /// From here on the value is called so.
    pub(super) fn call_it(&mut self, id: ValueId, name: String) {
        self.types.insert(name.clone(), self.graph.value(id).ty.clone());
        self.names[id.index()] = Some(name);
    }

    /// Takes a name for a value before any node is written.
    pub(super) fn reserve(&mut self, id: ValueId, name: &str) {
        self.taken.insert(name.to_owned());
        self.call_it(id, name.to_owned());
    }

    /// Whether something has this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// The contents of a value that is a constant.
    pub(super) fn constant(&self, id: ValueId) -> Option<&'g Tensor> {
        self.constants.get(&id).copied()
    }

    /// The values that have a name, with it.
    pub(super) fn named(&self) -> impl Iterator<Item = (ValueId, &str)> {
        self.graph.value_ids().zip(&self.names).filter_map(|(id, name)| Some((id, name.as_deref()?)))
    }

    pub(super) fn note(&mut self, note: &'static str) {
        *self.notes.entry(note).or_default() += 1;
    }

    /// Starts to write nodes apart from those before: of a body, or of a function.
    pub(super) fn open(&mut self, function: bool) {
        self.bodies.push(Body { extra: function.then(Vec::new), ..Body::default() });
    }

    /// The nodes that were written since [`Emitter::open`], and the initializers that they need from outside if they are a
    /// function's.
    pub(super) fn close(&mut self) -> (Vec<NodeProto>, Vec<String>) {
        let body = self.bodies.pop().unwrap_or_default();
        (body.nodes, body.extra.unwrap_or_default())
    }

    pub(super) fn in_function(&self) -> bool {
        self.bodies.iter().any(|body| body.extra.is_some())
    }

    pub(super) fn push(&mut self, node: NodeProto) {
        if let Some(body) = self.bodies.last_mut() {
            body.gives.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
            body.nodes.push(node);
        }
    }

    /// Writes the nodes of a region. Regions of a graph nest to a limit, so that recursion is safe.
    pub(super) fn region(&mut self, region: RegionId) {
        let graph = self.graph;
        for id in &graph.region(region).nodes {
            if let Err(why) = self.node(*id) {
                let op = graph.node(*id).op.name;
                self.unsaid.push(Unsaid { node: graph.node_label(*id), op, why });
            }
        }
    }

    /// What the values are called that a region gives: each the result of a node in it, under a name of its own.
    pub(super) fn given(&mut self, values: &[ValueId]) -> Vec<String> {
        let names: Vec<String> = values.iter().map(|id| self.name(*id, "value")).collect();
        self.given_names(names)
    }

    /// The same of values that have their names.
    pub(super) fn given_names(&mut self, names: Vec<String>) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut given = Vec::with_capacity(names.len());
        for mut name in names {
            let own = self.bodies.last().is_some_and(|body| body.gives.contains(&name));
            if !own || seen.contains(&name) {
                name = self.copy(&name);
            }
            seen.insert(name.clone());
            given.push(name);
        }
        given
    }

    /// A copy of a value under a name of its own.
    pub(super) fn copy(&mut self, name: &str) -> String {
        let result = self.fresh(&format!("{name}_copy"));
        self.copy_as(name, &result);
        result
    }

    /// A copy of a value under this name.
    pub(super) fn copy_as(&mut self, name: &str, result: &str) {
        self.push(NodeProto {
            input: vec![name.to_owned()],
            output: vec![result.to_owned()],
            op_type: Some("Identity".to_owned()),
            ..NodeProto::default()
        });
    }

    /// A constant of the model under this name, which nothing has yet.
    pub(super) fn weight(&mut self, name: String, data: Data) -> Result<(), Why> {
        let small = match &data {
            Data::Tensor(tensor) => is_small(tensor),
            Data::Param(_) => false,
        };
        if let (true, true, Data::Tensor(tensor)) = (self.in_function(), small, &data) {
            let value = attributes::tensor("value", tensor)?;
            let (output, op_type) = (vec![name], Some("Constant".to_owned()));
            self.push(NodeProto { output, op_type, attribute: vec![value], ..NodeProto::default() });
            return Ok(());
        }
        if let Data::Param(parameter) = &data {
            self.parameters.insert(parameter.clone(), name.clone());
        }
        if self.weight_names.insert(name.clone()) {
            self.weights.push(Weight { name: name.clone(), data });
        }
        self.needs(&name);
        Ok(())
    }

    /// Says that the body that is being written uses this name from outside of all functions.
    pub(super) fn needs(&mut self, name: &str) {
        let function = self.bodies.iter_mut().rev().find_map(|body| body.extra.as_mut());
        if let Some(extra) = function
            && !extra.iter().any(|there| there == name)
        {
            extra.push(name.to_owned());
        }
    }

    /// The initializer that a parameter is.
    pub(super) fn weight_of(&self, parameter: &str) -> Option<String> {
        self.parameters.get(parameter).cloned()
    }

    pub(super) fn is_weight(&self, name: &str) -> bool {
        self.weight_names.contains(name)
    }

    /// Writes a node.
    pub(super) fn node(&mut self, id: NodeId) -> Result<(), Why> {
        let node = self.graph.node(id);
        let results: Vec<String> = node.results.iter().map(|id| self.name(*id, node.op.name)).collect();
        let mut operands: Vec<String> = Vec::with_capacity(node.operands.len());
        for operand in &node.operands {
            operands.push(operand.map_or(String::new(), |id| self.name(id, "value")));
        }
        while operands.last().is_some_and(String::is_empty) {
            operands.pop();
        }
        let name = self.node_name(id);
        let mut site = Site { e: self, node, operands, results, name };
        match rows::find(node.op, site.e.opset, site.e.ml) {
            Some(How::Same(name)) => site.same(name),
            Some(How::By(say)) => say(&mut site),
            None => Err(site.no_words()),
        }
    }

    /// A name for a node, after where it comes from.
    fn node_name(&mut self, id: NodeId) -> String {
        let label = self.graph.node_label(id);
        let mut name = label.clone();
        let mut number = 1;
        while !self.node_names.insert(name.clone()) {
            number += 1;
            name = format!("{label}_{number}");
        }
        name
    }
}
