//! The most memory that the values of a graph take at one time, where nodes run in the order of the program.
//!
//! A value takes its bytes from the node that gives it to its last use; inputs and outputs take theirs as long as the graph
//! (or the body) runs. A view takes nothing and keeps what it is a view of.

use super::work::is_view;
use super::{bytes, is_weight};
use crate::dim::Dim;
use crate::graph::{Graph, RegionId, ValueId};

/// The most bytes; or unknown, with a value whose size isn't known.
pub(super) fn peak(graph: &Graph) -> (Dim, Option<ValueId>) {
    let mut sizes = vec![0u64; graph.value_count()];
    // A view has the value that it is a view of, an other value itself.
    let mut roots: Vec<ValueId> = graph.value_ids().collect();
    for id in graph.walk() {
        let node = graph.node(id);
        if let (true, Some(Some(operand)), Some(result)) = (is_view(node), node.operands.first(), node.results.first())
        {
            roots[result.index()] = roots[operand.index()];
        }
    }
    let mut skipped = vec![false; graph.value_count()];
    for id in graph.walk() {
        let weight = is_weight(graph.node(id));
        graph.node(id).results.iter().for_each(|value| skipped[value.index()] |= weight);
    }
    for value in graph.value_ids() {
        if skipped[value.index()] || roots[value.index()] != value {
            continue;
        }
        match bytes(&graph.value(value).ty).as_int().and_then(|bytes| u64::try_from(bytes).ok()) {
            Some(bytes) => sizes[value.index()] = bytes,
            None => return (Dim::Unknown, Some(value)),
        }
    }
    let memory = Memory { graph, sizes, roots };
    match i64::try_from(memory.region(graph.body())) {
        Ok(peak) => (Dim::Int(peak), None),
        Err(_) => (Dim::Unknown, None),
    }
}

struct Memory<'g> {
    graph: &'g Graph,
    sizes: Vec<u64>,
    roots: Vec<ValueId>,
}

impl Memory<'_> {
    /// The most bytes that the values of a region take. The builder limits how deep regions nest, so that recursion is safe.
    fn region(&self, id: RegionId) -> u64 {
        let region = self.graph.region(id);
        // The place of the node after which each value isn't used any more; the end for parameters and results.
        let mut last = std::collections::HashMap::new();
        for (place, node) in region.nodes.iter().enumerate() {
            for value in self.reads(*node) {
                last.insert(self.root(value), place);
            }
        }
        let end = region.nodes.len();
        for value in region.parameters.iter().chain(&region.results) {
            last.insert(self.root(*value), end);
        }
        let mut now: u64 = region.parameters.iter().map(|value| self.size(*value)).sum();
        let mut peak = now;
        let mut ends: Vec<Vec<ValueId>> = vec![Vec::new(); end];
        for (place, id) in region.nodes.iter().enumerate() {
            let node = self.graph.node(*id);
            for value in node.results.iter().filter(|value| self.root(**value) == **value) {
                now = now.saturating_add(self.size(*value));
                let freed = last.get(value).copied().unwrap_or(place);
                if let Some(ends) = ends.get_mut(freed) {
                    ends.push(*value);
                }
            }
            let inside = node.regions.iter().map(|region| self.region(*region)).max().unwrap_or(0);
            peak = peak.max(now.saturating_add(inside));
            for value in std::mem::take(&mut ends[place]) {
                now = now.saturating_sub(self.size(value));
            }
        }
        peak
    }

    /// What a node reads, its bodies included.
    fn reads(&self, id: crate::graph::NodeId) -> Vec<ValueId> {
        let (mut found, mut stack) = (Vec::new(), vec![id]);
        while let Some(id) = stack.pop() {
            let node = self.graph.node(id);
            found.extend(node.operands.iter().flatten());
            for region in node.regions.iter().map(|region| self.graph.region(*region)) {
                found.extend(&region.results);
                stack.extend(&region.nodes);
            }
        }
        found
    }

    fn root(&self, value: ValueId) -> ValueId {
        self.roots[value.index()]
    }

    fn size(&self, value: ValueId) -> u64 {
        self.sizes[value.index()]
    }
}
