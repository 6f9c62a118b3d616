//! What a runtime says of a graph that it has prepared.

use std::sync::Arc;
use std::time::Duration;

use glassbox_ir::{Lineage, Provenance};

/// What became of a graph.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The runtime.
    pub runtime: String,
    /// What was done with the graph, in order.
    pub stages: Vec<Stage>,
    /// What became of every value of the graph, where the runtime runs another one.
    pub lineage: Option<Arc<Lineage>>,
    /// The rules that were tried on the graph, in the order of the stages.
    pub rules: Vec<RuleReport>,
    /// What computes it, in order, where the runtime puts several nodes into one kernel.
    pub kernels: Vec<KernelReport>,
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

/// A rule that was tried on a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReport {
    /// The stage.
    pub stage: String,
    /// The rule.
    pub rule: String,
    /// How often it was applied.
    pub applied: usize,
    /// How often it wasn't, by what did not fit.
    pub refused: Vec<(String, usize)>,
}

/// A node of a compiled graph: a kernel, or a group of nodes that was to be one.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelReport {
    /// What the node is called.
    pub node: String,
    /// What it computes: the ops, in order.
    pub name: String,
    /// Where it came from.
    pub provenance: Provenance,
    /// How many nodes it computes.
    pub nodes: usize,
    /// Why no kernel computes them together, where that is so; they are computed one by one then.
    pub apart: Option<String>,
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
