//! Segments: the nodes between a value that has a partner and the nearest values before it that have one.
//!
//! What is seen at a value that was computed from the other side's values was done by one of the nodes of its segment.

use std::collections::HashSet;

use glassbox_ir::{Rounding, ops};

use crate::pairing::Pairs;
use crate::skeleton::{Def, Skeleton};

/// The most nodes of a segment that are listed.
const MAX_NODES: usize = 256;

/// See the [module](self).
pub(crate) struct Segments<'a> {
    skeleton: &'a Skeleton,
    pairs: &'a Pairs,
}

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The nodes, in program order.
    pub(crate) nodes: Vec<usize>,
    /// How its result is rounded.
    pub(crate) rounding: Rounding,
    /// How many steps of our graph round.
    pub(crate) steps: usize,
}

impl<'a> Segments<'a> {
    pub(crate) fn new(skeleton: &'a Skeleton, pairs: &'a Pairs) -> Segments<'a> {
        Segments { skeleton, pairs }
    }

    /// The segment that ends with a value.
    pub(crate) fn of(&self, value: usize) -> Segment {
        let mut nodes = HashSet::new();
        let mut waiting: Vec<usize> = self.skeleton.producer(value).into_iter().collect();
        while let Some(node) = waiting.pop() {
            if nodes.len() >= MAX_NODES || !nodes.insert(node) {
                continue;
            }
            for operand in self.skeleton.nodes[node].operands.iter().flatten() {
                self.before(*operand, &mut waiting);
            }
            // What a body computes that has no partner is part of what its node gives.
            for child in &self.skeleton.nodes[node].children {
                let alone = self.skeleton.nodes[*child].results.iter().all(|result| self.pairs.of(*result).is_none());
                if alone {
                    waiting.push(*child);
                }
            }
        }
        let mut nodes: Vec<usize> = nodes.into_iter().collect();
        nodes.sort_unstable();
        let inner = nodes.iter().flat_map(|node| &self.skeleton.nodes[*node].inner);
        let of_op = |op: &str| ops::find(op).map_or(Rounding::Sum, |op| op.rounding);
        let each: Vec<Rounding> = inner.map(|inner| of_op(inner.op)).collect();
        // What no node computes is as it is.
        let unknown = if nodes.is_empty() { Rounding::Exact } else { Rounding::Sum };
        let rounding = each.iter().copied().max().unwrap_or(unknown);
        let steps = each.iter().filter(|rounding| **rounding != Rounding::Exact).count();
        // Several steps that each round once are no better than a sum.
        let rounding = if steps > 1 && rounding > Rounding::Exact { Rounding::Sum } else { rounding };
        Segment { nodes, rounding, steps }
    }

    /// The node that gives a value, where the value has no partner.
    fn before(&self, value: usize, waiting: &mut Vec<usize>) {
        if self.pairs.of(value).is_some() {
            return;
        }
        match self.skeleton.values[value].def {
            Def::Node(node, _) => waiting.push(node),
            // What a body is given comes from what its node reads.
            Def::Parameter(node) => {
                for operand in self.skeleton.nodes[node].operands.iter().flatten() {
                    self.before(*operand, waiting);
                }
            }
            _ => {}
        }
    }
}
