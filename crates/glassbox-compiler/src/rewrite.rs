//! Rewriting a graph by rules: one forward rebuild.
//!
//! The source is walked in program order. Each node is emitted with the values that stand for its operands; bodies are
//! rebuilt in place. What bodies carry keeps the types that the source says, on which rules may rely. Where a body can't be
//! rebuilt that way (what became known makes a node in it wrong that perhaps never runs, or a carried type unsettled), it is
//! copied as it is, without rules.
//!
//! Inputs and outputs keep their names: an output that has become another value which has a name is copied by an `identity`.

mod calls;

use std::collections::{BTreeMap, HashMap};

use glassbox_ir::{
    Attrs, BuildError, Fate, Graph, GraphBuilder, Lineage, LineageError, Live, Node, NodeId, Operand, RegionId,
    Signature, Tier, Type, ValueId, Violation, attrs, decompose, ops,
};
use thiserror::Error;

use crate::backend::Group;
use crate::outline::{Outlines, Place};
use crate::rebuild::{Attempts, Rebuild};
use crate::rule::Rule;

/// Says of nodes whether something is done with them.
pub type Choice<'a> = dyn Fn(&Graph, NodeId) -> bool + 'a;

/// What a rewriting does. Nodes that nobody needs always go.
#[derive(Clone, Copy, Default)]
pub struct Rewriting<'r> {
    /// The rules that are tried on each node, in this order.
    pub rules: &'r [&'static Rule],
    /// Whether nodes without effects that are equal become one.
    pub share: bool,
    /// The composites that are taken apart: those of which it says so. None, without it.
    pub expand: Option<&'r Choice<'r>>,
    /// Whether what a composite is taken apart into is the body of a `call` in its place, which is named `glassbox.` and the
    /// name of the op.
    pub into_calls: bool,
}

/// A graph that was rewritten.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rewritten {
    /// The graph.
    pub graph: Graph,
    /// What became of the values of the source.
    pub lineage: Lineage,
    /// How often each rule was applied and why it wasn't, by its name.
    pub attempts: BTreeMap<&'static str, Attempts>,
    /// The calls that groups became, and those that change layouts between them.
    pub calls: Vec<NodeId>,
}

/// Why a graph couldn't be rewritten. The source is as it was.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The builder refuses a node: with what became known, it would fail if it ran.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A value lost what was known of it.
    #[error(transparent)]
    Lineage(#[from] LineageError),
}

/// Rebuilds `source` by `rewriting`. The result gives the same values, to the bit.
///
/// # Errors
///
/// The builder refuses a node that it accepted when less was known, outside of bodies; or a type would become less precise.
///
/// ```
/// use glassbox_compiler::{Rewriting, rewrite, rules};
/// use glassbox_ir::Fate;
/// use glassbox_ir::text::{ParseOptions, parse};
///
/// let text = r#"graph "g" { input %x: f32[A, B] %y = transpose(%x) %z = transpose(%y) %w = abs(%z) output %w }"#;
/// let source = parse(text, &ParseOptions::default())?;
/// let made = rewrite(&source, &Rewriting { rules: rules::SIMPLIFY, share: false, expand: None, into_calls: false })?;
/// assert_eq!(made.graph.node_count(), 1);
/// let fate = |name| source.find_value(name).map(|value| made.lineage.of(value));
/// assert_eq!(fate("y"), Some(Fate::Dead));
/// assert_eq!(fate("z"), Some(Fate::Kept(made.graph.inputs()[0])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rewrite(source: &Graph, rewriting: &Rewriting) -> Result<Rewritten, RewriteError> {
    walk(source, rewriting, &Outlines::default())
}

/// Rebuilds `source` with each of `groups` that can be one as the body of a `call`.
///
/// # Errors
///
/// Those of [`rewrite`](rewrite()).
pub fn group(source: &Graph, groups: Vec<Group>) -> Result<Rewritten, RewriteError> {
    walk(source, &Rewriting::default(), &Outlines::of(source, groups))
}

fn walk(source: &Graph, rewriting: &Rewriting, outlines: &Outlines) -> Result<Rewritten, RewriteError> {
    let mut builder = GraphBuilder::new(source.name.clone());
    for (key, value) in &source.metadata {
        builder.metadata(key.clone(), value.clone());
    }
    for state in source.states() {
        builder.state(state.clone())?;
    }
    let mut walk = Walk {
        source,
        rebuild: Rebuild::new(builder, rewriting.rules, rewriting.share),
        map: vec![None; source.value_count()],
        inside: vec![None; source.value_count()],
        uses: uses(source),
        blocked: HashMap::new(),
        calls: Vec::new(),
        outlines,
        expand: rewriting.expand,
        into_calls: rewriting.into_calls,
    };
    for input in source.inputs() {
        let value = source.value(*input);
        let made = walk.rebuild.builder.input(value.name.as_deref().unwrap_or_default(), value.ty.clone());
        walk.define(&[*input], &[made]);
    }
    walk.nodes(source.body())?;
    walk.finish(rewriting)
}

