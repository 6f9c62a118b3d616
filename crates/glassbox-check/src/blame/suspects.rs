//! Of the nodes that a difference may come from, the one that is most likely at fault.

use std::collections::HashSet;

use super::odd;
use crate::hunt::{Evidence, Finding};
use crate::pairing::{family, is_scaled};
use crate::report::Cause;
use crate::skeleton::{Constant, Node, Skeleton};
use crate::statics;

/// The nodes of a segment, and those right before it that only pass on what they are given: where something is missing, it
/// is missing there.
pub(super) fn of(evidence: &Evidence, finding: &Finding) -> Vec<usize> {
    let skeleton = &evidence.ours.skeleton;
    let mut nodes = finding.segment.nodes.clone();
    if evidence.same_model {
        return nodes;
    }
    for node in &finding.segment.nodes {
        let before = skeleton.nodes[*node].operands.iter().flatten().filter_map(|operand| skeleton.producer(*operand));
        nodes.extend(before.filter(|before| passes_on(&skeleton.nodes[*before])));
    }
    nodes.extend(other_order(evidence, finding));
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// Where nodes look wrong that only change dims, or an output has its dims in another order: the node that puts the elements
/// that they read in another order than theirs has them in. As long as nothing depends on the order, theirs may keep a value in a layout of its own.
fn other_order(evidence: &Evidence, finding: &Finding) -> Option<usize> {
    let skeleton = &evidence.ours.skeleton;
    let dims_only = finding.segment.nodes.iter().all(|node| changes_dims(&skeleton.nodes[*node]));
    let turned_output = finding.permuted && skeleton.is_output(finding.key.value);
    if !(dims_only || turned_output) {
        return None;
    }
    let read = |node: usize| {
        let operands = skeleton.nodes[node].operands.iter().flatten();
        operands
            .copied()
            .find(|operand| evidence.arranged.contains(operand))
            .and_then(|operand| skeleton.producer(operand))
    };
    let mut first = finding.segment.nodes.iter().find_map(|node| read(*node))?;
    while let Some(before) = read(first) {
        first = before;
    }
    Some(first)
}

/// The name and op of a node that gives nothing but a constant to one of these, where theirs reads what is computed.
pub(super) fn passing<'a>(evidence: &'a Evidence, nodes: &[usize]) -> Option<&'a (String, String)> {
    if evidence.same_model {
        return None;
    }
    let (ours, theirs) = (&evidence.ours.skeleton, evidence.theirs);
    nodes.iter().find_map(|node| {
        let there = &theirs.nodes[evidence.pairs.nodes[*node]?];
        let mut read = ours.nodes[*node].operands.iter().zip(&there.operands);
        read.find_map(|(own, other)| {
            let computed = theirs.values[(*other)?].constant().is_none();
            ours.passing.get(&(*own)?).filter(|_| computed)
        })
    })
}

/// Whether all that a node gives is of integers.
pub(super) fn gives_integers(skeleton: &Skeleton, node: usize) -> bool {
    let results = &skeleton.nodes[node].results;
    let integers = |value: &usize| skeleton.values[*value].ty.as_ref().is_some_and(|ty| ty.dtype.is_integer());
    !results.is_empty() && results.iter().all(integers)
}

/// Whether a node gives what it is given.
fn passes_on(node: &Node) -> bool {
    matches!(node.inner.as_slice(), [only] if only.op == "identity")
}

/// Whether a node gives the elements that it is given, in their order, with other dims. Whatever the other side has in its
/// place, an element isn't wrong for it.
fn changes_dims(node: &Node) -> bool {
    const OPS: &[&str] = &["flatten", "reshape", "squeeze", "unsqueeze"];
    !node.inner.is_empty() && node.inner.iter().all(|inner| OPS.contains(&inner.op))
}

/// Whether a node and its partner both only change dims, in whichever way.
fn both_change_dims(evidence: &Evidence, node: usize) -> bool {
    let theirs = evidence.pairs.nodes[node].map(|partner| &evidence.theirs.nodes[partner]);
    changes_dims(&evidence.ours.skeleton.nodes[node]) && theirs.is_some_and(changes_dims)
}

/// In what a node differs from its partner. Of a partner that does the work of several of ours only what both say of
/// themselves counts.
pub(super) fn causes(evidence: &Evidence, node: usize) -> Vec<Cause> {
    let causes = statics::causes(&evidence.ours.skeleton, evidence.theirs, evidence.pairs, node);
    if is_alike(evidence, node) {
        return causes;
    }
    let own = |cause: &Cause| matches!(cause, Cause::Attribute { .. } | Cause::Constant { .. });
    causes.into_iter().filter(own).collect()
}

