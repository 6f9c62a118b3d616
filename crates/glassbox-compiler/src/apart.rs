//! Taking composites apart until none is left that a target doesn't have.

use std::collections::HashSet;

use glassbox_ir::{Graph, NodeId, Tier};

use crate::rewrite::{RewriteError, Rewriting, rewrite};

/// How often composites may stand for composites: more than any of the table does.
const MOST_ROUNDS: usize = 32;

/// What a composite is taken apart into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// Nodes in its place.
    #[default]
    Inline,
    /// A `call` in its place, whose body has them.
    Calls,
}

/// `source` with those composites taken apart that `unwanted` names, until it names none. Nothing else is changed, but for
/// nodes that nobody needs, which go. What can't be taken apart with what is known of it stays.
///
/// # Errors
///
/// Those of [`rewrite`](crate::rewrite()).
///
/// ```
/// use glassbox_compiler::{Parts, take_apart};
/// use glassbox_ir::text::{ParseOptions, parse};
///
/// let graph = parse("graph \"g\" { input %x: f32[2, 3] %y = swish(%x) output %y }", &ParseOptions::default())?;
/// let unwanted = |graph: &glassbox_ir::Graph| {
///     graph.walk().into_iter().filter(|id| graph.node(*id).op.name == "swish").collect()
/// };
/// let made = take_apart(&graph, Parts::Inline, &unwanted)?;
/// assert!(made.walk().into_iter().all(|id| made.node(id).op.name != "swish"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn take_apart(
    source: &Graph,
    parts: Parts,
    unwanted: &dyn Fn(&Graph) -> HashSet<NodeId>,
) -> Result<Graph, RewriteError> {
    let mut graph = source.clone();
    let mut before = usize::MAX;
    for _ in 0..MOST_ROUNDS {
        let mut named = unwanted(&graph);
        named.retain(|id| matches!(graph.node(*id).op.tier, Tier::Composite(_)));
        if named.is_empty() {
            break;
        }
        let expand = |_: &Graph, id: NodeId| named.contains(&id);
        let made = rewrite(
            &graph,
            &Rewriting { rules: &[], share: false, expand: Some(&expand), into_calls: parts == Parts::Calls },
        )?
        .graph;
        let after = made.node_count();
        // Of what can't be taken apart every round is the same.
        if after == graph.node_count() && after == before {
            break;
        }
        (before, graph) = (after, made);
    }
    Ok(graph)
}