/// How often each value of a graph is used: as an operand, as the result of a region.
fn uses(graph: &Graph) -> Vec<u32> {
    let mut uses = vec![0u32; graph.value_count()];
    let mut count = |values: &[ValueId]| {
        for value in values {
            uses[value.index()] = uses[value.index()].saturating_add(1);
        }
    };
    count(graph.outputs());
    for id in graph.walk() {
        let node = graph.node(id);
        node.operands.iter().flatten().for_each(|operand| count(&[*operand]));
        node.regions.iter().for_each(|region| count(&graph.region(*region).results));
    }
    uses
}

/// A source on the way through it.
struct Walk<'s, 'r> {
    source: &'s Graph,
    rebuild: Rebuild<'r>,
    /// By the index of a value of the source: what stands for it.
    map: Vec<Option<ValueId>>,
    /// By the index of a value of the source: the result of the call in whose body it is.
    inside: Vec<Option<ValueId>>,
    uses: Vec<u32>,
    /// By a value of the source: what stands for it with its channels in blocks.
    blocked: HashMap<ValueId, ValueId>,
    /// The calls that groups became.
    calls: Vec<NodeId>,
    outlines: &'r Outlines,
    expand: Option<&'r Choice<'r>>,
    into_calls: bool,
}

/// How the types of the parameters of bodies are found.
#[derive(Clone, Copy)]
enum Bodies {
    /// As the source says them, so that they hold while rules look at them.
    Settled,
    /// From what the node begins with, widened in the end. Only without rules.
    Widened,
}

impl Walk<'_, '_> {
    /// The nodes of a region, added to the open one. Regions of a graph nest to a limit, so that recursion is safe.
    fn nodes(&mut self, region: RegionId) -> Result<(), BuildError> {
        let source = self.source;
        source.region(region).nodes.iter().try_for_each(|id| match self.outlines.place(*id) {
            Place::Alone => self.node(*id),
            Place::Before => Ok(()),
            Place::Last(outline) => self.outline(outline),
        })
    }

    /// The nodes that a composite stands for, where it is taken apart.
    fn expanded(&mut self, id: NodeId, operands: &[Option<ValueId>]) -> Result<Option<Vec<ValueId>>, BuildError> {
        let node = self.source.node(id);
        let wanted =
            matches!(node.op.tier, Tier::Composite(_)) && self.expand.is_some_and(|expand| expand(self.source, id));
        if !wanted || self.rebuild.plain {
            return Ok(None);
        }
        let builder = &self.rebuild.builder;
        let operand = |id: &ValueId| Operand { ty: builder.type_of(*id).clone(), known: builder.known(*id).cloned() };
        let known: Vec<Option<Operand>> = operands.iter().map(|id| id.as_ref().map(operand)).collect();
        // What isn't known yet may be known at run time: the composite stays.
        let Ok(parts) = decompose(node.op, &node.attrs, &known, node.results.len()) else { return Ok(None) };
        let nodes = &parts.region(parts.body()).nodes;
        if nodes.iter().any(|part| !parts.node(*part).regions.is_empty()) {
            return Ok(None);
        }
        let operands: Vec<ValueId> = operands.iter().flatten().copied().collect();
        if !self.into_calls {
            self.rebuild.begin(&node.provenance);
            return self.parts(node, &parts, &operands).map(Some);
        }
        // What is known of an operand has to be known in the body too, so that one is read from outside.
        let passed: Vec<ValueId> =
            operands.iter().copied().filter(|id| self.rebuild.builder.known(*id).is_none()).collect();
        let types: Vec<Type> = passed.iter().map(|id| self.rebuild.builder.type_of(*id).clone()).collect();
        let current = self.rebuild.builder.current();
        let (region, parameters, mark) = self.rebuild.open(&ops::call::OP, &types);
        let inside: HashMap<ValueId, ValueId> = passed.iter().copied().zip(parameters).collect();
        let arguments: Vec<ValueId> = operands.iter().map(|id| inside.get(id).copied().unwrap_or(*id)).collect();
        self.rebuild.begin(&node.provenance);
        let results = self.parts(node, &parts, &arguments)?;
        let outputs = results.len();
        self.rebuild.close(current, results, mark);
        let builder = &mut self.rebuild.builder;
        builder.set_provenance(node.provenance.clone());
        let passed: Vec<Option<ValueId>> = passed.into_iter().map(Some).collect();
        let attrs = attrs! { function: format!("glassbox.{}", node.op.name) };
        builder.node_with_settled_regions(&ops::call::OP, &passed, attrs, vec![region], outputs).map(Some)
    }

