//! What a runtime says of a graph that it has prepared.

use std::sync::Arc;
use std::time::Duration;

use glassbox_ir::Lineage;

/// What became of a graph.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The runtime.
    pub runtime: String,
    /// What was done with the graph, in order.
    pub stages: Vec<Stage>,
    /// What became of every value of the graph, where the runtime runs another one.
    pub lineage: Option<Arc<Lineage>>,
    /// The nodes that the runtime doesn't compute itself.
    pub fallbacks: Vec<Fallback>,
    /// The most bytes that the values of one run take together, states and parameters aside, where that is known
    /// before it runs.
    pub peak_bytes: Option<u64>,
}

/// Something that was done with a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What.
    pub name: String,
    /// How many nodes the graph had after it.
    pub nodes: usize,
    /// How long it took.
    pub time: Duration,
}

/// A node that runs on the reference instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// What the node is called.
    pub node: String,
    /// Its op.
    pub op: &'static str,
    /// Why.
    pub why: String,
}
