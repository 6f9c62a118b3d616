//! A graph while it is rebuilt: what rules look at, and emit through.
//!
//! Nodes go through the [`GraphBuilder`] and are then offered to the rules. A node that a rule replaced stays behind without
//! a use, and is dropped at the end with everything else that nobody needs. How often rules are tried for one node of the
//! source is limited, so that rebuilding ends, in time that is linear in the number of nodes.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use glassbox_ir::types::refines;
use glassbox_ir::{
    Attr, Attrs, BuildError, GraphBuilder, Hints, Known, NodeId, OpDef, Provenance, RegionId, TensorType, Type,
    ValueId, ops,
};
use glassbox_tensor::Tensor;

use crate::no_match::NoMatch;
use crate::rule::{Candidate, Roots, Rule};
use crate::sharing::Sharing;

/// The most replacements for one node of the source.
const MAX_REPLACEMENTS: usize = 64;

/// How deep replacements may stand in each other: nodes that a rule emits are offered to the rules as well.
const MAX_DEPTH: usize = 16;

/// How often a rule was applied, and why it wasn't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often it was applied.
    pub applied: usize,
    /// How often it wasn't, by [`NoMatch::kind`].
    pub refused: BTreeMap<&'static str, usize>,
}

/// A graph while it is rebuilt. See the [module](self).
pub struct Rebuild<'r> {
    pub(crate) builder: GraphBuilder,
    rules: &'r [&'static Rule],
    /// For each op, by its name, the rules that it may be the root of.
    by_root: HashMap<&'static str, Rc<[usize]>>,
    /// Nodes that are there already, where they are looked for.
    sharing: Option<Sharing>,
    /// Whether rules and sharing are off, for what is copied as it is.
    pub(crate) plain: bool,
    /// How often each value is used, by nodes of the source and by nodes that rules emitted. Never too small.
    uses: Vec<u32>,
    /// For a value that a rule made needless: one that was computed instead, which came later.
    instead: Vec<Option<ValueId>>,
    /// The nodes that the rule that is being tried has looked at.
    seen: Vec<NodeId>,
    /// The constants whose contents it has looked at.
    constants: Vec<NodeId>,
    provenance: Provenance,
    depth: usize,
    replaced: usize,
    pub(crate) attempts: Vec<Attempts>,
}

