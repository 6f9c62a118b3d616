//! Patterns, and where they are in graphs.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_ir::{Attr, Graph, Node, NodeId, Type, ValueId, ops};
use glassbox_tensor::Tensor;

/// A graph with one output and no bodies, as it is looked for.
pub(crate) struct Pattern {
    graph: Arc<Graph>,
    /// The node that gives a value.
    givers: HashMap<ValueId, NodeId>,
    root: NodeId,
}

/// Where a pattern is looked for.
pub(crate) trait Surroundings {
    /// The node that gives a value, and its place, where it may be part of a match.
    fn giver(&self, value: ValueId) -> Option<(usize, &Node)>;
    /// The contents of a constant.
    fn constant(&self, value: ValueId) -> Option<Tensor>;
    /// The type of a value.
    fn ty(&self, value: ValueId) -> &Type;
}

/// A pattern that was found.
pub(crate) struct Match {
    /// The places of the nodes.
    pub(crate) places: Vec<usize>,
    /// What the pattern's inputs are, in order.
    pub(crate) inputs: Vec<ValueId>,
}

impl Pattern {
    /// # Errors
    ///
    /// Why the graph is no pattern.
    pub(crate) fn new(graph: Arc<Graph>) -> Result<Pattern, String> {
        let [output] = graph.outputs()[..] else { return Err("hasn't exactly one output".to_owned()) };
        let mut givers = HashMap::new();
        for id in graph.walk() {
            let node = graph.node(id);
            if !node.regions.is_empty() || !node.op.effects.is_pure() {
                return Err(format!("has `{}`, which has bodies or effects", node.op.name));
            }
            givers.extend(node.results.iter().map(|value| (*value, id)));
        }
        let root = givers.get(&output).copied().filter(|id| *graph.node(*id).op != ops::constant::OP);
        let root = root.ok_or("computes nothing")?;
        let used = |input: &ValueId| graph.walk().into_iter().any(|id| graph.node(id).operands.contains(&Some(*input)));
        match graph.inputs().iter().find(|input| !used(input)) {
            Some(input) => Err(format!("doesn't use `{}`", graph.value_label(*input))),
            None => Ok(Pattern { graph, givers, root }),
        }
    }

    /// Whether a node may be the last one of a match.
    pub(crate) fn ends_with(&self, node: &Node) -> bool {
        self.graph.node(self.root).op == node.op
    }

    /// The pattern with its last node at `place`, which gives `value`.
    pub(crate) fn find(&self, around: &dyn Surroundings, value: ValueId) -> Option<Match> {
        let mut known = HashMap::new();
        let mut places = Vec::new();
        self.unify(around, self.graph.outputs()[0], value, &mut known, &mut places).then_some(())?;
        let inputs = self.graph.inputs().iter().map(|input| known.get(input).copied()).collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        places.dedup();
        Some(Match { places, inputs })
    }

    fn unify(
        &self,
        around: &dyn Surroundings,
        wanted: ValueId,
        value: ValueId,
        known: &mut HashMap<ValueId, ValueId>,
        places: &mut Vec<usize>,
    ) -> bool {
        if let Some(before) = known.get(&wanted) {
            return *before == value;
        }
        known.insert(wanted, value);
        let Some(id) = self.givers.get(&wanted) else {
            return admits(&self.graph.value(wanted).ty, around.ty(value));
        };
        let node = self.graph.node(*id);
        if let Some(Attr::Tensor(contents)) = node.attrs.get("value").filter(|_| *node.op == ops::constant::OP) {
            return around.constant(value).is_some_and(|found| found.bit_eq(contents));
        }
        let Some((place, found)) = around.giver(value) else { return false };
        let same_result = node.results.iter().position(|result| *result == wanted)
            == found.results.iter().position(|result| *result == value);
        if found.op != node.op
            || !same_result
            || !same_attrs(node, found)
            || found.operands.len() != node.operands.len()
        {
            return false;
        }
        places.push(place);
        node.operands.iter().zip(&found.operands).all(|operands| match operands {
            (Some(wanted), Some(value)) => self.unify(around, *wanted, *value, known, places),
            (None, None) => true,
            _ => false,
        })
    }
}

/// Whether both have the same attributes, those that aren't given being what the op's declaration says.
fn same_attrs(a: &Node, b: &Node) -> bool {
    a.op.attrs.iter().all(|spec| {
        let value = |node: &Node| node.attrs.get(spec.name).cloned().or_else(|| spec.default.value());
        value(a) == value(b)
    })
}

/// Whether an input of a pattern may be a value of this type: of the same dtype and rank, with the same numbers where the
/// pattern has numbers.
fn admits(wanted: &Type, found: &Type) -> bool {
    let (Some(wanted), Some(found)) = (wanted.as_tensor(), found.as_tensor()) else { return false };
    let dims = match (wanted.dims(), found.dims()) {
        (None, _) => true,
        (Some(wanted), Some(found)) => {
            let fits = wanted.iter().zip(found).all(|(wanted, found)| wanted.as_int().is_none() || wanted == found);
            wanted.len() == found.len() && fits
        }
        (Some(_), None) => false,
    };
    wanted.dtype == found.dtype && dims
}
