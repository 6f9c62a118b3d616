//! What is inside of the nodes of theirs that do the work of several of ours.
//!
//! Where the other side makes one node of what ours spells out, a difference is seen only at its end, and each node of the
//! segment may be at fault. But what theirs computes is known: it is taken apart into its steps, both are computed in f64
//! from the same values, and what one of ours gives is sought among the steps of theirs. Where it is found, the node and
//! those that it is computed from are right; the first that isn't found is where ours leaves the way of theirs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_compiler::{Parts, take_apart};
use glassbox_exec::{Event, Flow, Observer, Options, Precision, RunContext, RunError, Runtime, Value, Wants};
use glassbox_ir::edit::{extract, name_all};
use glassbox_ir::{Graph, Tier, ValueId};
use glassbox_tensor::{DType, ParamSource, Tensor};

use super::alone::fitted;
use super::{Finding, Meaning, Model};
use crate::error::CheckError;
use crate::pairing::Pairs;
use crate::side::{Key, Values};
use crate::skeleton::{Def, Skeleton};

/// So many differences are looked into, the first of the run.
const MOST: usize = 8;
/// The most nodes on either side for one difference.
const MAX_NODES: usize = 32;
/// The most elements that are kept of one difference, on each side.
const MAX_ELEMENTS: usize = 1 << 20;
/// A difference that is this many times what is allowed is more than rounding.
const STRONG: f64 = 32.0;
/// How far two values in f64 may be apart that are the same, relative to the size of the elements. Weights that the other
/// side has folded were rounded once more.
const NEAR: f64 = 1e-6;

/// What is known of the nodes of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inside {
    /// Nodes that give what theirs computes, too.
    pub(crate) proven: HashSet<usize>,
    /// These, and nodes that most likely do, and those that only such nodes read.
    pub(crate) right: HashSet<usize>,
    /// Nodes that give what theirs doesn't compute, though what they read is right.
    pub(crate) first: HashSet<usize>,
}

/// Both sides.
pub(super) struct Sides<'a> {
    pub(super) ours: &'a Model,
    pub(super) theirs: &'a Meaning,
    /// The skeleton of theirs.
    pub(super) skeleton: &'a Skeleton,
    pub(super) pairs: &'a Pairs,
}

/// Looks into what looks wrong. Of what can't be taken apart or computed alone nothing is known.
pub(super) fn look(
    sides: &Sides,
    reference: &Arc<dyn Runtime>,
    values: &mut dyn Values,
    findings: &mut [Finding],
) -> Result<(), CheckError> {
    let places = sides.places(findings);
    let pieces: Vec<Piece> = places.into_iter().filter_map(|place| sides.piece(place, &findings[place])).collect();
    if pieces.is_empty() {
        return Ok(());
    }
    let read: HashSet<usize> = pieces.iter().flat_map(Piece::read_there).collect();
    let (inputs, wanted): (HashSet<usize>, HashSet<usize>) =
        read.into_iter().partition(|place| matches!(sides.skeleton.values[*place].def, Def::Input));
    let mut given: HashMap<usize, Tensor> =
        inputs.into_iter().filter_map(|place| Some((place, sides.input(place)?.clone()))).collect();
    values.restart()?;
    values.want(wanted.clone());
    let mut sorted: Vec<usize> = wanted.into_iter().collect();
    sorted.sort_unstable();
    for place in sorted {
        if let Some(Value::Tensor(tensor)) = values.take(&Key { value: place, turns: Vec::new() })?
            && tensor.len() <= MAX_ELEMENTS
        {
            given.insert(place, tensor);
        }
    }
    let orders: HashMap<usize, Vec<usize>> =
        findings.iter().filter_map(|finding| Some((finding.partner, finding.order.clone()?))).collect();
    for piece in pieces {
        if let Some(steps) = piece.run(sides, reference, &given, &orders) {
            findings[piece.finding].inside = sides.judge(&findings[piece.finding], &steps);
        }
    }
    Ok(())
}

/// What one difference comes from on both sides.
struct Piece {
    finding: usize,
    ours: Part,
    theirs: Part,
}

/// A graph of one side, and which values of theirs its inputs are.
struct Part {
    graph: Arc<Graph>,
    reads: Vec<usize>,
}

