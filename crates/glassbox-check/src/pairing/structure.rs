//! Pairing nodes by structure: from what is known to be the same, step by step to what stands next to it.
//!
//! Every pair of values proposes the nodes that give them and the nodes that read them; the proposal that suits best is
//! taken, and its results are pairs of values again. A proposal is judged anew when it is taken, by what is known then.
//! The order of proposals, and so the outcome, doesn't hang on how the graphs are stored beyond their program order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::score::{LEAST, family, score};
use super::{How, Pairs, is_scaled};
use crate::skeleton::{Node, Skeleton};

/// The most pairs of readers that two values propose. Values that half of the model reads (masks, shapes) say little of
/// who reads them, so of more only those in the same place of the list are proposed.
const MAX_READERS: usize = 1024;
/// Constants with fewer elements are found in many places by chance.
const TELLING: usize = 4;

/// Pairs what has no partner yet.
pub(super) fn pair(ours: &Skeleton, theirs: &Skeleton, names: bool, pairs: &mut Pairs) {
    let mut matcher = Matcher { ours, theirs, names, pairs, proposals: BinaryHeap::new(), told: HashMap::new() };
    matcher.seed();
    matcher.run();
}

/// A score, how far the nodes are apart in program order, and the nodes.
type Proposal = (i32, Reverse<u64>, Reverse<usize>, Reverse<usize>);

struct Matcher<'a> {
    ours: &'a Skeleton,
    theirs: &'a Skeleton,
    names: bool,
    pairs: &'a mut Pairs,
    proposals: BinaryHeap<Proposal>,
    /// The best score that a pair of nodes was proposed with.
    told: HashMap<(usize, usize), i32>,
}