    /// The nodes that a composite stands for, added to the open region: the values that stand for its results.
    fn parts(&mut self, node: &Node, parts: &Graph, operands: &[ValueId]) -> Result<Vec<ValueId>, BuildError> {
        let mut map: HashMap<ValueId, ValueId> = parts.inputs().iter().copied().zip(operands.iter().copied()).collect();
        for part in &parts.region(parts.body()).nodes {
            let part = parts.node(*part);
            let operands: Vec<Option<ValueId>> =
                part.operands.iter().map(|operand| operand.and_then(|id| map.get(&id).copied())).collect();
            let (attrs, hints, from) =
                (part.attrs.clone(), part.hints.clone(), node.provenance.around(&part.provenance));
            let results = self.rebuild.node(part.op, &operands, attrs, part.results.len(), hints, from)?;
            map.extend(part.results.iter().copied().zip(results));
        }
        let missing = || BuildError::Graph(Violation::new("visible", "a result of a decomposition isn't defined"));
        parts.outputs().iter().map(|output| map.get(output).copied().ok_or_else(missing)).collect()
    }

    fn node(&mut self, id: NodeId) -> Result<(), BuildError> {
        let node = self.source.node(id);
        let operands = node.operands.iter().map(|operand| operand.map(|id| self.value(id)).transpose());
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let results = if let Some(results) = self.expanded(id, &operands)? {
            results
        } else if node.regions.is_empty() {
            self.rebuild.begin(&node.provenance);
            let (attrs, hints) = (node.attrs.clone(), node.hints.clone());
            self.rebuild.node(node.op, &operands, attrs, node.results.len(), hints, node.provenance.clone())?
        } else {
            self.with_bodies(node, &operands)?
        };
        self.define(&node.results, &results);
        Ok(())
    }

    /// A node with bodies: rebuilt with rules, or else copied as it is.
    fn with_bodies(&mut self, node: &Node, operands: &[Option<ValueId>]) -> Result<Vec<ValueId>, BuildError> {
        if !self.rebuild.plain {
            let current = self.rebuild.builder.current();
            let mark = self.rebuild.mark();
            match self.bodies(node, operands, Bodies::Settled) {
                Ok(results) => return Ok(results),
                Err(_) => self.rebuild.close(current, Vec::new(), mark),
            }
        }
        let outer = std::mem::replace(&mut self.rebuild.plain, true);
        let results = self.bodies(node, operands, Bodies::Widened);
        self.rebuild.plain = outer;
        results
    }

    fn bodies(
        &mut self,
        node: &Node,
        operands: &[Option<ValueId>],
        bodies: Bodies,
    ) -> Result<Vec<ValueId>, BuildError> {
        let source = self.source;
        let types = match bodies {
            Bodies::Widened => self.rebuild.builder.region_parameters(node.op, operands, &node.attrs)?,
            Bodies::Settled => {
                let types =
                    |ids: &[ValueId]| -> Vec<Type> { ids.iter().map(|id| source.value(*id).ty.clone()).collect() };
                let signature = |id: &RegionId| {
                    let region = source.region(*id);
                    Signature { parameters: types(&region.parameters), results: types(&region.results) }
                };
                let regions: Vec<Signature> = node.regions.iter().map(signature).collect();
                self.rebuild.builder.region_parameters_after(node.op, operands, &node.attrs, &regions)?
            }
        };
        let mut regions = Vec::with_capacity(node.regions.len());
        for (id, types) in node.regions.iter().zip(types) {
            let region = source.region(*id);
            let current = self.rebuild.builder.current();
            let (made, parameters, mark) = self.rebuild.open(node.op, &types);
            self.define(&region.parameters, &parameters);
            self.nodes(*id)?;
            let results = region.results.iter().map(|id| self.value(*id)).collect::<Result<_, _>>()?;
            self.rebuild.close(current, results, mark);
            regions.push(made);
        }
        let builder = &mut self.rebuild.builder;
        builder.set_provenance(node.provenance.clone());
        let (attrs, outputs) = (node.attrs.clone(), node.results.len());
        let results = match bodies {
            Bodies::Settled => builder.node_with_settled_regions(node.op, operands, attrs, regions, outputs)?,
            Bodies::Widened => builder.node_with_regions(node.op, operands, attrs, regions, outputs)?,
        };
        if let Some(made) = builder.last_node() {
            builder.set_hints(made, node.hints.clone())?;
        }
        Ok(results)
    }