/// What was computed on the way, in f64.
struct Steps {
    /// Of ours, by the place of the value in the skeleton.
    ours: HashMap<usize, Vec<f64>>,
    theirs: Vec<Vec<f64>>,
}

impl Piece {
    fn read_there(&self) -> impl Iterator<Item = usize> {
        self.ours.reads.iter().chain(&self.theirs.reads).copied()
    }

    /// Runs both.
    fn run(
        &self,
        sides: &Sides,
        reference: &Arc<dyn Runtime>,
        given: &HashMap<usize, Tensor>,
        orders: &HashMap<usize, Vec<usize>>,
    ) -> Option<Steps> {
        let arranged = |place: &usize| match orders.get(place) {
            Some(order) => given.get(place)?.permute(order).ok(),
            None => given.get(place).cloned(),
        };
        let options = Options { precision: Precision::Precise, ..sides.ours.options.clone() };
        let ours = self.ours.run(reference, &sides.ours.params, &options, arranged)?;
        let theirs =
            self.theirs.run(reference, &sides.theirs.params, &options, |place: &usize| given.get(place).cloned())?;
        let skeleton = &sides.ours.skeleton;
        let names: HashMap<&str, usize> = self.names(skeleton, &sides.ours.graph);
        let ours = ours.into_iter().filter_map(|(name, elements)| Some((*names.get(name.as_str())?, elements)));
        Some(Steps { ours: ours.collect(), theirs: theirs.into_iter().map(|(_, elements)| elements).collect() })
    }

    /// The places of our values by the names that they have in the piece.
    fn names<'a>(&'a self, skeleton: &Skeleton, graph: &Graph) -> HashMap<&'a str, usize> {
        let named = name_all(graph);
        let place = |id: ValueId| Some((named.value(id).name.as_deref()?, skeleton.of_value[id.index()]?));
        let places: HashMap<&str, usize> = named.value_ids().filter_map(place).collect();
        let inside = self.ours.graph.value_ids().filter_map(|id| self.ours.graph.value(id).name.as_deref());
        inside.filter_map(|name| Some((name, *places.get(name)?))).collect()
    }
}

impl Part {
    /// What every node gives, by the names of the values.
    fn run(
        &self,
        reference: &Arc<dyn Runtime>,
        params: &Arc<dyn ParamSource>,
        options: &Options,
        given: impl Fn(&usize) -> Option<Tensor>,
    ) -> Option<Vec<(String, Vec<f64>)>> {
        let mut inputs = Vec::with_capacity(self.reads.len());
        for (id, place) in self.graph.inputs().iter().zip(&self.reads) {
            let (tensor, dtype) = (given(place)?, self.graph.value(*id).ty.as_tensor()?.dtype);
            // With other digits nothing would be the same.
            if tensor.dtype() != dtype && !(tensor.dtype() == DType::F64 || dtype == DType::F64) {
                return None;
            }
            inputs.push(Value::from(fitted(&tensor, dtype).ok()?.0));
        }
        let mut session = reference.prepare(self.graph.clone(), params.clone(), options).ok()?.session().ok()?;
        let mut kept = Kept::default();
        session.run(&inputs, RunContext::new().observed(&mut kept)).ok()?;
        Some(kept.values)
    }
}

/// Keeps what every node gives.
#[derive(Default)]
struct Kept {
    values: Vec<(String, Vec<f64>)>,
    elements: usize,
}

impl Observer for Kept {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        for (place, id) in event.node().results.iter().enumerate() {
            let Value::Tensor(tensor) = event.result(place)? else { continue };
            if !tensor.dtype().is_float() || self.elements + tensor.len() > MAX_ELEMENTS {
                continue;
            }
            self.elements += tensor.len();
            let elements = tensor.contiguous().and_then(|dense| Ok(dense.load::<f64>()?.into_owned()));
            self.values.extend(elements.ok().map(|elements| (event.graph.value_label(*id), elements)));
        }
        Ok(Flow::Continue)
    }

    fn wants(&self) -> Wants {
        Wants { times: false, ..Wants::default() }
    }
}

