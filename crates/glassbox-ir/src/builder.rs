//! Building graphs: every node is checked and inferred as it is added.
//!
//! [`GraphBuilder`] is the only way to make a [`Graph`], for frontends, decompositions, parsers and
//! passes alike, so that no graph exists that inference hasn't accepted. For code that reads as
//! formulas, see [`expr`](crate::expr).

mod live;
mod regions;
mod scope;
mod splice;
mod widen;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_tensor::Tensor;

use crate::attr::{Attr, Attrs, Hints};
use crate::dim::Dim;
use crate::draws::Draws;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, Node, NodeId, RegionId, State, ValueId, ValueInfo};
use crate::held::Held;
use crate::infer::{Known, Operand};
use crate::op::OpDef;
use crate::ops;
use crate::provenance::Provenance;
use crate::types::{TensorType, Type};
use crate::verify::{check_hints, check_state};

pub use live::Live;
use scope::Scopes;
pub use splice::Splice;
use widen::Parameters;
pub(crate) use widen::unsettled;

/// Builds one graph. See the [module](self).
///
/// ```
/// use glassbox_ir::{Attrs, GraphBuilder, Type, ops};
/// use glassbox_tensor::DType;
/// let mut builder = GraphBuilder::new("sum");
/// let x = builder.input("x", Type::tensor(DType::F32, ["N"]));
/// let y = builder.input("y", Type::tensor(DType::F32, [1i64]));
/// let sum = builder.node(&ops::add::OP, &[Some(x), Some(y)], Attrs::new(), 1)?[0];
/// assert_eq!(builder.type_of(sum).to_string(), "f32[N]");
/// // Each node is checked as it is added.
/// assert!(builder.node(&ops::add::OP, &[Some(x), None], Attrs::new(), 1).is_err());
/// let graph = builder.finish(vec![sum])?;
/// assert!(glassbox_ir::verify(&graph).is_ok());
/// # Ok::<(), glassbox_ir::BuildError>(())
/// ```
pub struct GraphBuilder {
    graph: Graph,
    /// Boxed, since of most values nothing is known.
    known: Vec<Option<Box<Known>>>,
    open: Vec<RegionId>,
    scopes: Scopes,
    /// For names that were taken, the number from which on one that is free is looked for.
    numbers: HashMap<Arc<str>, usize>,
    provenance: Provenance,
    draws: Draws,
    /// The regions that specialisation hasn't come to yet.
    unvisited: HashSet<RegionId>,
    /// What the states hold at the end of each region, by its index.
    held: Vec<Held>,
    /// What they held at its beginning when its nodes were inferred.
    entered: Vec<Held>,
}

/// The attributes of a node: `attrs! { axis: 1, keepdims: false }`.
#[macro_export]
macro_rules! attrs {
    ($($name:ident : $value:expr),* $(,)?) => {
        $crate::Attrs::from([$((stringify!($name), $crate::Attr::from($value))),*])
    };
}

impl GraphBuilder {
    /// A builder of a graph that is named `name`.
    pub fn new(name: impl Into<String>) -> GraphBuilder {
        GraphBuilder::over(Graph { name: name.into(), ..Graph::default() })
    }

    /// A builder that goes on with `graph`, of whose contents nothing is known.
    pub(crate) fn over(graph: Graph) -> GraphBuilder {
        let (held, entered) = (vec![Held::START; graph.region_count()], vec![Held::START; graph.region_count()]);
        GraphBuilder {
            known: vec![None; graph.value_count()],
            open: vec![graph.body()],
            scopes: Scopes::of(&graph),
            graph,
            numbers: HashMap::new(),
            provenance: Provenance::default(),
            draws: Draws::default(),
            unvisited: HashSet::new(),
            held,
            entered,
        }
    }

    /// The same builder for the decomposition of a composite whose draw has the number `draw`: what draws is numbered by
    /// [`draw_within`](crate::draw_within).
    pub(crate) fn decomposing(mut self, draw: i64) -> GraphBuilder {
        self.draws = Draws::within(draw);
        self
    }

    /// The graph as far as it is built, by itself.
    pub(crate) fn into_graph(self) -> Graph {
        self.graph
    }

