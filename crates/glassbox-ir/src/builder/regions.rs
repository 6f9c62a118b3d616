//! Regions of a graph under construction: opened, filled, closed, and given to a node.

use crate::attr::Attrs;
use crate::builder::GraphBuilder;
use crate::builder::widen::Parameters;
use crate::error::{BuildError, Violation};
use crate::graph::{Region, RegionId, ValueId};
use crate::held::Held;
use crate::infer::{Signature, check_use};
use crate::op::OpDef;
use crate::ops;
use crate::types::Type;

impl GraphBuilder {
    /// The types that the parameters of the regions of a use of `op` begin with.
    ///
    /// # Errors
    ///
    /// The operands aren't visible here, or aren't what the op takes.
    pub fn region_parameters(
        &self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: &Attrs,
    ) -> Result<Vec<Vec<Type>>, BuildError> {
        let fail = |violation| BuildError::Node { op: op.name, node: String::new(), violation };
        self.check_operands(operands).map_err(fail)?;
        self.body_types(op, operands, attrs).map_err(fail)
    }

    pub(super) fn body_types(
        &self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: &Attrs,
    ) -> Result<Vec<Vec<Type>>, Violation> {
        let operands = self.operands(operands);
        check_use(op, attrs, &operands, op.regions)?;
        ops::region_parameters(op, attrs, &operands, None)
    }

    /// As [`GraphBuilder::region_parameters`], given what is known of the regions: the types that another turn of the bodies
    /// leads to. Where they are those of the parameters, the parameters are settled.
    ///
    /// # Errors
    ///
    /// Those of [`GraphBuilder::region_parameters`].
    pub fn region_parameters_after(
        &self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: &Attrs,
        regions: &[Signature],
    ) -> Result<Vec<Vec<Type>>, BuildError> {
        let fail = |violation| BuildError::Node { op: op.name, node: String::new(), violation };
        self.check_operands(operands).map_err(fail)?;
        let operands = self.operands(operands);
        check_use(op, attrs, &operands, op.regions)
            .and_then(|()| ops::region_parameters(op, attrs, &operands, Some(regions)))
            .map_err(fail)
    }

    /// As [`GraphBuilder::begin_region`], for the body of a node of `op`: what is held by states that grow is known in
    /// it from the beginning, instead of once the node is added.
    pub fn begin_body(&mut self, op: &OpDef, parameters: &[Type]) -> (RegionId, Vec<ValueId>) {
        let entry = op.bodies.entry(&self.graph.states, &self.held[self.current().index()]);
        let (region, parameters) = self.begin_region(parameters);
        self.enter(region, entry);
        (region, parameters)
    }

    /// Opens a region whose parameters have these types; nodes are added to it until
    /// [`GraphBuilder::end_region`].
    pub fn begin_region(&mut self, parameters: &[Type]) -> (RegionId, Vec<ValueId>) {
        let id = RegionId(self.graph.regions.len() as u32);
        self.scopes.begin(self.current());
        self.open.push(id);
        let parameters: Vec<_> = parameters.iter().map(|ty| self.value(ty.clone(), None)).collect();
        self.graph.regions.push(Region { parameters: parameters.clone(), ..Region::default() });
        self.held.push(Held::ANYWHERE);
        self.entered.push(Held::ANYWHERE);
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
    ///
    /// # Errors
    ///
    /// Those of [`GraphBuilder::node`]; a region is open, belongs to another node, or was begun where the node can't see what
    /// it reads (rule `regions`); a region gives what isn't visible in it (rule `visible`); regions stand deeper in each
    /// other than the limit (rule `nesting`).
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
    ///
    /// # Errors
    ///
    /// Those of [`GraphBuilder::node_with_regions`], and a parameter that has another type than it settles on.
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
}