impl Sides<'_> {
    /// What an input of theirs is given: what ours is.
    fn input(&self, place: usize) -> Option<&Tensor> {
        let own = self.pairs.their_values[place]?;
        let position = self.ours.skeleton.inputs.iter().position(|input| *input == own)?;
        self.ours.inputs.get(position)?.as_tensor()
    }

    /// The differences that are more than rounding and come from several nodes, which aren't computed in turns.
    fn places(&self, findings: &[Finding]) -> Vec<usize> {
        let several = |finding: &Finding| (2..=MAX_NODES).contains(&finding.segment.nodes.len());
        let strong = |finding: &Finding| {
            finding.alone.as_ref().is_some_and(|alone| {
                alone.apart.special > 0
                    || alone.apart.rms_rel > STRONG * finding.allowed.rms.max(f64::from(f32::EPSILON))
            })
        };
        let looked_into = |place: &usize| {
            let finding = &findings[*place];
            finding.is_suspicious() && finding.key.turns.is_empty() && several(finding) && strong(finding)
        };
        (0..findings.len()).filter(looked_into).take(MOST).collect()
    }

    /// Both sides of a difference, as graphs.
    fn piece(&self, place: usize, finding: &Finding) -> Option<Piece> {
        let skeleton = &self.ours.skeleton;
        let own: HashSet<usize> = finding.segment.nodes.iter().copied().collect();
        let ours = reads(skeleton, &own)?;
        let ours_read: Vec<(usize, usize)> =
            ours.into_iter().map(|value| Some((value, self.pairs.of(value)?))).collect::<Option<_>>()?;
        let there = self.region(finding.partner)?;
        let their_read: Vec<(usize, usize)> =
            reads(self.skeleton, &there)?.into_iter().map(|value| (value, value)).collect();
        let ours = part(&self.ours.graph, skeleton, &ours_read, finding.key.value)?;
        let theirs = part(&self.theirs.graph, self.skeleton, &their_read, finding.partner)?;
        let composites = |graph: &Graph| {
            graph.walk().into_iter().filter(|id| matches!(graph.node(*id).op.tier, Tier::Composite(_))).collect()
        };
        let graph = Arc::new(take_apart(&theirs.graph, Parts::Inline, &composites).ok()?);
        Some(Piece { finding: place, ours, theirs: Part { graph, ..theirs } })
    }

    /// The nodes of theirs between a value and the nearest before it that have a partner.
    fn region(&self, value: usize) -> Option<HashSet<usize>> {
        let (mut nodes, mut waiting) = (HashSet::new(), vec![self.skeleton.producer(value)?]);
        while let Some(node) = waiting.pop() {
            if !nodes.insert(node) {
                continue;
            }
            if nodes.len() > MAX_NODES {
                return None;
            }
            let alone = self.skeleton.nodes[node].operands.iter().flatten();
            let alone = alone.filter(|value| self.pairs.their_values[**value].is_none());
            waiting.extend(alone.filter_map(|value| self.skeleton.producer(*value)));
        }
        Some(nodes)
    }

    /// Which nodes are right by what was computed on the way.
    fn judge(&self, finding: &Finding, steps: &Steps) -> Inside {
        let skeleton = &self.ours.skeleton;
        let nodes: HashSet<usize> = finding.segment.nodes.iter().copied().collect();
        let there: Vec<Forms> = steps.theirs.iter().map(|elements| Forms::of(elements)).collect();
        let mut inside = Inside::default();
        for node in &nodes {
            match self.found(*node, steps, &there) {
                Found::AsItIs => _ = inside.proven.insert(*node),
                Found::Rearranged => _ = inside.right.insert(*node),
                Found::Not => {}
            }
        }
        inside.right.extend(&inside.proven);
        if inside.right.is_empty() {
            return inside;
        }
        // A node is right, too, whose results only nodes read that are.
        for node in finding.segment.nodes.iter().rev() {
            let users = skeleton.nodes[*node].results.iter().flat_map(|value| &skeleton.values[*value].users);
            let mut users = users.map(|(user, _)| user).peekable();
            if users.peek().is_some() && users.all(|user| inside.right.contains(user)) {
                inside.right.insert(*node);
            }
        }
        let is_first = |node: &usize| {
            let operands = skeleton.nodes[*node].operands.iter().flatten();
            let mut before = operands.filter_map(|value| skeleton.producer(*value));
            !inside.right.contains(node)
                && before.all(|before| !nodes.contains(&before) || inside.right.contains(&before))
        };
        inside.first = nodes.iter().copied().filter(is_first).collect();
        inside
    }

    /// Whether theirs computes what a node of ours gives.
    fn found(&self, node: usize, steps: &Steps, there: &[Forms]) -> Found {
        let node = &self.ours.skeleton.nodes[node];
        let is = |op: &str| node.inner.iter().any(|inner| inner.op == op);
        // Where something is missing, what should have been changed is found as it was.
        if is("identity") {
            return Found::Not;
        }
        let given = node.results.iter().filter_map(|value| steps.ours.get(value));
        let given: Vec<&Vec<f64>> = given.filter(|elements| varied(elements)).collect();
        if given.iter().any(|elements| steps.theirs.iter().any(|there| near(elements, there))) {
            return Found::AsItIs;
        }
        // What puts elements in another order isn't right by having the same, nor is a quotient whose operands have changed
        // places by being the reciprocal.
        let alike = |elements: &&Vec<f64>| {
            let own = sorted(elements.iter().copied());
            there.iter().any(|forms| near(&own, &forms.same) || (!is("div") && near(&own, &forms.reciprocal)))
        };
        if !is("transpose") && given.iter().any(alike) { Found::Rearranged } else { Found::Not }
    }
}

