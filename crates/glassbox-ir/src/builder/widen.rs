//! Inference of nodes with bodies: the parameters of bodies that run again are widened until another turn changes nothing.

use crate::bind::Bindings;
use crate::builder::GraphBuilder;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, Node, NodeId, RegionId, ValueId};
use crate::held::{Held, is_concerned, is_steady};
use crate::infer::{Known, Signature, check_use, infer_op_after};
use crate::ops;
use crate::types::Type;

impl GraphBuilder {
    /// The graph as it is for inputs of these types: every type is inferred again from them.
    pub(crate) fn retype(graph: Graph, inputs: Vec<Type>) -> Result<Graph, BuildError> {
        GraphBuilder::retyped(graph, inputs).map(|builder| builder.graph)
    }

    /// The builder of [`GraphBuilder::retype`], which knows what is known of the contents of values.
    pub(crate) fn retyped(graph: Graph, inputs: Vec<Type>) -> Result<GraphBuilder, BuildError> {
        let (body, count) = (graph.body(), graph.region_count());
        let mut builder = GraphBuilder::over(graph);
        builder.unvisited = (1..count).map(|index| RegionId(index as u32)).collect();
        builder.retype_region(body, inputs)?;
        Ok(builder)
    }

    /// Puts sizes in the place of symbols, in types and in what is known of contents: for counting, not for a graph, whose types
    /// are what inference says.
    pub(crate) fn substitute(&mut self, sizes: &Bindings) {
        if sizes.is_empty() {
            return;
        }
        self.graph.values.iter_mut().for_each(|value| value.ty = value.ty.substitute(sizes));
        for known in self.known.iter_mut().flatten() {
            if let Known::Ints { values, .. } = known.as_mut() {
                values.iter_mut().for_each(|dim| *dim = dim.substitute(sizes));
            }
        }
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
    pub(super) fn infer(
        &mut self,
        place: RegionId,
        node: &Node,
        outputs: usize,
        parameters: Parameters,
    ) -> Result<Vec<(Type, Option<Known>)>, BuildError> {
        let operands = self.operands(&node.operands);
        if !node.regions.is_empty() {
            check_use(node.op, &node.attrs, &operands, node.regions.len())
                .map_err(|violation| self.fault(node.op, violation))?;
            let mut entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
            loop {
                let signatures = self.signatures(&node.regions);
                let wanted = ops::region_parameters(node.op, &node.attrs, &operands, Some(&signatures))
                    .map_err(|violation| self.fault(node.op, violation))?;
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
                    return Err(self.fault(node.op, unsettled(&signatures, &wanted)));
                }
                self.retype_each(node, &entry, wanted)?;
            }
        }
        let signatures = self.signatures(&node.regions);
        let mut held = std::mem::take(&mut self.held[place.index()]);
        let states = (&self.graph.states, &mut held);
        let mut inferred = infer_op_after(node.op, &node.attrs, &operands, &signatures, states, outputs)
            .map_err(|violation| self.fault(node.op, violation));
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
    pub(super) fn is_stale(&self, place: RegionId, node: &Node) -> bool {
        if node.regions.is_empty() {
            return false;
        }
        let entry = node.op.bodies.entry(&self.graph.states, &self.held[place.index()]);
        let differs = node.regions.iter().any(|region| self.entered[region.index()] != entry);
        differs && is_concerned(&self.graph, &node.regions)
    }

    /// A region begins with the states holding `entry`.
    pub(super) fn enter(&mut self, region: RegionId, entry: Held) {
        self.held[region.index()] = entry.clone();
        self.entered[region.index()] = entry;
    }

    pub(super) fn parameter_types(&self, node: &Node) -> Vec<Vec<Type>> {
        let types = |region: &RegionId| {
            self.graph.region(*region).parameters.iter().map(|id| self.type_of(*id).clone()).collect()
        };
        node.regions.iter().map(types).collect()
    }

    /// Gives the parameters of each body of a node, at whose beginning the states hold `entry`, new types and infers the
    /// nodes in them again.
    pub(super) fn retype_each(&mut self, node: &Node, entry: &Held, types: Vec<Vec<Type>>) -> Result<(), BuildError> {
        for (region, types) in node.regions.iter().zip(types) {
            self.enter(*region, entry.clone());
            self.retype_region(*region, types)?;
        }
        Ok(())
    }

    /// Gives the parameters of a region new types and infers its nodes again. A refusal names the node by where it comes from.
    fn retype_region(&mut self, region: RegionId, types: Vec<Type>) -> Result<(), BuildError> {
        for (id, ty) in self.graph.region(region).parameters.clone().into_iter().zip(types) {
            self.graph.values[id.index()].ty = ty;
        }
        let around = self.provenance.clone();
        let nodes = self.graph.region(region).nodes.clone();
        let retyped = nodes.into_iter().try_for_each(|id| self.retype_node(region, id));
        self.provenance = around;
        retyped
    }

    fn retype_node(&mut self, region: RegionId, id: NodeId) -> Result<(), BuildError> {
        let node = self.graph.node(id).clone();
        self.provenance = node.provenance.clone();
        if !node.regions.is_empty() {
            self.retype_bodies(region, &node)?;
        }
        let types = self.infer(region, &node, node.results.len(), Parameters::Widen)?;
        for (result, (ty, known)) in node.results.iter().zip(types) {
            self.graph.values[result.index()].ty = ty;
            self.known[result.index()] = known.map(Box::new);
        }
        Ok(())
    }

    /// Infers the bodies of a node again: from the types that they begin with the first time, from then
    /// on from those that they have been widened to, so that the work on nested bodies doesn't multiply.
    fn retype_bodies(&mut self, place: RegionId, node: &Node) -> Result<(), BuildError> {
        let types = self.body_types(node.op, &node.operands, &node.attrs);
        let mut types = types.map_err(|violation| self.fault(node.op, violation))?;
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
pub(super) enum Parameters {
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