impl Matcher<'_> {
    /// Everything that is known without structure.
    fn seed(&mut self) {
        self.seed_ends();
        self.seed_constants();
        let known: Vec<(usize, usize)> =
            self.pairs.values.iter().enumerate().filter_map(|(a, pair)| pair.map(|(b, _)| (a, b))).collect();
        for (a, b) in known {
            // Nodes that give values of the same name are a pair, unless they are plainly another thing.
            if let (Some(left), Some(right)) = (self.ours.producer(a), self.theirs.producer(b)) {
                let (one, other) = (&self.ours.nodes[left], &self.theirs.nodes[right]);
                // What a fused node gives is named as what the last of several nodes gave.
                if !other.inner.is_empty() || family(&one.op) == family(&other.op) {
                    self.join_nodes(left, right);
                }
            }
            self.propose_around(a, b);
        }
    }

    /// Inputs and outputs: by name, else by their place where both sides have as many.
    fn seed_ends(&mut self) {
        let inputs: Vec<(usize, usize)> = match self.ours.inputs.len() == self.theirs.inputs.len() {
            true => self.ours.inputs.iter().copied().zip(self.theirs.inputs.iter().copied()).collect(),
            false => Vec::new(),
        };
        let outputs: Vec<(usize, usize)> = match self.ours.outputs.len() == self.theirs.outputs.len() {
            true => self.ours.outputs.iter().zip(&self.theirs.outputs).map(|((_, a), (_, b))| (*a, *b)).collect(),
            false => Vec::new(),
        };
        for (a, b) in inputs.into_iter().chain(outputs) {
            let fits = match (&self.ours.values[a].ty, &self.theirs.values[b].ty) {
                (Some(a), Some(b)) => a.fits(b),
                _ => true,
            };
            if fits {
                self.pairs.join(a, b, How::Structure);
            }
        }
    }

    /// Constants that hold the same, of which each side has one.
    fn seed_constants(&mut self) {
        let telling = |skeleton: &Skeleton| {
            let mut found: HashMap<[u8; 32], Option<usize>> = HashMap::new();
            for (place, value) in skeleton.values.iter().enumerate() {
                let Some(constant) = value.constant().filter(|constant| constant.len() >= TELLING) else { continue };
                if let Some(hash) = constant.hash() {
                    found.entry(hash).and_modify(|one| *one = None).or_insert(Some(place));
                }
            }
            found
        };
        let (ours, theirs) = (telling(self.ours), telling(self.theirs));
        let mut same: Vec<(usize, usize)> =
            ours.iter().filter_map(|(hash, place)| Some(((*place)?, theirs.get(hash).copied()??))).collect();
        same.sort_unstable();
        for (a, b) in same {
            self.pairs.join(a, b, How::Value);
        }
    }

    fn run(&mut self) {
        while let Some((told, _, Reverse(a), Reverse(b))) = self.proposals.pop() {
            if self.pairs.nodes[a].is_some() || self.pairs.their_nodes[b].is_some() {
                continue;
            }
            let now = self.score(a, b);
            if now < told {
                self.told.insert((a, b), i32::MIN);
                self.propose(a, b);
                continue;
            }
            self.join_nodes(a, b);
        }
    }

    fn score(&self, a: usize, b: usize) -> i32 {
        score(self.ours, self.theirs, self.pairs, self.names, a, b)
    }

    fn join_nodes(&mut self, a: usize, b: usize) {
        if self.pairs.nodes[a].is_some() || self.pairs.their_nodes[b].is_some() {
            return;
        }
        self.pairs.nodes[a] = Some(b);
        self.pairs.their_nodes[b] = Some(a);
        let (ours, theirs) = (self.ours, self.theirs);
        let (left, right) = (&ours.nodes[a], &theirs.nodes[b]);
        // A node that another program fused gives what the last of several of ours gives.
        let last = match left.is_of_op(right) {
            true => Some(normalised_end(ours, theirs, a, b).unwrap_or(a)),
            false if right.inner.is_empty() => fused_end(ours, a, right),
            // One that reads more does more.
            false => (left.operands.len() == right.operands.len()).then_some(a),
        };
        let results = last.map_or(&[][..], |last| &ours.nodes[last].results);
        for (x, y) in results.iter().zip(&right.results) {
            if self.pairs.join(*x, *y, How::Structure) || self.pairs.of(*x) == Some(*y) {
                self.propose_around(*x, *y);
            }
        }
        // What the bodies are given, in order.
        if left.parameters.len() == right.parameters.len() {
            for (x, y) in left.parameters.iter().zip(&right.parameters) {
                self.pairs.join(*x, *y, How::Structure);
                self.propose_around(*x, *y);
            }
        }
        // What is in the bodies.
        let all = left.children.len().saturating_mul(right.children.len()) <= MAX_READERS;
        for (place, inner) in left.children.iter().enumerate() {
            if all {
                right.children.iter().for_each(|other| self.propose(*inner, *other));
            } else if let Some(other) = right.children.get(place) {
                self.propose(*inner, *other);
            }
        }
        // What both read in the same place.
        for (x, y) in left.operands.iter().zip(&right.operands) {
            if let (Some(x), Some(y)) = (x, y)
                && let (Some(left), Some(right)) = (ours.producer(*x), theirs.producer(*y))
            {
                self.propose(left, right);
            }
        }
    }

    /// The nodes next to a pair of values.
    fn propose_around(&mut self, x: usize, y: usize) {
        let (ours, theirs) = (self.ours, self.theirs);
        if let (Some(left), Some(right)) = (ours.producer(x), theirs.producer(y)) {
            self.propose(left, right);
        }
        let (left, right) = (&ours.values[x].users, &theirs.values[y].users);
        let all = left.len().saturating_mul(right.len()) <= MAX_READERS;
        for (place, (a, _)) in left.iter().enumerate() {
            if all {
                for (b, _) in right {
                    self.propose(*a, *b);
                }
            } else if let Some((b, _)) = right.get(place) {
                self.propose(*a, *b);
            }
        }
    }

    fn propose(&mut self, a: usize, b: usize) {
        if self.pairs.nodes[a].is_some() || self.pairs.their_nodes[b].is_some() {
            return;
        }
        let score = self.score(a, b);
        if score < LEAST || self.told.get(&(a, b)).is_some_and(|told| *told >= score) {
            return;
        }
        self.told.insert((a, b), score);
        // Of equals, those in the same part of their graphs.
        let (m, n) = (self.ours.nodes.len().max(1) as u64, self.theirs.nodes.len().max(1) as u64);
        let apart = (a as u64 * n).abs_diff(b as u64 * m);
        self.proposals.push((score, Reverse(apart), Reverse(a), Reverse(b)));
    }
}

/// The normalisation of ours that theirs has folded into a weight of the node before it.
fn normalised_end(ours: &Skeleton, theirs: &Skeleton, node: usize, other: usize) -> Option<usize> {
    let result = ours.nodes[node].results.first()?;
    let [(reader, _)] = ours.values[*result].users.as_slice() else { return None };
    if ours.nodes[*reader].op != "BatchNormalization" {
        return None;
    }
    let weights = ours.nodes[node].operands.iter().zip(&theirs.nodes[other].operands);
    let weights = weights.filter_map(|(x, y)| ours.values[(*x)?].constant().zip(theirs.values[(*y)?].constant()));
    let mut scaled = weights.filter(|(x, y)| !x.same(y));
    scaled.any(|(x, y)| is_scaled(x, y)).then_some(*reader)
}

/// The node of ours at which a fused node of theirs ends that begins as ours does: the one of the op that its attribute
/// `activation` names, after nodes that only the next reads. `None` where there is none such.
fn fused_end(ours: &Skeleton, node: usize, fused: &Node) -> Option<usize> {
    /// A convolution, its normalisation, a sum, an activation.
    const LONGEST: usize = 4;
    let (_, activation) = fused.attrs.iter().find(|(name, _)| name == "activation")?;
    let activation = activation.trim_matches('"');
    let mut at = node;
    for _ in 0..LONGEST {
        if ours.nodes[at].op == activation {
            return Some(at);
        }
        let result = ours.nodes[at].results.first()?;
        let [(reader, _)] = ours.values[*result].users.as_slice() else { return None };
        at = *reader;
    }
    (ours.nodes[at].op == activation).then_some(at)
}