/// Whether a node and its partner read the same values, so that one does what the other does.
fn is_alike(evidence: &Evidence, node: usize) -> bool {
    let Some(partner) = evidence.pairs.nodes[node] else { return false };
    let (left, right) = (&evidence.ours.skeleton.nodes[node], &evidence.theirs.nodes[partner]);
    if left.is_of_op(right) {
        return true;
    }
    let computed = |operand: &&usize| evidence.ours.skeleton.values[**operand].constant().is_none();
    let ours: Vec<Option<usize>> =
        left.operands.iter().flatten().filter(computed).map(|operand| evidence.pairs.of(*operand)).collect();
    let theirs =
        right.operands.iter().flatten().filter(|operand| evidence.theirs.values[**operand].constant().is_none());
    ours.len() == theirs.count()
        && ours.iter().all(|partner| partner.is_some_and(|partner| right.operands.contains(&Some(partner))))
}

/// What nodes other programs make of several, and the ops that those have in any spelling.
const FUSED: &[(&str, &[&str])] = &[
    ("Conv", &["Conv", "BatchNormalization", "Add", "Mul", "Pad"]),
    ("Gemm", &["Gemm", "MatMul", "Add", "Reshape", "Transpose"]),
    ("MatMul", &["MatMul", "Transpose", "Mul", "Div"]),
    (
        "LayerNormalization",
        &["LayerNormalization", "ReduceMean", "Sub", "Pow", "Mul", "Add", "Sqrt", "Div", "Reciprocal", "Cast"],
    ),
    (
        "SkipLayerNormalization",
        &["LayerNormalization", "ReduceMean", "Sub", "Pow", "Mul", "Add", "Sqrt", "Div", "Reciprocal", "Cast"],
    ),
    ("Gelu", &["Gelu", "Div", "Mul", "Erf", "Add", "Tanh", "Pow"]),
    ("BiasGelu", &["Gelu", "Div", "Mul", "Erf", "Add"]),
    ("FastGelu", &["Gelu", "Mul", "Tanh", "Add", "Pow"]),
    ("QuickGelu", &["Mul", "Sigmoid"]),
];

/// How suspicious a node of a segment is.
pub(super) fn suspicion(evidence: &Evidence, finding: &Finding, node: usize, causes: &[Cause]) -> u32 {
    let partner = evidence.pairs.nodes[node];
    // A fused node of theirs does more than ours, so that it is of another op says nothing.
    let foreign = partner.is_none_or(|partner| evidence.theirs.nodes[partner].inner.is_empty());
    let one = |cause: &Cause| match cause {
        Cause::Op { .. } if foreign || both_change_dims(evidence, node) => 0,
        Cause::Op { .. } | Cause::Attribute { .. } => KNOWN,
        Cause::Constant { operand, .. } if is_folded(evidence, node, *operand) => 0,
        // Fusing changes weights, too.
        Cause::Constant { .. } if foreign => 3,
        Cause::Constant { .. } | Cause::Order { .. } => 5,
        Cause::Operand { .. } => 1,
    };
    let told = causes.iter().map(one).max().unwrap_or(0);
    let own = &evidence.ours.skeleton.nodes[node];
    let unknown = if has_unknown_constant(evidence, node) { 4 } else { 0 };
    let strange = if is_no_part(evidence, finding, own) { 4 } else { 0 };
    let odd = if told < ODD && finding.segment.nodes.len() > 1 && odd::is_odd(&evidence.ours.skeleton, node) {
        ODD
    } else {
        0
    };
    // What is known by its steps says more than what the models say of themselves.
    if finding.inside.proven.contains(&node) || (told < KNOWN && finding.inside.right.contains(&node)) {
        return 0;
    }
    let leaves = finding.inside.first.contains(&node) || other_order(evidence, finding) == Some(node);
    let inside = match (leaves, finding.inside.first.len()) {
        (false, _) => 0,
        (true, 0 | 1) => LEFT,
        (true, _) => ONE_OF,
    };
    let passing = if !evidence.same_model && passes_on(own) && (told > 0 || is_new(evidence, node)) { 2 } else { 0 };
    told.max(unknown).max(strange).max(passing).max(odd).max(inside)
}

/// How suspicious a node is that is known to differ from its partner.
const KNOWN: u32 = 6;
/// How suspicious the node is at which ours leaves the way of theirs.
const LEFT: u32 = 5;
/// How suspicious each of several such nodes is.
const ONE_OF: u32 = 3;

/// How suspicious a node is that stands out among its like: less than one that is known to differ from its partner.
const ODD: u32 = 2;

/// The most nodes of theirs that are looked at for one difference.
const MAX_THEIRS: usize = 64;

