//! Inference of nodes with bodies: the parameters of bodies that run again are widened until another turn changes nothing.

use crate::builder::GraphBuilder;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, Node, RegionId, ValueId};
use crate::infer::{Known, Signature, check_use, infer_op};
use crate::ops;
use crate::types::Type;

impl GraphBuilder {
    /// The graph as it is for inputs of these types: every type is inferred again from them.
    pub(crate) fn retype(graph: Graph, inputs: Vec<Type>) -> Result<Graph, BuildError> {
        let (body, count) = (graph.body(), graph.region_count());
        let mut builder = GraphBuilder::over(graph);
        builder.unvisited = (1..count).map(|index| RegionId(index as u32)).collect();
        builder.retype_region(body, inputs)?;
        Ok(builder.graph)
    }

    fn signatures(&self, regions: &[RegionId]) -> Vec<Signature> {
        let types = |ids: &[ValueId]| ids.iter().map(|id| self.type_of(*id).clone()).collect();
        let regions = regions.iter().map(|id| self.graph.region(*id));
        regions
            .map(|region| Signature { parameters: types(&region.parameters), results: types(&region.results) })
            .collect()
    }

    /// Infers a node; where it has regions, first widens the types of their parameters until
    /// another turn of the body no longer changes them.
    pub(super) fn infer(
        &mut self,
        node: &Node,
        outputs: usize,
        parameters: Parameters,
    ) -> Result<Vec<(Type, Option<Known>)>, BuildError> {
        let operands = self.operands(&node.operands);
        if !node.regions.is_empty() {
            check_use(node.op, &node.attrs, &operands, node.regions.len())
                .map_err(|violation| self.fault(node.op, violation))?;
            loop {
                let signatures = self.signatures(&node.regions);
                let wanted = ops::region_parameters(node.op, &node.attrs, &operands, Some(&signatures))
                    .map_err(|violation| self.fault(node.op, violation))?;
                // A body that takes another number of values is for the op's own inference to report.
                let settled = signatures.iter().zip(&wanted).all(|(signature, wanted)| {
                    signature.parameters == *wanted || signature.parameters.len() != wanted.len()
                });
                if settled {
                    break;
                }
                if matches!(parameters, Parameters::Settled) {
                    return Err(self.fault(node.op, unsettled(&signatures, &wanted)));
                }
                for (region, types) in node.regions.iter().zip(wanted) {
                    self.retype_region(*region, types)?;
                }
            }
        }
        let signatures = self.signatures(&node.regions);
        infer_op(node.op, &node.attrs, &operands, &signatures, &self.graph.states, outputs)
            .map_err(|violation| self.fault(node.op, violation))
    }

    /// Gives the parameters of a region new types and infers its nodes again.
    fn retype_region(&mut self, region: RegionId, types: Vec<Type>) -> Result<(), BuildError> {
        for (id, ty) in self.graph.region(region).parameters.clone().into_iter().zip(types) {
            self.graph.values[id.index()].ty = ty;
        }
        for id in self.graph.region(region).nodes.clone() {
            let node = self.graph.node(id).clone();
            if !node.regions.is_empty() {
                self.retype_bodies(&node)?;
            }
            let types = self.infer(&node, node.results.len(), Parameters::Widen)?;
            for (result, (ty, known)) in node.results.iter().zip(types) {
                self.graph.values[result.index()].ty = ty;
                self.known[result.index()] = known.map(Box::new);
            }
        }
        Ok(())
    }

    /// Infers the bodies of a node again: from the types that they begin with the first time, from then
    /// on from those that they have been widened to, so that the work on nested bodies doesn't multiply.
    fn retype_bodies(&mut self, node: &Node) -> Result<(), BuildError> {
        let initial = self.body_types(node.op, &node.operands, &node.attrs);
        let initial = initial.map_err(|violation| self.fault(node.op, violation))?;
        for (region, initial) in node.regions.iter().zip(initial) {
            let types = if self.unvisited.remove(region) {
                initial
            } else {
                let parameters = &self.graph.region(*region).parameters;
                parameters.iter().map(|id| self.type_of(*id).clone()).collect()
            };
            self.retype_region(*region, types)?;
        }
        Ok(())
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