    /// The graph as far as it is built.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Adds text about the model.
    pub fn metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.graph.metadata.push((key.into(), value.into()));
    }

    /// Says where the nodes added from here on come from.
    pub fn set_provenance(&mut self, provenance: Provenance) {
        self.provenance = provenance;
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, ty: Type) -> ValueId {
        let id = self.value(ty, None);
        self.set_name(id, name);
        let body = self.graph.body();
        self.graph.regions[body.index()].parameters.push(id);
        id
    }

    /// Declares a state.
    ///
    /// # Errors
    ///
    /// The name is taken or empty, or the declaration contradicts itself (rule `state`).
    pub fn state(&mut self, state: State) -> Result<(), BuildError> {
        check_state(&state).map_err(BuildError::Graph)?;
        if self.graph.state(&state.name).is_some() {
            let message = format!("two states are named `{}`", state.name);
            return Err(BuildError::Graph(Violation::new("state", message)));
        }
        self.graph.states.push(state);
        Ok(())
    }

    /// Names a value. Where the name is taken, a number is added to it.
    pub fn set_name(&mut self, value: ValueId, name: &str) {
        if name.is_empty() {
            return;
        }
        let mut unique: Arc<str> = name.into();
        if self.graph.names.contains_key(&unique) {
            let number = self.numbers.entry(unique.clone()).or_insert(1);
            while self.graph.names.contains_key(&unique) {
                *number += 1;
                unique = format!("{name}#{number}").into();
            }
        }
        self.graph.names.insert(unique.clone(), value);
        if let Some(old) = self.graph.values[value.index()].name.replace(unique) {
            self.graph.names.remove(&old);
        }
    }

    /// The node that gives a value, and which of its results it is. `None` of inputs and parameters of regions.
    ///
    /// ```
    /// use glassbox_ir::{Attrs, GraphBuilder, Type, ops};
    /// use glassbox_tensor::DType;
    ///
    /// let mut builder = GraphBuilder::new("g");
    /// let x = builder.input("x", Type::tensor(DType::F32, ["N"]));
    /// let y = builder.node(&ops::abs::OP, &[Some(x)], Attrs::new(), 1)?[0];
    /// let (node, result) = builder.def(y).ok_or("a node gives it")?;
    /// assert_eq!((builder.graph().node(node).op.name, result), ("abs", 0));
    /// assert!(builder.def(x).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn def(&self, value: ValueId) -> Option<(NodeId, usize)> {
        self.scopes.def(value)
    }

    /// Whether a node that is added now may read `value`: it is defined before, in the region that is open or one around.
    pub fn is_visible(&self, value: ValueId) -> bool {
        self.scopes.is_visible(value, self.current())
    }

    /// The region to which nodes are added.
    pub fn current(&self) -> RegionId {
        self.open.last().copied().unwrap_or(self.graph.body())
    }

    /// The region in which a value is defined.
    pub fn region_of(&self, value: ValueId) -> Option<RegionId> {
        self.scopes.region_of(value)
    }

    /// The type of a value.
    pub fn type_of(&self, value: ValueId) -> &Type {
        &self.graph.value(value).ty
    }

    /// What is known of the contents of a value.
    pub fn known(&self, value: ValueId) -> Option<&Known> {
        self.known.get(value.index())?.as_deref()
    }

    /// A value that holds `tensor`.
    pub fn constant(&mut self, tensor: Tensor) -> ValueId {
        let ty = Type::tensor(tensor.dtype(), tensor.shape().iter().copied());
        let result = self.value(ty, Some(Known::Tensor(tensor.clone())));
        let node = Node {
            op: &ops::constant::OP,
            operands: Vec::new(),
            attrs: Attrs::from([("value", Attr::Tensor(tensor))]),
            hints: Hints::new(),
            regions: Vec::new(),
            results: vec![result],
            provenance: self.provenance.clone(),
        };
        self.append(node);
        result
    }

    /// Adds a node without regions. `outputs` is how many results it shall have. A node that draws is given the number of
    /// its draw, where the attributes don't.
    ///
    /// # Errors
    ///
    /// An operand isn't visible here (rule `visible`), or inference refuses the node: an attribute, the arity, a dtype, a
    /// state that isn't declared, or a constraint of the op.
    pub fn node(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        outputs: usize,
    ) -> Result<Vec<ValueId>, BuildError> {
        self.node_with_regions(op, operands, attrs, Vec::new(), outputs)
    }

    fn node_from_parts(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        mut attrs: Attrs,
        regions: Vec<RegionId>,
        outputs: usize,
        parameters: Parameters,
    ) -> Result<Vec<ValueId>, BuildError> {
        let place = self.scopes.check_open(self.current());
        let checked = place.and_then(|()| self.check_operands(operands)).and_then(|()| self.check_regions(&regions));
        checked.map_err(|violation| self.fault(op, violation))?;
        self.draws.number(op, &mut attrs);
        let mut node = Node {
            op,
            operands: operands.to_vec(),
            attrs,
            hints: Hints::new(),
            regions,
            results: Vec::new(),
            provenance: self.provenance.clone(),
        };
        let place = self.current();
        if self.is_stale(place, &node) {
            let entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
            self.retype_each(&node, &entry, self.parameter_types(&node))?;
        }
        let types = self.infer(place, &node, outputs, parameters)?;
        node.results = types.into_iter().map(|(ty, known)| self.value(ty, known)).collect();
        let results = node.results.clone();
        self.append(node);
        Ok(results)
    }

    /// Advises the compiler about the node that gives `value`; the advice never changes a value.
    ///
    /// # Errors
    ///
    /// No node gives the value, or the hint has no name (rule `hint`).
    pub fn hint(&mut self, value: ValueId, name: &str, advice: impl Into<Attr>) -> Result<(), BuildError> {
        let hints = Hints::from([(name.to_owned(), advice.into())]);
        check_hints(&hints).map_err(BuildError::Graph)?;
        let Some((node, _)) = self.def(value) else {
            let message = format!("no node gives `{}`, so none takes the hint `{name}`", self.graph.value_label(value));
            return Err(BuildError::Graph(Violation::new("hint", message)));
        };
        self.graph.nodes[node.index()].hints.extend(hints);
        Ok(())
    }

    /// The node that was added last.
    pub fn last_node(&self) -> Option<NodeId> {
        self.graph.nodes.len().checked_sub(1).map(|index| NodeId(index as u32))
    }

    /// Gives a node these hints instead of those that it has.
    ///
    /// # Errors
    ///
    /// A hint has no name (rule `hint`).
    pub fn set_hints(&mut self, node: NodeId, hints: Hints) -> Result<(), BuildError> {
        check_hints(&hints).map_err(BuildError::Graph)?;
        self.graph.nodes[node.index()].hints = hints;
        Ok(())
    }

    /// Says of a node that it also comes from there: it stands for more than one node of what it is made of.
    pub fn add_provenance(&mut self, node: NodeId, more: &Provenance) {
        let node = &mut self.graph.nodes[node.index()];
        node.provenance = Provenance::merge([&node.provenance, more]);
    }

    /// Gives the node that was added last its hints, which are checked.
    pub(crate) fn hint_last(&mut self, hints: Hints) {
        if let Some(node) = self.graph.nodes.last_mut() {
            node.hints = hints;
        }
    }

    /// The finished graph, with these outputs. Nodes that nobody needs stay; [`GraphBuilder::finish_live`] drops them.
    ///
    /// # Errors
    ///
    /// A region is open, or an output isn't a value of the body.
    pub fn finish(mut self, outputs: Vec<ValueId>) -> Result<Graph, BuildError> {
        self.set_outputs(outputs)?;
        Ok(self.graph)
    }

    fn set_outputs(&mut self, outputs: Vec<ValueId>) -> Result<(), BuildError> {
        if self.open.len() != 1 {
            return Err(BuildError::Graph(Violation::new("regions", "a region is still open")));
        }
        let body = self.graph.body();
        self.scopes.check_uses(&self.graph, outputs.iter().copied(), "output", body).map_err(BuildError::Graph)?;
        self.graph.regions[body.index()].results = outputs;
        Ok(())
    }

    fn value(&mut self, ty: Type, known: Option<Known>) -> ValueId {
        let id = ValueId(self.graph.values.len() as u32);
        self.graph.values.push(ValueInfo { name: None, ty });
        self.known.push(known.map(Box::new));
        self.scopes.define(self.current());
        id
    }

    fn append(&mut self, node: Node) {
        let id = NodeId(self.graph.nodes.len() as u32);
        self.scopes.add(self.current(), id, &node);
        self.graph.nodes.push(node);
        let region = self.current();
        self.graph.regions[region.index()].nodes.push(id);
    }

    /// The operands may be read here.
    fn check_operands(&self, operands: &[Option<ValueId>]) -> Result<(), Violation> {
        self.scopes.check_uses(&self.graph, operands.iter().flatten().copied(), "operand", self.current())
    }

    /// The regions may become those of a node that is added here, and give what is visible in them.
    fn check_regions(&mut self, regions: &[RegionId]) -> Result<(), Violation> {
        let current = self.current();
        for (place, id) in regions.iter().enumerate() {
            if self.open.contains(id) || regions[..place].contains(id) {
                let message = format!("region {} is still open, or given twice", id.index());
                return Err(Violation::new("regions", message));
            }
        }
        self.scopes.check_regions(regions, current)?;
        for id in regions {
            let results = self.graph.region(*id).results.iter().copied();
            self.scopes.check_uses(&self.graph, results, "result", *id)?;
        }
        Ok(())
    }

    /// The error of a node that breaks a rule, called by where it comes from.
    fn fault(&self, op: &OpDef, violation: Violation) -> BuildError {
        let last = self.provenance.chains().next().and_then(<[_]>::last);
        BuildError::Node { op: op.name, node: last.map(ToString::to_string).unwrap_or_default(), violation }
    }

    fn operands(&self, operands: &[Option<ValueId>]) -> Vec<Option<Operand>> {
        operands
            .iter()
            .map(|operand| operand.map(|id| Operand { ty: self.type_of(id).clone(), known: self.known(id).cloned() }))
            .collect()
    }
}

