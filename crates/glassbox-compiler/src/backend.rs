//! What the compiler asks a backend: which composites it computes whole, and which nodes it computes together.

use glassbox_ir::{Graph, NodeId, ValueId};

/// A backend, as the compiler sees it: it says of parts of graphs what it can do with them, and knows no sessions.
pub trait Backend: Sync {
    /// The name.
    fn name(&self) -> &str;

    /// Whether it computes this use of a composite whole. What it doesn't is taken apart by the pass `decompose`.
    fn keeps(&self, graph: &Graph, node: NodeId) -> bool;

    /// Which nodes are computed by one kernel each. The pass `group` makes a `call` of each group that can be one.
    fn groups(&self, graph: &Graph) -> Vec<Group>;
}

/// Nodes of one region that one kernel computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the kernel is called: the `function` of the `call`.
    pub name: String,
    /// The nodes, in program order. None of them has effects or bodies.
    pub nodes: Vec<NodeId>,
    /// Nodes that are computed in the kernel too, before its own, and stay where others use them: how a weight becomes the
    /// operand of a product. None of them has effects or bodies; they stand before the nodes.
    pub copies: Vec<NodeId>,
    /// Which of its values have their channels in blocks.
    pub blocks: Blocks,
}

/// Values of a group that cross its border with their channels in blocks: `[N, C, H, W]` as `[N, ⌈C / size⌉, H, W, size]`,
/// where channels that only fill the last block are zero. In the body of the call they are as the graph has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// How many channels are in a block.
    pub size: usize,
    /// Values from outside. Of each, channels, height and width are known.
    pub inputs: Vec<ValueId>,
    /// Whether the result of the last node leaves so; others who use it get it as it was.
    pub result: bool,
}

impl Group {
    /// A group of nodes, without copies of others.
    pub fn of(name: impl Into<String>, nodes: Vec<NodeId>) -> Group {
        Group { name: name.into(), nodes, copies: Vec::new(), blocks: Blocks::default() }
    }
}

/// A backend that computes no node in a way of its own: every composite stays, nothing is grouped. With it the compiler
/// does what is right for any backend.
///
/// ```
/// use glassbox_compiler::{AnyBackend, Backend};
/// assert_eq!(AnyBackend.name(), "any");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyBackend;

impl Backend for AnyBackend {
    fn name(&self) -> &str {
        "any"
    }

    fn keeps(&self, _: &Graph, _: NodeId) -> bool {
        true
    }

    fn groups(&self, _: &Graph) -> Vec<Group> {
        Vec::new()
    }
}
