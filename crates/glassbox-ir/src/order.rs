//! The one order in which printers and serialisers meet a graph's parts.
//!
//! From the body on: the parameters of a region, then node after node: its results, then its regions.
//! What the body doesn't reach (a region that was built and never used) is in no list. Works on a stack
//! of its own, so that no nesting is too deep, and meets no region twice, so that it ends on any graph.

use crate::graph::{Graph, NodeId, RegionId, ValueId};

/// The parts of a graph that its body reaches, in canonical order.
#[derive(Default)]
pub(crate) struct Order {
    pub(crate) values: Vec<ValueId>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) regions: Vec<RegionId>,
}

enum Step {
    Region(RegionId),
    Node(NodeId),
}

impl Order {
    /// The order of the parts of `graph`, whose ids are in range.
    pub(crate) fn of(graph: &Graph) -> Order {
        let mut order = Order::default();
        let mut seen = vec![false; graph.regions.len()];
        let mut stack = vec![Step::Region(graph.body())];
        while let Some(step) = stack.pop() {
            match step {
                Step::Region(id) => {
                    let Some(seen) = seen.get_mut(id.index()).filter(|seen| !**seen) else { continue };
                    *seen = true;
                    let region = graph.region(id);
                    order.regions.push(id);
                    order.values.extend(&region.parameters);
                    stack.extend(region.nodes.iter().rev().copied().map(Step::Node));
                }
                Step::Node(id) => {
                    let node = graph.node(id);
                    order.nodes.push(id);
                    order.values.extend(&node.results);
                    stack.extend(node.regions.iter().rev().copied().map(Step::Region));
                }
            }
        }
        order
    }
}