/// A constant vector of dims, as far as they are integers.
pub(crate) fn int_vector(dims: &[Dim]) -> Option<Tensor> {
    let values: Option<Vec<i64>> = dims.iter().map(Dim::as_int).collect();
    Tensor::from_vec(&[dims.len()], values?).ok()
}

/// The type of a constant.
pub(crate) fn type_of_tensor(tensor: &Tensor) -> TensorType {
    TensorType::new(tensor.dtype(), tensor.shape().iter().copied())
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::provenance::Origin;
    use crate::specialise::specialise;

    /// A nest of loops whose innermost body makes the carried vector longer.
    fn nest(builder: &mut GraphBuilder, value: ValueId, depth: usize) -> ValueId {
        if depth == 0 {
            let operands = [Some(value), Some(value)];
            return builder.node(&ops::concat::OP, &operands, attrs! { axis: 0i64 }, 1).unwrap()[0];
        }
        let operands = [None, None, Some(value)];
        let types = builder.region_parameters(&ops::loop_::OP, &operands, &Attrs::new()).unwrap();
        let (region, parameters) = builder.begin_region(&types[0]);
        let inner = nest(builder, parameters[2], depth - 1);
        builder.end_region(vec![parameters[1], inner]);
        builder.node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![region], 1).unwrap()[0]
    }

    #[test]
    fn widening_nested_loops_takes_no_longer_than_their_size_says() {
        // Were each body inferred anew for each turn of the bodies around it, this would not end.
        let mut builder = GraphBuilder::new("nest");
        let input = builder.input("x", Type::tensor(DType::F32, ["N"]));
        let output = nest(&mut builder, input, 60);
        assert_eq!(builder.type_of(output).to_string(), "f32[?]");
        let graph = builder.finish(vec![output]).unwrap();
        let special = specialise(&graph, &[Type::tensor(DType::F32, [3i64])]).unwrap();
        assert_eq!(special.value(special.outputs()[0]).ty.to_string(), "f32[?]");
    }

    #[test]
    fn hints_are_for_nodes_and_stay_with_them() {
        let mut builder = GraphBuilder::new("hints");
        let input = builder.input("x", Type::tensor(DType::F32, ["N"]));
        let statement =
            Origin::Statement { file: "main.rs".into(), line: 12, block: "entry/layers".into(), completes: true };
        builder.set_provenance(Provenance::new(statement));
        let output = builder.node(&ops::abs::OP, &[Some(input)], Attrs::new(), 1).unwrap()[0];
        builder.hint(output, "fuse", true).unwrap();
        assert_eq!(
            builder.hint(input, "fuse", true).unwrap_err().to_string(),
            "graph: hint: no node gives `x`, so none takes the hint `fuse`"
        );
        assert!(builder.hint(output, "", true).is_err());
        let graph = builder.finish(vec![output]).unwrap();
        let special = specialise(&graph, &[Type::tensor(DType::F32, [3i64])]).unwrap();
        let node = special.walk()[0];
        assert_eq!(special.node(node).hints.get("fuse"), Some(&Attr::Bool(true)));
        assert_eq!(special.node_label(node), "main.rs:12, block entry/layers");
    }
}