/// Whether nothing that theirs computes in the place of a segment is done by such a node: its op is none of theirs there,
/// nor part of what one of theirs was made of.
fn is_no_part(evidence: &Evidence, finding: &Finding, node: &Node) -> bool {
    if evidence.same_model || finding.segment.nodes.len() < 2 || !evidence.theirs.has_nodes() || changes_dims(node) {
        return false;
    }
    let theirs = evidence.theirs;
    let mut nodes = HashSet::new();
    let mut waiting: Vec<usize> = theirs.producer(finding.partner).into_iter().collect();
    while let Some(place) = waiting.pop() {
        if nodes.len() >= MAX_THEIRS || !nodes.insert(place) {
            continue;
        }
        let alone = theirs.nodes[place].operands.iter().flatten();
        let alone = alone.filter(|value| evidence.pairs.their_values[**value].is_none());
        waiting.extend(alone.filter_map(|value| theirs.producer(*value)));
    }
    let does = |place: &usize| {
        let there = &theirs.nodes[*place];
        let activation = there.attrs.iter().find(|(name, _)| name == "activation");
        let parts = FUSED.iter().find(|(known, _)| *known == family(&there.op));
        family(&there.op) == node.op
            || activation.is_some_and(|(_, value)| value.trim_matches('"') == node.op)
            || parts.is_some_and(|(_, parts)| parts.contains(&node.op.as_str()))
    };
    !nodes.is_empty() && nodes.len() < MAX_THEIRS && !nodes.iter().any(does)
}

/// Whether a weight of theirs is ours as it is where a normalisation was folded into it.
fn is_folded(evidence: &Evidence, node: usize, operand: usize) -> bool {
    let constant = |skeleton: &Skeleton, node: usize| -> Option<Constant> {
        let value = skeleton.nodes[node].operands.get(operand).copied().flatten()?;
        skeleton.values[value].constant().cloned()
    };
    let Some(partner) = evidence.pairs.nodes[node] else { return false };
    let (ours, theirs) = (constant(&evidence.ours.skeleton, node), constant(evidence.theirs, partner));
    ours.zip(theirs).is_some_and(|(ours, theirs)| is_scaled(&ours, &theirs))
}

/// Whether what a node gives is on the other side only as what it is given.
fn is_new(evidence: &Evidence, node: usize) -> bool {
    let Some(partner) = evidence.pairs.nodes[node] else { return true };
    evidence.theirs.nodes[partner].op != evidence.ours.skeleton.nodes[node].op
}

/// Whether a node reads a constant that nothing on the other side holds. Small whole numbers and halves say what a formula
/// is, and are in many.
fn has_unknown_constant(evidence: &Evidence, node: usize) -> bool {
    if evidence.same_model || !evidence.theirs.has_nodes() {
        return false;
    }
    let skeleton = &evidence.ours.skeleton;
    skeleton.nodes[node].operands.iter().enumerate().any(|(place, operand)| {
        let Some(operand) = operand else { return false };
        let Some(constant) = skeleton.values[*operand].constant().filter(|constant| constant.dtype().is_float()) else {
            return false;
        };
        match constant.len() {
            0 => false,
            1 => scalar(constant).is_some_and(|value| {
                let usual = value.abs() <= USUAL && (value * 2.0).fract() == 0.0;
                !usual && !evidence.their_constants.numbers.contains(&key(value))
            }),
            _ => {
                let unknown = constant.hash().is_some_and(|hash| !evidence.their_constants.hashes.contains(&hash));
                unknown && !is_folded(evidence, node, place)
            }
        }
    })
}

/// The largest whole number that is in many formulas.
const USUAL: f64 = 4.0;

/// What the constants and attributes of the other side hold.
#[derive(Default)]
pub(crate) struct Known {
    hashes: HashSet<[u8; 32]>,
    numbers: HashSet<u32>,
}

impl Known {
    /// What is known of a model.
    pub(crate) fn of(skeleton: &Skeleton) -> Known {
        let constants = || skeleton.values.iter().filter_map(|value| value.constant());
        let hashes = constants().filter(|constant| constant.len() > 1).filter_map(Constant::hash).collect();
        let scalars = constants().filter(|constant| constant.len() == 1).filter_map(scalar);
        let attrs = skeleton.nodes.iter().flat_map(|node| {
            let inner = node.inner.iter().flat_map(|inner| &inner.attrs);
            node.attrs.iter().chain(inner).filter_map(|(_, value)| value.parse::<f64>().ok())
        });
        Known { hashes, numbers: scalars.chain(attrs).map(key).collect() }
    }
}

/// The number that a constant is.
fn scalar(constant: &Constant) -> Option<f64> {
    constant.load()?.load::<f64>().ok()?.first().copied()
}

/// A number as it is told from others: as an f32, which is what files hold.
fn key(value: f64) -> u32 {
    (value as f32).to_bits()
}