/// How a value of ours is found among those of theirs.
enum Found {
    /// With the elements in their order.
    AsItIs,
    /// With the elements in another order, or as what one divides by.
    Rearranged,
    /// Not at all.
    Not,
}

/// What a set of nodes reads that none of them gives and that isn't part of the model, in order. `None` where a node has
/// bodies or stands in one.
fn reads(skeleton: &Skeleton, nodes: &HashSet<usize>) -> Option<Vec<usize>> {
    let mut read = Vec::new();
    for node in nodes.iter().map(|node| &skeleton.nodes[*node]) {
        if node.parent.is_some() || !node.children.is_empty() {
            return None;
        }
        for operand in node.operands.iter().flatten() {
            match skeleton.values[*operand].def {
                Def::Node(giver, _) if nodes.contains(&giver) => {}
                Def::Node(..) | Def::Input => read.push(*operand),
                Def::Constant(_) => {}
                Def::Parameter(_) | Def::Unknown => return None,
            }
        }
    }
    read.sort_unstable();
    read.dedup();
    Some(read)
}

/// The piece of a graph that computes a value of its skeleton from others, each with the value of theirs that it is.
fn part(graph: &Graph, skeleton: &Skeleton, reads: &[(usize, usize)], value: usize) -> Option<Part> {
    let id = |value: usize| graph.value_ids().find(|id| skeleton.of_value[id.index()] == Some(value));
    let from: Vec<ValueId> = reads.iter().map(|(value, _)| id(*value)).collect::<Option<_>>()?;
    let piece = extract(&name_all(graph), &from, &[id(value)?]).ok()?;
    let complete = piece.also_needs.is_empty() && piece.graph.inputs().len() == reads.len();
    complete.then(|| Part { graph: Arc::new(piece.graph), reads: reads.iter().map(|(_, there)| *there).collect() })
}

/// Whether a value tells itself from others.
fn varied(elements: &[f64]) -> bool {
    elements.first().is_some_and(|first| elements.iter().any(|element| element != first))
}

/// The elements of a value in order of size, and those of its reciprocal: programs that fuse put elements in another order,
/// and multiply by what others divide by.
struct Forms {
    same: Vec<f64>,
    reciprocal: Vec<f64>,
}

impl Forms {
    fn of(elements: &[f64]) -> Forms {
        let (same, reciprocal) = (elements.iter().copied(), elements.iter().map(|element| 1.0 / element));
        Forms { same: sorted(same), reciprocal: sorted(reciprocal) }
    }
}

fn sorted(elements: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = elements.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Whether two values are the same in another shape.
fn near(ours: &[f64], theirs: &[f64]) -> bool {
    if ours.len() != theirs.len() {
        return false;
    }
    let (mut square, mut scale) = (0.0, 0.0);
    for (a, b) in ours.iter().zip(theirs) {
        square += (a - b) * (a - b);
        scale += b * b;
    }
    scale > 0.0 && scale.is_finite() && square.is_finite() && (square / scale).sqrt() <= NEAR
}
