//! Seeing a run as it goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_ir::{Graph, Node, NodeId};
use glassbox_tensor::Tensor;

use crate::error::RunError;
use crate::value::Value;

/// What sees a run.
pub trait Observer {
    /// A node has given its results.
    ///
    /// # Errors
    ///
    /// What is returned ends the run with that error: most often a value that can't be had, by `?`.
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError>;

    /// What the observer asks for. It is asked before each run; a backend need not have ready what isn't wanted.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// What is to stand in the place of a node's results, before anything reads them: one value for each, of the same
    /// dtype and dims. It is asked after [`Observer::observe`], of nodes outside of decompositions, and only where
    /// [`Wants::replaces`] says so. `None` leaves the results as they are.
    ///
    /// # Errors
    ///
    /// What is returned ends the run with that error.
    fn replace(&mut self, event: &Event) -> Result<Option<Vec<Value>>, RunError> {
        let _ = event;
        Ok(None)
    }

    /// What a node shall give without being run: one value for each result, of the dtypes and dims that it would give. It
    /// is asked before the node, of which the event has no results yet, under the conditions of [`Observer::replace`] and
    /// of nodes alone that have no bodies and no effects. A backend need not ask: what it computes can be replaced
    /// afterwards. The node isn't observed. `None` has it run.
    ///
    /// # Errors
    ///
    /// What is returned ends the run with that error.
    fn supply(&mut self, event: &Event) -> Result<Option<Vec<Value>>, RunError> {
        let _ = event;
        Ok(None)
    }
}

/// How a run goes on after a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With the next one.
    Continue,
    /// Not before it is resumed.
    Pause,
    /// Not at all: it ends with [`RunError::Stopped`].
    Stop,
}

/// What an observer asks for, beside being told of every node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// When each node began and how long it took; without it both may be those of a larger part of the graph.
    pub times: bool,
    /// The values of results and states.
    pub values: bool,
    /// The nodes of decompositions too; a composite itself is always shown.
    pub inside: bool,
    /// To put other values in the place of results. A backend computes node by node where this is wanted.
    pub replaces: bool,
    /// Which nodes it is told of, where a backend compiles graphs.
    pub nodes: Nodes,
}

/// Which nodes an observer is told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nodes {
    /// Those of the graph that was given, all of them: a backend that compiles graphs computes them one by one.
    #[default]
    Given,
    /// A backend that compiles graphs runs what it made, as if nobody watched. Of the graph that was given it tells the nodes
    /// whose results still exist in that, and of these [which](Event::has_result) do; their operands can't be had.
    Surviving,
    /// A backend that compiles graphs runs what it made, and tells of the nodes of that graph: a kernel is a `call`.
    Compiled,
}

/// Times and values, from outside of composites.
impl Default for Wants {
    fn default() -> Wants {
        Wants { times: true, values: true, inside: false, replaces: false, nodes: Nodes::Given }
    }
}

impl Wants {
    /// Times and values, also inside of composites.
    pub const ALL: Wants = Wants { times: true, values: true, inside: true, replaces: false, nodes: Nodes::Given };
}

/// A node that has been run.
pub struct Event<'a> {
    /// The graph that the node is in: the session's, or that of a decomposition.
    pub graph: &'a Arc<Graph>,
    /// The node.
    pub node: NodeId,
    /// The bodies around it, outermost first.
    pub path: &'a [Frame],
    /// When it began.
    pub started: Instant,
    /// How long it took, what is inside it included.
    pub time: Duration,
    /// Where its values can be had.
    pub source: &'a dyn EventSource,
}

/// Where the values of an [`Event`] can be had. A value is handed over, and downloaded, only when it is asked for.
pub trait EventSource {
    /// Whether there is the result in place `index`; where [`Nodes::Surviving`] are told of, some may have gone.
    fn has_result(&self, index: usize) -> bool {
        let _ = index;
        true
    }

    /// The result in place `index` of the node.
    ///
    /// # Errors
    ///
    /// Where it can't be had: it was never stored, or reading it from a device failed.
    fn result(&self, index: usize) -> Result<Value, RunError>;

    /// What the node was given as the operand in place `index`; `None` where an optional operand was left out.
    ///
    /// # Errors
    ///
    /// Where it can't be had: the node has no such operand, or its memory was used again.
    fn operand(&self, index: usize) -> Result<Option<Value>, RunError>;

    /// What a state holds now.
    ///
    /// # Errors
    ///
    /// Where it can't be had.
    fn state(&self, name: &str) -> Result<Tensor, RunError>;
}

impl<'a> Event<'a> {
    /// The node.
    pub fn node(&self) -> &'a Node {
        self.graph.node(self.node)
    }

    /// What the node is called.
    pub fn label(&self) -> String {
        self.graph.node_label(self.node)
    }

    /// The bodies around the node, with the turns of those that run again: `loop[3]/if`. Empty outside of bodies.
    pub fn bodies(&self) -> String {
        let body = |frame: &Frame| match frame.turn {
            Some(turn) => format!("{}[{turn}]", frame.label()),
            None => frame.label(),
        };
        self.path.iter().map(body).collect::<Vec<_>>().join("/")
    }

    /// The turns of the loops around the node, the outermost first.
    pub fn turns(&self) -> Vec<u64> {
        self.path.iter().filter_map(|frame| frame.turn).collect()
    }

    /// Whether there is the result in place `index`. There is, unless an observer wants to be told of [`Nodes::Surviving`].
    pub fn has_result(&self, index: usize) -> bool {
        self.source.has_result(index)
    }

    /// The result in place `index`.
    ///
    /// # Errors
    ///
    /// Where it can't be had.
    pub fn result(&self, index: usize) -> Result<Value, RunError> {
        self.source.result(index)
    }

    /// What the node was given as the operand in place `index`; `None` where an optional operand was left out.
    ///
    /// # Errors
    ///
    /// Where it can't be had.
    pub fn operand(&self, index: usize) -> Result<Option<Value>, RunError> {
        self.source.operand(index)
    }

    /// All results, in order.
    ///
    /// # Errors
    ///
    /// Where one can't be had.
    pub fn results(&self) -> Result<Vec<Value>, RunError> {
        (0..self.node().results.len()).map(|index| self.result(index)).collect()
    }

    /// What a state holds now.
    ///
    /// # Errors
    ///
    /// Where it can't be had.
    pub fn state(&self, name: &str) -> Result<Tensor, RunError> {
        self.source.state(name)
    }
}

/// A body that is running.
#[derive(Clone)]
pub struct Frame {
    /// The graph that the node is in.
    pub graph: Arc<Graph>,
    /// The node that the body belongs to.
    pub node: NodeId,
    /// Which turn of a loop or scan it is.
    pub turn: Option<u64>,
}

impl Frame {
    /// What the node is called.
    pub fn label(&self) -> String {
        self.graph.node_label(self.node)
    }

    /// The op of the node.
    pub fn op(&self) -> &'static str {
        self.graph.node(self.node).op.name
    }
}
