//! One node as its row sees it: operands, versions, and the ways to build regions.

use std::cell::Cell;

use glassbox_ir::infer::normalise_axis;
use glassbox_ir::{
    Attrs, BuildError, Expr, ExprBuilder, Known, OpDef, Origin, Provenance, RegionId, Type, ValueId, attrs, ops,
};
use glassbox_tensor::Tensor;

use crate::error::OnnxError;
use crate::model::{Declared, Graph, Node};
use crate::ops::Exprs;

use super::attributes::Given;
use super::scope::Site;
use super::{AttributesOf, Mark, build_region};

/// The last version in which an op could have `consumed_inputs`, which had no meaning.
const LAST_WITH_CONSUMED_INPUTS: i64 = 5;

/// One node under conversion. Attribute getters are in the same type.
pub struct NodeContext<'a> {
    /// Where the formulas go.
    pub f: &'a ExprBuilder,
    /// The version of the op's domain by whose rules the node is read.
    pub version: i64,
    /// How many outputs are asked for: trailing ones that are left out don't count, others do.
    pub outputs: usize,
    pub(super) node: &'a Node,
    pub(super) site: Site<'a>,
    pub(super) given: Vec<Given<'a>>,
    /// Each operand, and whether the row has asked for it.
    operands: Vec<(Option<ValueId>, Cell<bool>)>,
}

/// A body that was built.
pub struct BuiltRegion {
    /// The region.
    pub id: RegionId,
    /// The types of what it gives.
    pub results: Vec<Type>,
}

/// Where the carried values of a body stand among what it takes and gives.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// The place of the first among the parameters.
    pub parameter: usize,
    /// The place of the first among the results.
    pub result: usize,
    /// How many there are.
    pub count: usize,
}

