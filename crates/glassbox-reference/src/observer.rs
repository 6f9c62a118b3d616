//! Seeing every value as it is made.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use glassbox_ir::{Graph, NodeId};

use crate::states::States;
use crate::value::Value;

/// What sees a run.
pub trait Observer {
    /// A node has given its results.
    fn observe(&mut self, event: &Event) -> ControlFlow<()>;

    /// Whether the nodes of decompositions are shown too; a composite itself always is.
    fn inside_composites(&self) -> bool {
        false
    }
}

/// A node and what it gave.
pub struct Event<'a> {
    /// The graph that the node is in: the session's, or that of a decomposition.
    pub graph: &'a Graph,
    /// The node.
    pub node: NodeId,
    /// The bodies around it, outermost first.
    pub path: &'a [Frame],
    /// Its results, in order.
    pub results: &'a [Value],
    /// What the states hold now.
    pub states: &'a States,
    /// When it began.
    pub started: Instant,
    /// How long it took, what is inside it included.
    pub time: Duration,
}

/// A body that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the node that it belongs to is called.
    pub node: String,
    /// The op of that node.
    pub op: &'static str,
    /// Which turn of a loop or scan it is.
    pub turn: Option<u64>,
}

/// The observer that looks at nothing.
pub struct Nothing;

impl Observer for Nothing {
    fn observe(&mut self, _: &Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
