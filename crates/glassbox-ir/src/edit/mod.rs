//! Other graphs from a graph: the piece between some of its values, and the graph with attributes or ops changed.
//!
//! In comes a graph and the names of values and nodes; out comes a new graph, every type of which is inferred anew, so that
//! it holds what every graph holds. The graph that comes in stays as it is.
//!
//! Refuses names that aren't there, with the nearest that are; values inside bodies, between which a graph can't be cut;
//! and changes that break a rule of the op.

mod extract;
mod set;

use thiserror::Error;

use crate::builder::GraphBuilder;
use crate::error::BuildError;
use crate::graph::{Graph, NodeId, ValueId};
use crate::text::{ParseError, nearest};

pub use extract::{Piece, extract};
pub use set::{Change, set};

/// Why a graph can't be cut or changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// No value has the name.
    #[error("no value is named `{name}`{}", meant(near))]
    UnknownValue {
        /// The name.
        name: String,
        /// The name of a value that looks like it.
        near: Option<String>,
    },
    /// The value is one inside a body.
    #[error(
        "`{name}` is a value inside a body of {node}; a graph can be cut between the values outside of bodies only"
    )]
    InsideBody {
        /// The value.
        name: String,
        /// The node that has the body.
        node: String,
    },
    /// The piece would begin and end with one value.
    #[error("the piece begins and ends with `{name}`, so there is nothing in it; give another value for one of both")]
    BothEnds {
        /// The value.
        name: String,
    },
    /// The piece doesn't need a value that it shall begin with.
    #[error("{ends} can be computed without `{name}`; leave it out of what the piece begins with")]
    Unneeded {
        /// The value.
        name: String,
        /// What the piece ends with.
        ends: String,
    },
    /// No node has the name.
    #[error("no node is named `{name}`{}", meant(near))]
    UnknownNode {
        /// The name.
        name: String,
        /// The name of a node that looks like it.
        near: Option<String>,
    },
    /// Several nodes have the name.
    #[error("{count} nodes are named `{name}`; name the one that is meant by its result: {results}")]
    SeveralNodes {
        /// The name.
        name: String,
        /// How many.
        count: usize,
        /// The first of their results.
        results: String,
    },
    /// The op has no such attribute.
    #[error("{op} `{node}` has no attribute `{name}`{}", meant(near))]
    UnknownAttribute {
        /// The op.
        op: String,
        /// The node.
        node: String,
        /// The attribute.
        name: String,
        /// An attribute of the op that looks like it.
        near: Option<String>,
    },
    /// There is no such op.
    #[error("no op is named `{name}`{}", meant(near))]
    UnknownOp {
        /// The name.
        name: String,
        /// An op that looks like it.
        near: Option<String>,
    },
    /// The text isn't a value of the attribute.
    #[error("`{attribute}` of `{node}` is of kind {kind}, which {value:?} is not: {}", problem.problem)]
    Value {
        /// The node.
        node: String,
        /// The attribute.
        attribute: String,
        /// The word for what the attribute holds.
        kind: &'static str,
        /// The text.
        value: String,
        /// What is wrong with it.
        problem: Box<ParseError>,
    },
    /// The new graph breaks a rule.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// The hint that names what may be meant.
fn meant(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; is `{near}` meant?"))
}

/// The value of the body of `graph` that is named `name`; one without a name is called by its number, `#12`, as
/// [`Graph::value_label`] does.
///
/// # Errors
///
/// [`EditError::UnknownValue`] where there is none, [`EditError::InsideBody`] where it stands in a body.
///
/// ```
/// use glassbox_ir::edit::body_value;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let graph = parse("graph \"g\" { input %x: f32[N] %first = abs(%x) output %first }", &ParseOptions::default())?;
/// assert!(body_value(&graph, "first").is_ok());
/// let error = body_value(&graph, "frist").unwrap_err();
/// assert_eq!(error.to_string(), "no value is named `frist`; is `first` meant?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn body_value(graph: &Graph, name: &str) -> Result<ValueId, EditError> {
    let values = BodyValues::of(graph);
    let numbered = || {
        let value = graph.value_ids().nth(name.strip_prefix('#')?.parse().ok()?)?;
        graph.value(value).name.is_none().then_some(value)
    };
    let Some(value) = graph.find_value(name).or_else(numbered) else {
        let names = graph.value_ids().filter(|id| values.has(*id)).filter_map(|id| graph.value(id).name.as_deref());
        let near = nearest(name, names).map(str::to_owned);
        return Err(EditError::UnknownValue { name: name.to_owned(), near });
    };
    values.check(graph, value)?;
    Ok(value)
}

/// The graph in which every value has a name: those that have none are named by their number, `v12`.
pub fn name_all(graph: &Graph) -> Graph {
    let mut builder = GraphBuilder::over(graph.clone());
    for id in graph.value_ids().filter(|id| graph.value(*id).name.is_none()) {
        builder.set_name(id, &format!("v{}", id.index()));
    }
    builder.into_graph()
}

/// Which values stand in the body itself, and which node gives each.
struct BodyValues(Vec<Option<Option<NodeId>>>);

impl BodyValues {
    fn of(graph: &Graph) -> BodyValues {
        let mut givers = vec![None; graph.value_count()];
        let body = graph.region(graph.body());
        body.parameters.iter().for_each(|id| givers[id.index()] = Some(None));
        for node in &body.nodes {
            graph.node(*node).results.iter().for_each(|id| givers[id.index()] = Some(Some(*node)));
        }
        BodyValues(givers)
    }

    fn has(&self, value: ValueId) -> bool {
        self.0.get(value.index()).is_some_and(Option::is_some)
    }

    fn check(&self, graph: &Graph, value: ValueId) -> Result<(), EditError> {
        if self.has(value) {
            return Ok(());
        }
        let body = &graph.region(graph.body()).nodes;
        let around = body.iter().find(|node| holds(graph, **node, value));
        let node = around.map_or_else(|| "a node".to_owned(), |id| label(graph, *id));
        Err(EditError::InsideBody { name: graph.value_label(value), node })
    }
}

/// Whether a value stands in a body of a node.
fn holds(graph: &Graph, node: NodeId, value: ValueId) -> bool {
    let mut stack = graph.node(node).regions.clone();
    while let Some(region) = stack.pop() {
        let region = graph.region(region);
        let given = region.nodes.iter().any(|node| graph.node(*node).results.contains(&value));
        if given || region.parameters.contains(&value) {
            return true;
        }
        stack.extend(region.nodes.iter().flat_map(|node| graph.node(*node).regions.iter().copied()));
    }
    false
}

/// A node as a message calls it: its op and name.
fn label(graph: &Graph, id: NodeId) -> String {
    format!("{} `{}`", graph.node(id).op.name, graph.node_label(id))
}