impl<'a> NodeContext<'a> {
    pub(super) fn new(
        site: Site<'a>,
        node: &'a Node,
        version: i64,
        operands: Vec<Option<ValueId>>,
        attributes: AttributesOf<'a>,
    ) -> NodeContext<'a> {
        let outputs = node.outputs.iter().rposition(|name| !name.is_empty()).map_or(1, |last| last + 1);
        let given = attributes.into_iter().map(|(name, value)| Given { name, value, read: Cell::new(false) }).collect();
        let operands = operands.into_iter().map(|operand| (operand, Cell::new(false))).collect();
        let context = NodeContext { f: site.frame.f, version, outputs, node, site, given, operands };
        if node.domain.is_empty() && version <= LAST_WITH_CONSUMED_INPUTS {
            context.ignore("consumed_inputs");
        }
        context.set_provenance();
        context
    }

    fn operand(&self, index: usize) -> Option<ValueId> {
        let (operand, read) = self.operands.get(index)?;
        read.set(true);
        *operand
    }

    /// Passes over an operand that has no meaning for inference.
    pub fn ignore_operand(&self, index: usize) {
        self.operand(index);
    }

    /// Refuses operands that the row has not asked for.
    pub(super) fn check_operands_read(&self) -> Result<(), OnnxError> {
        match self.operands.iter().position(|(operand, read)| operand.is_some() && !read.get()) {
            None => Ok(()),
            Some(index) => Err(self.error(format!("arity: operand {index} is not understood in this version"))),
        }
    }

    /// The operand in place `index`, which must be given.
    pub fn x(&self, index: usize) -> Expr<'a> {
        let missing = || self.f.mistake("arity", format!("operand {index} is missing"));
        self.opt(index).unwrap_or_else(missing)
    }

    /// The operand in place `index`, where it is given.
    pub fn opt(&self, index: usize) -> Option<Expr<'a>> {
        self.operand(index).map(|id| self.f.expr(id))
    }

    /// The value that a name stands for where the node stands.
    pub fn named(&self, name: &str) -> Option<ValueId> {
        self.site.scope.find(name).flatten()
    }

    /// Every operand, without those at the end that are left out.
    pub fn operands(&self) -> Vec<Option<Expr<'a>>> {
        (0..self.operands.len()).map(|index| self.opt(index)).collect()
    }

    /// The operands from place `first` on that are given.
    pub fn rest(&self, first: usize) -> Vec<Expr<'a>> {
        (first..self.operands.len()).filter_map(|index| self.opt(index)).collect()
    }

    /// The op `op` with the same operands, attributes and outputs.
    pub fn direct(&self, op: &'static OpDef) -> Exprs<'a> {
        let attrs = self.attrs(op)?;
        Ok(self.f.op_many(op, &self.operands(), attrs, Vec::new(), self.outputs))
    }

    /// The op `op` with the same operands and outputs, and these attributes.
    pub fn with_attrs(&self, op: &'static OpDef, attrs: Attrs) -> Exprs<'a> {
        Ok(self.f.op_many(op, &self.operands(), attrs, Vec::new(), self.outputs))
    }

    /// The rank of an operand, which must be known for the conversion.
    ///
    /// # Errors
    ///
    /// Where it isn't known.
    pub fn rank(&self, index: usize) -> Result<usize, OnnxError> {
        let x = self.x(index);
        x.rank().ok_or_else(|| self.unsupported(format!("an operand {index} of unknown rank, {},", x.ty())))
    }

    /// The sizes of an operand, which must all be known for the conversion.
    ///
    /// # Errors
    ///
    /// Where one of them isn't known.
    pub fn sizes(&self, index: usize) -> Result<Vec<usize>, OnnxError> {
        let ty = self.x(index).ty();
        let sizes = ty.as_tensor().and_then(|tensor| tensor.shape.sizes());
        sizes.ok_or_else(|| self.unsupported(format!("an operand {index} whose dims are not all known, {ty},")))
    }

    /// An axis counted from the front; it must be in `[-rank, rank)`.
    ///
    /// # Errors
    ///
    /// Where it is outside.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize, OnnxError> {
        normalise_axis("axis", axis, rank).map_err(|violation| self.error(violation.message))
    }

    /// The contents of an operand, where they are constant.
    pub fn contents(&self, index: usize) -> Option<Tensor> {
        self.known(index)?.tensor().cloned()
    }

    /// The integers in an operand, where every one is known.
    pub fn known_ints(&self, index: usize) -> Option<Vec<i64>> {
        self.known(index)?.ints()?.iter().map(|dim| dim.as_int()).collect()
    }

    fn known(&self, index: usize) -> Option<Known> {
        let id = self.operand(index)?;
        self.f.builder().known(id).cloned()
    }

    /// The error of a node that breaks a rule of its op.
    pub fn error(&self, rule: impl ToString) -> OnnxError {
        let (node, op) = (self.label(), self.node.full_op());
        OnnxError::Node { node, op, version: self.version, rule: rule.to_string() }
    }

    /// The error of a node that uses its op in a way that isn't supported: "`what` is not supported".
    pub fn unsupported(&self, what: impl ToString) -> OnnxError {
        let (node, op) = (self.label(), self.node.full_op());
        OnnxError::UnsupportedUse { node, op, version: self.version, what: what.to_string() }
    }

    /// The error of a node that the IR refuses.
    pub(super) fn refused(&self, source: BuildError) -> OnnxError {
        let (node, op) = (self.label(), self.node.full_op());
        OnnxError::Build { node, op, version: self.version, error: Box::new(source) }
    }

    /// Tells the caller of the import something about this node.
    pub fn note(&self, text: impl AsRef<str>) {
        let note = format!("{} `{}`: {}", self.node.full_op(), self.label(), text.as_ref());
        self.site.frame.notes.borrow_mut().push(note);
    }

    /// Says that a table of this node stands for a list of maps: what the keys of its columns are.
    pub fn zipped(&self, table: Expr<'a>, keys: Tensor) {
        // An expression without a value is a mistake that is told by itself.
        if let Ok(table) = table.id() {
            self.site.frame.zipped.borrow_mut().push((table, keys));
        }
    }

    /// The name of the node, with the calls on the way to it.
    pub fn label(&self) -> String {
        format!("{}{}", self.site.prefix, self.node.label())
    }

    /// The types that the parameters of the regions of a use of `op` begin with.
    ///
    /// # Errors
    ///
    /// Where the op refuses its operands.
    pub fn region_parameters(
        &self,
        op: &'static OpDef,
        operands: &[Option<Expr<'a>>],
        attrs: &Attrs,
    ) -> Result<Vec<Vec<Type>>, OnnxError> {
        let ids = operands.iter().map(|operand| operand.map(Expr::id).transpose()).collect::<Result<Vec<_>, _>>();
        let ids = ids.map_err(|error| self.refused(error))?;
        self.f.builder().region_parameters(op, &ids, attrs).map_err(|error| self.refused(error))
    }

    /// Builds a graph as the body of this node, whose parameters have these types.
    ///
    /// # Errors
    ///
    /// Where a node of the graph can't be imported.
    pub fn region(&self, graph: &'a Graph, parameters: &[Type]) -> Result<BuiltRegion, OnnxError> {
        let built = build_region(self.site, graph, parameters, &format!("{} `{}`", self.node.full_op(), self.label()));
        self.set_provenance();
        built
    }

    /// The types that a graph gives as the body of this node, if its parameters have these types.
    ///
    /// # Errors
    ///
    /// Where a node of the graph can't be imported.
    pub fn region_results(&self, graph: &'a Graph, parameters: &[Type]) -> Result<Vec<Type>, OnnxError> {
        let mark = self.site.frame.mark();
        let built = self.region(graph, parameters)?;
        self.site.frame.forget_since(mark);
        Ok(built.results)
    }

    /// As [`NodeContext::region`], but where the graph doesn't fit its types: then the error, and what was begun of it is
    /// forgotten. A body that never runs may be such a graph.
    ///
    /// # Errors
    ///
    /// What is wrong whether the body runs or not: an op that isn't supported, a graph that is too large.
    pub fn region_or_misfit(
        &self,
        graph: &'a Graph,
        parameters: &[Type],
    ) -> Result<Result<BuiltRegion, OnnxError>, OnnxError> {
        let (mark, around) = (self.site.frame.mark(), self.f.builder().current());
        let built = self.region(graph, parameters);
        self.or_misfit(built, mark, around)
    }

    /// What a body that may never run has become, or why it fits its types not; see [`NodeContext::region_or_misfit`].
    fn or_misfit<T>(
        &self,
        built: Result<T, OnnxError>,
        mark: Mark,
        around: RegionId,
    ) -> Result<Result<T, OnnxError>, OnnxError> {
        let error = match built {
            Err(error @ (OnnxError::Build { .. } | OnnxError::UnsupportedUse { .. })) => error,
            other => return other.map(Ok),
        };
        // Nothing is kept of it: neither its names, nor its mistakes, nor the regions that it left open.
        self.site.frame.forget_since(mark);
        let _ = self.f.check();
        while self.f.builder().current() != around {
            self.f.builder().end_region(Vec::new());
        }
        self.set_provenance();
        Ok(Err(error))
    }

    /// A body that gives values of these types and whose run is an error that says why. `what` is what the body is.
    ///
    /// # Errors
    ///
    /// Where the builder refuses a node of it.
    pub fn failing_region(
        &self,
        parameters: &[Type],
        results: &[Type],
        what: &str,
        why: &OnnxError,
    ) -> Result<RegionId, OnnxError> {
        let why = format!("its {what} can't run: {}", why.root());
        self.note(format!("{why}. That is an error only where it is to run"));
        self.inline_region(parameters, |_| {
            let fail = |ty: &Type| {
                let nothing = self.f.op(&ops::optional::OP, &[], attrs! { element: ty.clone() });
                self.f.op(&ops::optional_get_element::OP, &[nothing], attrs! { otherwise: why.clone() })
            };
            Ok(results.iter().map(fail).collect())
        })
    }

    /// The types that a graph's outputs are declared with; none where one isn't declared.
    pub fn declared_outputs(&self, graph: &Graph) -> Option<Vec<Type>> {
        let known = |ty: &Declared| match ty {
            Declared::Known(ty) => Some(ty.clone()),
            _ => None,
        };
        graph.outputs.iter().map(|output| known(&output.ty)).collect()
    }

    /// As [`NodeContext::carrying_region`], but where the body doesn't fit its types: then the types that its parameters begin
    /// with, and the error.
    ///
    /// # Errors
    ///
    /// Those of [`NodeContext::region_or_misfit`].
    pub fn carrying_region_or_misfit(
        &self,
        op: &'static OpDef,
        graph: &'a Graph,
        operands: &[Option<Expr<'a>>],
        attrs: &Attrs,
        carried: Carried,
    ) -> Result<Result<RegionId, (Vec<Type>, OnnxError)>, OnnxError> {
        let parameters = self.region_parameters(op, operands, attrs)?.into_iter().next().unwrap_or_default();
        let (mark, around) = (self.site.frame.mark(), self.f.builder().current());
        let built = self.carrying_region(op, graph, operands, attrs, carried);
        Ok(self.or_misfit(built, mark, around)?.map_err(|error| (parameters, error)))
    }

    /// Builds a graph as the body of a node of `op` that carries values from turn to turn.
    ///
    /// Where the body gives a carried value another type than it takes, it is built again for what
    /// holds of both, until it takes what it gives: conversions look at types, so a body that was
    /// converted for the types of the first turn would be wrong in the second.
    ///
    /// # Errors
    ///
    /// Where a node of the graph can't be imported, or the types of what is carried never settle.
    pub fn carrying_region(
        &self,
        op: &'static OpDef,
        graph: &'a Graph,
        operands: &[Option<Expr<'a>>],
        attrs: &Attrs,
        carried: Carried,
    ) -> Result<RegionId, OnnxError> {
        let mut parameters = self.region_parameters(op, operands, attrs)?.into_iter().next().unwrap_or_default();
        loop {
            let mark = self.site.frame.mark();
            let built = self.region(graph, &parameters)?;
            let mut wider = parameters.clone();
            for index in 0..carried.count {
                let places = (wider.get_mut(carried.parameter + index), built.results.get(carried.result + index));
                let (Some(ty), Some(result)) = places else { continue };
                // Where nothing holds of both, the IR says so.
                let Some(joined) = ty.join(result) else { return Ok(built.id) };
                *ty = joined;
            }
            if wider == parameters {
                return Ok(built.id);
            }
            self.site.frame.forget_since(mark);
            parameters = wider;
        }
    }

    /// Builds a region by a formula.
    ///
    /// # Errors
    ///
    /// The first mistake in the formula.
    pub fn inline_region(
        &self,
        parameters: &[Type],
        formula: impl FnOnce(Vec<Expr<'a>>) -> Exprs<'a>,
    ) -> Result<RegionId, OnnxError> {
        let (id, parameters) = self.f.builder().begin_region(parameters);
        let results = formula(parameters.into_iter().map(|id| self.f.expr(id)).collect())?;
        let results = results.into_iter().map(Expr::id).collect::<Result<Vec<_>, _>>();
        let results = results.map_err(|error| self.refused(error))?;
        self.f.builder().end_region(results);
        Ok(id)
    }

    fn set_provenance(&self) {
        let origin = Origin::Onnx { node: self.label(), op: self.node.full_op() };
        self.f.builder().set_provenance(Provenance::new(origin));
    }
}