    fn define(&mut self, old: &[ValueId], new: &[ValueId]) {
        for (old, new) in old.iter().zip(new) {
            self.map[old.index()] = Some(*new);
            self.rebuild.add_uses(*new, self.uses[old.index()]);
        }
    }

    fn value(&self, id: ValueId) -> Result<ValueId, BuildError> {
        self.map[id.index()].ok_or_else(|| {
            let message = format!("`{}` is used before it is defined", self.source.value_label(id));
            BuildError::Graph(Violation::new("visible", message))
        })
    }

    fn finish(mut self, rewriting: &Rewriting) -> Result<Rewritten, RewriteError> {
        let source = self.source;
        let outputs = self.outputs()?;
        for id in source.value_ids() {
            if let (Some(name), Some(made)) = (&source.value(id).name, self.map[id.index()])
                && self.rebuild.builder.graph().value(made).name.is_none()
            {
                self.rebuild.builder.set_name(made, name);
            }
        }
        let attempts = rewriting.rules.iter().map(|rule| rule.name).zip(std::mem::take(&mut self.rebuild.attempts));
        let Walk { rebuild, map, inside, calls, .. } = self;
        let fates = Fates::of(&rebuild, &map, inside);
        let live = rebuild.builder.finish_live(outputs)?;
        let lineage = fates.lineage(&live);
        lineage.check(source, &live.graph)?;
        let calls = calls.into_iter().filter_map(|id| live.nodes[id.index()]).collect();
        Ok(Rewritten { graph: live.graph, lineage, attempts: attempts.collect(), calls })
    }

    /// What stands for the outputs, under their names.
    fn outputs(&mut self) -> Result<Vec<ValueId>, BuildError> {
        let source = self.source;
        let mut outputs = Vec::with_capacity(source.outputs().len());
        for id in source.outputs() {
            let mut made = self.value(*id)?;
            if let Some(name) = source.value(*id).name.as_deref() {
                let builder = &mut self.rebuild.builder;
                match builder.graph().value(made).name.as_deref() {
                    Some(other) if other == name => {}
                    Some(_) => {
                        let giver = builder.def(made).map(|(node, _)| builder.graph().node(node).provenance.clone());
                        builder.set_provenance(giver.unwrap_or_default());
                        made = builder.node(&ops::identity::OP, &[Some(made)], Attrs::new(), 1)?[0];
                        builder.set_name(made, name);
                        self.map[id.index()] = Some(made);
                    }
                    None => builder.set_name(made, name),
                }
            }
            outputs.push(made);
        }
        Ok(outputs)
    }
}

/// Where the values of the source are in the builder, and where those are computed that went.
struct Fates {
    map: Vec<Option<ValueId>>,
    /// The result of the call in whose body it is.
    inside: Vec<Option<ValueId>>,
    /// By the index of a value of the builder: what was computed instead.
    instead: Vec<Option<ValueId>>,
}

impl Fates {
    fn of(rebuild: &Rebuild, map: &[Option<ValueId>], inside: Vec<Option<ValueId>>) -> Fates {
        let instead = rebuild.builder.graph().value_ids().map(|id| rebuild.instead_of(id)).collect();
        Fates { map: map.to_vec(), inside, instead }
    }

    fn lineage(&self, live: &Live) -> Lineage {
        let mut folded = vec![false; live.graph.value_count()];
        for id in live.graph.walk() {
            let node = live.graph.node(id);
            let constant = *node.op == ops::constant::OP;
            node.results.iter().for_each(|result| folded[result.index()] = constant);
        }
        let at = |value: ValueId| live.values.get(value.index()).copied().flatten();
        let fate = |(made, call): (&Option<ValueId>, &Option<ValueId>)| {
            if let Some(call) = call.and_then(at) {
                return Fate::Inside(call);
            }
            let Some(made) = *made else { return Fate::Dead };
            if let Some(kept) = at(made) {
                return Fate::Kept(kept);
            }
            // What is computed instead of a value came later, so that this ends.
            let mut next = self.instead[made.index()];
            while let Some(value) = next {
                match at(value) {
                    Some(there) if folded[there.index()] => return Fate::Folded,
                    Some(there) => return Fate::Inside(there),
                    None => next = self.instead[value.index()],
                }
            }
            Fate::Dead
        };
        Lineage::new(self.map.iter().zip(&self.inside).map(fate).collect())
    }
}
