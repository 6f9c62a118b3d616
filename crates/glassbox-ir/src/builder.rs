//! Building graphs: every node is checked and inferred as it is added.
//!
//! [`GraphBuilder`] is the only way to make a [`Graph`], for frontends, decompositions, parsers and
//! passes alike, so that no graph exists that inference hasn't accepted. For code that reads as
//! formulas, see [`expr`](crate::expr).

use std::collections::HashSet;
use std::sync::Arc;

use glassbox_tensor::Tensor;

use crate::attr::{Attr, Attrs, Hints};
use crate::dim::Dim;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, Node, NodeId, Provenance, Region, RegionId, State, Value, ValueId};
use crate::held::{Held, is_concerned, is_steady};
use crate::infer::{Known, Operand, Signature, check_use, infer_op_after};
use crate::op::OpDef;
use crate::ops;
use crate::types::{TensorType, Type};
use crate::verify::check_hints;

/// Builds one graph. See the [module](self).
pub struct GraphBuilder {
    graph: Graph,
    known: Vec<Option<Known>>,
    open: Vec<RegionId>,
    names: HashSet<Arc<str>>,
    provenance: Provenance,
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
        let graph = Graph { name: name.into(), ..Graph::default() };
        let open = vec![graph.body()];
        GraphBuilder {
            graph,
            known: Vec::new(),
            open,
            names: HashSet::new(),
            provenance: Provenance::default(),
            unvisited: HashSet::new(),
            held: vec![Held::START],
            entered: vec![Held::START],
        }
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
    pub fn state(&mut self, state: State) -> Result<(), BuildError> {
        if self.graph.states.iter().any(|other| other.name == state.name) {
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
        let mut number = 1;
        while !self.names.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}#{number}").into();
        }
        if let Some(old) = self.graph.values[value.index()].name.replace(unique) {
            self.names.remove(&old);
        }
    }

    /// The type of a value.
    pub fn type_of(&self, value: ValueId) -> &Type {
        &self.graph.value(value).ty
    }

    /// What is known of the contents of a value.
    pub fn known(&self, value: ValueId) -> Option<&Known> {
        self.known.get(value.index())?.as_ref()
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

    /// Adds a node without regions. `outputs` is how many results it shall have.
    pub fn node(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        outputs: usize,
    ) -> Result<Vec<ValueId>, BuildError> {
        self.node_with_regions(op, operands, attrs, Vec::new(), outputs)
    }

    /// The types that the parameters of the regions of a use of `op` begin with.
    pub fn region_parameters(
        &self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: &Attrs,
    ) -> Result<Vec<Vec<Type>>, BuildError> {
        let operands = self.operands(operands);
        check_use(op, attrs, &operands, op.regions)
            .and_then(|()| ops::region_parameters(op, attrs, &operands, None))
            .map_err(|violation| BuildError::Node { op: op.name, node: String::new(), violation })
    }

    /// As [`GraphBuilder::begin_region`], for the body of a node of `op`: what is held by states that grow is known in
    /// it from the beginning, instead of once the node is added.
    pub fn begin_body(&mut self, op: &OpDef, parameters: &[Type]) -> (RegionId, Vec<ValueId>) {
        let entry = op.bodies.entry(&self.graph.states, &self.held[self.place().index()]);
        let (region, parameters) = self.begin_region(parameters);
        self.enter(region, entry);
        (region, parameters)
    }

    /// Opens a region whose parameters have these types; nodes are added to it until
    /// [`GraphBuilder::end_region`].
    pub fn begin_region(&mut self, parameters: &[Type]) -> (RegionId, Vec<ValueId>) {
        let id = RegionId(self.graph.regions.len() as u32);
        let parameters: Vec<_> = parameters.iter().map(|ty| self.value(ty.clone(), None)).collect();
        self.graph.regions.push(Region { parameters: parameters.clone(), ..Region::default() });
        self.held.push(Held::ANYWHERE);
        self.entered.push(Held::ANYWHERE);
        self.open.push(id);
        (id, parameters)
    }

    /// Closes the region that was opened last; it gives `results`.
    pub fn end_region(&mut self, results: Vec<ValueId>) {
        debug_assert!(self.open.len() > 1, "end_region without begin_region");
        if let Some(region) = self.open.pop() {
            self.graph.regions[region.index()].results = results;
        }
    }

    /// What a closed region gives, where that is known only after another region was built.
    pub fn set_results(&mut self, region: RegionId, results: Vec<ValueId>) {
        self.graph.regions[region.index()].results = results;
    }

    /// Adds nodes at the end of a region, whatever regions are open. In a region around the open ones they come before
    /// the node that the open ones will belong to, and can read only what that region has so far.
    pub fn in_region<T>(&mut self, region: RegionId, add: impl FnOnce(&mut GraphBuilder) -> T) -> T {
        self.open.push(region);
        let made = add(self);
        self.open.pop();
        made
    }

    /// Opens a region again that was closed; nodes are added at its end until [`GraphBuilder::end_region`].
    pub fn reopen_region(&mut self, region: RegionId) {
        self.open.push(region);
    }

    /// [`GraphBuilder::in_region`] with the body of the graph.
    pub fn in_body<T>(&mut self, add: impl FnOnce(&mut GraphBuilder) -> T) -> T {
        self.in_region(self.graph.body(), add)
    }

    /// Adds a node with regions that were built before it.
    pub fn node_with_regions(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        regions: Vec<RegionId>,
        outputs: usize,
    ) -> Result<Vec<ValueId>, BuildError> {
        self.node_from_parts(op, operands, attrs, regions, outputs, Parameters::Widen)
    }

    /// Adds a node with regions whose parameters were given the types that they settle on: as
    /// [`GraphBuilder::node_with_regions`], but where a type would have to be widened, that is an error.
    pub fn node_with_settled_regions(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        regions: Vec<RegionId>,
        outputs: usize,
    ) -> Result<Vec<ValueId>, BuildError> {
        self.node_from_parts(op, operands, attrs, regions, outputs, Parameters::Settled)
    }

    fn node_from_parts(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        regions: Vec<RegionId>,
        outputs: usize,
        parameters: Parameters,
    ) -> Result<Vec<ValueId>, BuildError> {
        let mut node = Node {
            op,
            operands: operands.to_vec(),
            attrs,
            hints: Hints::new(),
            regions,
            results: Vec::new(),
            provenance: self.provenance.clone(),
        };
        let place = self.place();
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
    pub fn hint(&mut self, value: ValueId, name: &str, advice: impl Into<Attr>) -> Result<(), BuildError> {
        let hints = Hints::from([(name.to_owned(), advice.into())]);
        check_hints(&hints).map_err(BuildError::Graph)?;
        let Some(node) = self.graph.nodes.iter_mut().rev().find(|node| node.results.contains(&value)) else {
            let message = format!("no node gives `{}`, so none takes the hint `{name}`", self.graph.value_label(value));
            return Err(BuildError::Graph(Violation::new("hint", message)));
        };
        node.hints.extend(hints);
        Ok(())
    }

    /// Gives the node that was added last its hints, which are checked.
    pub(crate) fn hint_last(&mut self, hints: Hints) {
        if let Some(node) = self.graph.nodes.last_mut() {
            node.hints = hints;
        }
    }

    /// The finished graph, with these outputs.
    pub fn finish(mut self, outputs: Vec<ValueId>) -> Result<Graph, BuildError> {
        if self.open.len() != 1 {
            return Err(BuildError::Graph(Violation::new("regions", "a region is still open")));
        }
        let body = self.graph.body();
        self.graph.regions[body.index()].results = outputs;
        Ok(self.graph)
    }

    fn value(&mut self, ty: Type, known: Option<Known>) -> ValueId {
        let id = ValueId(self.graph.values.len() as u32);
        self.graph.values.push(Value { name: None, ty });
        self.known.push(known);
        id
    }

    /// The region to which nodes are added.
    fn place(&self) -> RegionId {
        self.open.last().copied().unwrap_or(self.graph.body())
    }

    fn append(&mut self, node: Node) {
        let id = NodeId(self.graph.nodes.len() as u32);
        self.graph.nodes.push(node);
        let region = self.place();
        self.graph.regions[region.index()].nodes.push(id);
    }

    fn operands(&self, operands: &[Option<ValueId>]) -> Vec<Option<Operand>> {
        operands
            .iter()
            .map(|operand| operand.map(|id| Operand { ty: self.type_of(id).clone(), known: self.known(id).cloned() }))
            .collect()
    }

    fn signatures(&self, regions: &[RegionId]) -> Vec<Signature> {
        let types = |ids: &[ValueId]| ids.iter().map(|id| self.type_of(*id).clone()).collect();
        let regions = regions.iter().map(|id| self.graph.region(*id));
        regions
            .map(|region| Signature { parameters: types(&region.parameters), results: types(&region.results) })
            .collect()
    }

    /// Infers a node of the region `place`; where it has regions, first widens the types of their parameters until
    /// another turn of the body no longer changes them.
    fn infer(
        &mut self,
        place: RegionId,
        node: &Node,
        outputs: usize,
        parameters: Parameters,
    ) -> Result<Vec<(Type, Option<Known>)>, BuildError> {
        let operands = self.operands(&node.operands);
        let label = self.provenance.0.last().map(|origin| Provenance::new(origin.clone()).to_string());
        let fail =
            |violation| BuildError::Node { op: node.op.name, node: label.clone().unwrap_or_default(), violation };
        if !node.regions.is_empty() {
            check_use(node.op, &node.attrs, &operands, node.regions.len()).map_err(fail)?;
            let mut entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
            loop {
                let signatures = self.signatures(&node.regions);
                let wanted =
                    ops::region_parameters(node.op, &node.attrs, &operands, Some(&signatures)).map_err(fail)?;
                // A body that takes another number of values is for the op's own inference to report.
                let settled = signatures.iter().zip(&wanted).all(|(signature, wanted)| {
                    signature.parameters == *wanted || signature.parameters.len() != wanted.len()
                });
                if settled && is_steady(&self.graph, node, &entry) {
                    break;
                }
                if settled {
                    // What one turn leaves isn't what another begins with.
                    entry = Held::ANYWHERE;
                    self.retype_each(node, &entry, self.parameter_types(node))?;
                    continue;
                }
                if matches!(parameters, Parameters::Settled) {
                    return Err(fail(unsettled(&signatures, &wanted)));
                }
                self.retype_each(node, &entry, wanted)?;
            }
        }
        let signatures = self.signatures(&node.regions);
        let mut held = std::mem::take(&mut self.held[place.index()]);
        let states = (self.graph.states.as_slice(), &mut held);
        let mut inferred = infer_op_after(node.op, &node.attrs, &operands, &signatures, states, outputs).map_err(fail);
        if let Ok(types) = &mut inferred
            && is_concerned(&self.graph, &node.regions)
        {
            let bodies: Vec<&Held> = node.regions.iter().map(|region| &self.held[region.index()]).collect();
            held = node.op.bodies.exit(&self.graph, &node.regions, held, &bodies);
            types.iter_mut().for_each(|(ty, _)| *ty = node.op.bodies.outlive(&self.graph.states, &held, ty));
        }
        self.held[place.index()] = held;
        inferred
    }

    /// Whether the bodies of a node of the region `place` were inferred with something else known of the states than is.
    fn is_stale(&self, place: RegionId, node: &Node) -> bool {
        let entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
        let differs = node.regions.iter().any(|region| self.entered[region.index()] != entry);
        differs && is_concerned(&self.graph, &node.regions)
    }

    fn enter(&mut self, region: RegionId, entry: Held) {
        self.held[region.index()] = entry.clone();
        self.entered[region.index()] = entry;
    }

    fn parameter_types(&self, node: &Node) -> Vec<Vec<Type>> {
        let types = |region: &RegionId| {
            self.graph.region(*region).parameters.iter().map(|id| self.type_of(*id).clone()).collect()
        };
        node.regions.iter().map(types).collect()
    }

    /// Gives the parameters of each body of a node, at whose beginning the states hold `entry`, new types and infers the
    /// nodes in them again.
    fn retype_each(&mut self, node: &Node, entry: &Held, types: Vec<Vec<Type>>) -> Result<(), BuildError> {
        for (region, types) in node.regions.iter().zip(types) {
            self.enter(*region, entry.clone());
            self.retype_region(*region, types)?;
        }
        Ok(())
    }

    /// Gives the parameters of a region new types and infers its nodes again.
    fn retype_region(&mut self, region: RegionId, types: Vec<Type>) -> Result<(), BuildError> {
        for (id, ty) in self.graph.region(region).parameters.clone().into_iter().zip(types) {
            self.graph.values[id.index()].ty = ty;
        }
        for id in self.graph.region(region).nodes.clone() {
            let node = self.graph.node(id).clone();
            if !node.regions.is_empty() {
                self.retype_bodies(region, &node)?;
            }
            let types = self.infer(region, &node, node.results.len(), Parameters::Widen)?;
            for (result, (ty, known)) in node.results.iter().zip(types) {
                self.graph.values[result.index()].ty = ty;
                self.known[result.index()] = known;
            }
        }
        Ok(())
    }

    /// Infers the bodies of a node again: from the types that they begin with the first time, from then
    /// on from those that they have been widened to, so that the work on nested bodies doesn't multiply.
    fn retype_bodies(&mut self, place: RegionId, node: &Node) -> Result<(), BuildError> {
        let mut types = self.region_parameters(node.op, &node.operands, &node.attrs)?;
        let settled = self.parameter_types(node);
        for ((region, types), settled) in node.regions.iter().zip(&mut types).zip(settled) {
            if !self.unvisited.remove(region) {
                *types = settled;
            }
        }
        let entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
        self.retype_each(node, &entry, types)
    }
}

/// What is done with parameters of regions that inference doesn't yet agree with.
#[derive(Clone, Copy)]
enum Parameters {
    /// Their types are widened until another turn of the body no longer changes them.
    Widen,
    /// It is an error.
    Settled,
}

/// The violation of region parameters that would have to be widened.
pub(crate) fn unsettled(signatures: &[Signature], wanted: &[Vec<Type>]) -> Violation {
    let pairs = signatures.iter().zip(wanted).enumerate();
    let parameters = pairs.flat_map(|(region, (signature, wanted))| {
        let types = signature.parameters.iter().zip(wanted).enumerate();
        types.map(move |(place, (given, wanted))| (region, place, given, wanted))
    });
    let message = match parameters.into_iter().find(|(_, _, given, wanted)| given != wanted) {
        Some((region, place, given, wanted)) => {
            format!("parameter {place} of region {region} is {given}, but inference says {wanted}")
        }
        None => "the regions take another number of values".to_owned(),
    };
    Violation::new("regions", message)
}

/// The graph with inputs of these types: the types of all other values are inferred again from them.
pub(crate) fn reinfer(graph: Graph, inputs: Vec<Type>) -> Result<Graph, BuildError> {
    let mut builder = GraphBuilder {
        open: vec![graph.body()],
        known: vec![None; graph.value_count()],
        names: HashSet::new(),
        provenance: Provenance::default(),
        unvisited: (1..graph.regions.len()).map(|index| RegionId(index as u32)).collect(),
        held: vec![Held::START; graph.regions.len()],
        entered: vec![Held::START; graph.regions.len()],
        graph,
    };
    builder.retype_region(builder.graph.body(), inputs)?;
    Ok(builder.graph)
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
    use crate::graph::Origin;
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
        let statement = Origin::Statement { file: "main.rs".into(), line: 12, block: "entry/layers".into() };
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