impl<'r> Rebuild<'r> {
    pub(crate) fn new(builder: GraphBuilder, rules: &'r [&'static Rule], share: bool) -> Rebuild<'r> {
        Rebuild {
            builder,
            rules,
            by_root: HashMap::new(),
            sharing: share.then(Sharing::default),
            plain: false,
            uses: Vec::new(),
            instead: Vec::new(),
            seen: Vec::new(),
            constants: Vec::new(),
            provenance: Provenance::default(),
            depth: 0,
            replaced: 0,
            attempts: vec![Attempts::default(); rules.len()],
        }
    }

    /// The type of a value.
    pub fn type_of(&self, value: ValueId) -> &Type {
        self.builder.type_of(value)
    }

    /// The type of a value that is a tensor.
    ///
    /// # Errors
    ///
    /// It is a sequence or an optional.
    pub fn tensor_type(&self, value: ValueId) -> Result<&TensorType, NoMatch> {
        self.type_of(value).as_tensor().ok_or(NoMatch::UnknownDim)
    }

    /// What is known of the contents of a value.
    pub fn known(&self, value: ValueId) -> Option<&Known> {
        self.builder.known(value)
    }

    /// The node that gives a value, where it has no bodies. It becomes one of those that the replacement stands for.
    ///
    /// # Errors
    ///
    /// The value is an input, a parameter of a body, or the result of a node with bodies.
    pub fn giver(&mut self, value: ValueId) -> Result<Candidate, NoMatch> {
        let (node, _) = self.builder.def(value).ok_or(NoMatch::NotComputed(0))?;
        let candidate = self.candidate(node);
        if candidate.op.regions > 0 {
            return Err(NoMatch::Op { wanted: "an op without bodies", found: candidate.op.name });
        }
        self.seen.push(node);
        Ok(candidate)
    }

    /// The node that gives a value, where its op is `op`.
    ///
    /// # Errors
    ///
    /// The value is given by another op, or by none.
    pub fn giver_of(&mut self, value: ValueId, op: &'static OpDef) -> Result<Candidate, NoMatch> {
        let (node, _) = self.builder.def(value).ok_or(NoMatch::NotComputed(0))?;
        match self.builder.graph().node(node).op {
            found if found == op => self.giver(value),
            found => Err(NoMatch::Op { wanted: op.name, found: found.name }),
        }
    }

    /// The op that gives a value, and its first operand; without looking at the node as one that is replaced.
    pub fn op_of(&self, value: ValueId) -> Option<(&'static OpDef, Option<ValueId>)> {
        let (node, _) = self.builder.def(value)?;
        let node = self.builder.graph().node(node);
        Some((node.op, node.operands.first().copied().flatten()))
    }

    /// The tensor that a value always is.
    ///
    /// # Errors
    ///
    /// The value isn't given by a `constant` node.
    pub fn constant(&mut self, value: ValueId) -> Result<Tensor, NoMatch> {
        let (id, _) = self.builder.def(value).ok_or(NoMatch::NotConstant)?;
        let node = self.builder.graph().node(id);
        match node.attrs.get("value") {
            Some(Attr::Tensor(tensor)) if *node.op == ops::constant::OP => {
                let tensor = tensor.clone();
                self.constants.push(id);
                Ok(tensor)
            }
            _ => Err(NoMatch::NotConstant),
        }
    }

    /// Nobody uses `value` but the node that is looked at, so that it goes where that is replaced; and it is made in the same
    /// region, so that what replaces it isn't done more often.
    ///
    /// # Errors
    ///
    /// Another node uses it too, or it comes from a region around.
    pub fn check_only_here(&self, value: ValueId) -> Result<(), NoMatch> {
        if self.builder.region_of(value) != Some(self.builder.current()) {
            return Err(NoMatch::OtherRegion);
        }
        match self.uses.get(value.index()) {
            Some(0 | 1) => Ok(()),
            _ => Err(NoMatch::UsedElsewhere),
        }
    }

    /// Adds a node with one result, and offers it to the rules.
    ///
    /// # Errors
    ///
    /// The builder refuses it.
    pub fn emit(&mut self, op: &'static OpDef, operands: &[ValueId], attrs: Attrs) -> Result<ValueId, NoMatch> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        let results = self.emit_many(op, &operands, attrs, 1)?;
        results.first().copied().ok_or(NoMatch::NoGain)
    }

    /// Adds a node without bodies, and offers it to the rules.
    ///
    /// # Errors
    ///
    /// The builder refuses it.
    pub fn emit_many(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        outputs: usize,
    ) -> Result<Vec<ValueId>, NoMatch> {
        operands.iter().flatten().for_each(|operand| self.add_uses(*operand, 1));
        let seen = std::mem::take(&mut self.seen);
        let graph = self.builder.graph();
        let parts = seen.iter().map(|node| &graph.node(*node).provenance);
        let around = Provenance::merge([&self.provenance].into_iter().chain(parts));
        let outer = std::mem::replace(&mut self.provenance, around.clone());
        let made = self.node(op, operands, attrs, outputs, Hints::new(), around);
        (self.provenance, self.seen) = (outer, seen);
        Ok(made?)
    }

    /// Adds a constant.
    ///
    /// # Errors
    ///
    /// The builder refuses it.
    pub fn emit_constant(&mut self, tensor: Tensor) -> Result<ValueId, NoMatch> {
        self.emit(&ops::constant::OP, &[], Attrs::from([("value", Attr::Tensor(tensor))]))
    }

    /// Begins with another node of the source.
    pub(crate) fn begin(&mut self, provenance: &Provenance) {
        self.provenance = provenance.clone();
        (self.replaced, self.depth) = (0, 0);
    }

    /// Adds a node without bodies that comes from there, or finds it, and offers it to the rules: the values that stand for
    /// its results.
    pub(crate) fn node(
        &mut self,
        op: &'static OpDef,
        operands: &[Option<ValueId>],
        attrs: Attrs,
        outputs: usize,
        hints: Hints,
        provenance: Provenance,
    ) -> Result<Vec<ValueId>, BuildError> {
        let sharing = self.sharing.as_ref().filter(|_| !self.plain);
        let key = sharing.and_then(|_| Sharing::key(op, operands, &attrs, outputs));
        if let (Some(sharing), Some(key)) = (sharing, key)
            && let Some((node, results)) = sharing.find(key, self.builder.graph(), op, operands, &attrs, &hints)
        {
            self.builder.add_provenance(node, &provenance);
            return Ok(results);
        }
        self.builder.set_provenance(provenance);
        let results = self.builder.node(op, operands, attrs, outputs)?;
        let Some(node) = self.builder.last_node() else { return Ok(results) };
        if !hints.is_empty() {
            self.builder.set_hints(node, hints)?;
        }
        let results = if self.plain { results } else { self.replace(node, results) };
        if let (Some(sharing), Some(key)) = (&mut self.sharing, key) {
            sharing.add(key, node, results.clone());
        }
        Ok(results)
    }

    /// Tries the rules on a node: the values that stand for its results.
    fn replace(&mut self, node: NodeId, results: Vec<ValueId>) -> Vec<ValueId> {
        let op = self.builder.graph().node(node).op;
        let rules = self.rules;
        let roots = self
            .by_root
            .entry(op.name)
            .or_insert_with(|| (0..rules.len()).filter(|place| rules[*place].has_root(op)).collect());
        // A node that stays for its effects isn't replaced.
        if roots.is_empty() || !op.effects.is_removable() || self.depth >= MAX_DEPTH {
            return results;
        }
        let roots = roots.clone();
        let (constants, known) = (self.is_of_constants(node), results.iter().any(|it| self.known(*it).is_some()));
        let mut candidate = None;
        let before = self.builder.graph().value_count();
        for place in roots.iter().copied() {
            let holds = match rules[place].roots {
                Roots::Ops(_) => true,
                Roots::OfConstants => constants,
                Roots::OfKnown => known,
            };
            if !holds {
                continue;
            }
            if self.replaced >= MAX_REPLACEMENTS {
                break;
            }
            let candidate = Rc::clone(candidate.get_or_insert_with(|| Rc::new(self.candidate(node))));
            self.depth += 1;
            let outer = (std::mem::take(&mut self.seen), std::mem::take(&mut self.constants));
            let made = (rules[place].apply)(self, &candidate).and_then(|made| self.accept(&results, made));
            let mut seen = std::mem::replace(&mut self.seen, outer.0);
            seen.append(&mut std::mem::replace(&mut self.constants, outer.1));
            self.depth -= 1;
            match made {
                Ok(made) => {
                    self.attempts[place].applied += 1;
                    self.replaced += 1;
                    self.note(node, &seen, &made, before);
                    return made;
                }
                Err(why) => *self.attempts[place].refused.entry(why.kind()).or_default() += 1,
            }
        }
        results
    }

    /// Whether all operands of a node are constants.
    fn is_of_constants(&self, node: NodeId) -> bool {
        let graph = self.builder.graph();
        let constant = |operand: &Option<ValueId>| {
            let Some(operand) = operand else { return true };
            self.builder.def(*operand).is_some_and(|(node, _)| *graph.node(node).op == ops::constant::OP)
        };
        let node = graph.node(node);
        *node.op != ops::constant::OP && node.operands.iter().all(constant)
    }

    /// Whether values may stand for the results of a node.
    fn accept(&self, results: &[ValueId], made: Vec<ValueId>) -> Result<Vec<ValueId>, NoMatch> {
        let fits = |(old, new): (&ValueId, &ValueId)| {
            self.builder.is_visible(*new) && refines(self.type_of(*new), self.type_of(*old))
        };
        let fits = made.len() == results.len() && results.iter().zip(&made).all(fits);
        if fits { Ok(made) } else { Err(NoMatch::LessPrecise) }
    }

    /// Notes that `made`, of which the new values have an index from `before` on, was computed instead of these nodes.
    fn note(&mut self, root: NodeId, seen: &[NodeId], made: &[ValueId], before: usize) {
        let Some(new) = made.iter().copied().find(|value| value.index() >= before) else { return };
        self.instead.resize(self.builder.graph().value_count(), None);
        for node in seen.iter().chain([&root]) {
            for result in &self.builder.graph().node(*node).results {
                // Only what came later stands for something, so that following it ends.
                if result.index() < new.index() {
                    self.instead[result.index()].get_or_insert(new);
                }
            }
        }
    }

    /// A value that was computed instead of this one, by a node that came later.
    pub(crate) fn instead_of(&self, value: ValueId) -> Option<ValueId> {
        self.instead.get(value.index()).copied().flatten()
    }

    /// Says that `other` was computed where `value`, if it goes, would have been.
    pub(crate) fn set_instead(&mut self, value: ValueId, other: ValueId) {
        self.instead.resize(self.builder.graph().value_count(), None);
        self.instead[value.index()] = Some(other);
    }

    /// Says that a value is used so many times more.
    pub(crate) fn add_uses(&mut self, value: ValueId, count: u32) {
        if self.uses.len() <= value.index() {
            self.uses.resize(self.builder.graph().value_count().max(value.index() + 1), 0);
        }
        self.uses[value.index()] = self.uses[value.index()].saturating_add(count);
    }

    /// How much is noted for sharing, for [`Rebuild::close`].
    pub(crate) fn mark(&self) -> usize {
        self.sharing.as_ref().map_or(0, Sharing::mark)
    }

    /// Opens a body of a node of `op`; [`Rebuild::close`] with what it gives forgets the nodes in it.
    pub(crate) fn open(&mut self, op: &OpDef, parameters: &[Type]) -> (RegionId, Vec<ValueId>, usize) {
        let mark = self.mark();
        let (region, parameters) = self.builder.begin_body(op, parameters);
        (region, parameters, mark)
    }

    /// Closes regions until `region` is the one to which nodes are added, and forgets what is in them.
    pub(crate) fn close(&mut self, region: RegionId, results: Vec<ValueId>, mark: usize) {
        let mut results = Some(results);
        while self.builder.current() != region {
            self.builder.end_region(results.take().unwrap_or_default());
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.leave(mark);
        }
    }

    fn candidate(&self, node: NodeId) -> Candidate {
        let made = self.builder.graph().node(node);
        Candidate {
            node,
            op: made.op,
            operands: made.operands.clone(),
            attrs: made.attrs.clone(),
            results: made.results.clone(),
        }
    }
}
