//! What is known of the values of a graph before it runs: constants, and what is the same in every run.

use std::collections::HashMap;

use glassbox_ir::{Attr, AttrView, Graph, Node, NodeId, ValueId, ops};
use glassbox_tensor::Tensor;

/// See the [module](self).
pub(crate) struct Facts<'g> {
    constants: HashMap<ValueId, &'g Tensor>,
    /// For each value, by its index, whether it is computed from constants and weights alone.
    fixed: Vec<bool>,
    /// The node that gives a value.
    givers: HashMap<ValueId, (NodeId, &'g Node)>,
}

impl<'g> Facts<'g> {
    pub(crate) fn of(graph: &'g Graph) -> Facts<'g> {
        let mut facts =
            Facts { constants: HashMap::new(), fixed: vec![false; graph.value_count()], givers: HashMap::new() };
        for id in graph.walk() {
            let node = graph.node(id);
            facts.givers.extend(node.results.iter().map(|value| (*value, (id, node))));
            if let Some(Attr::Tensor(tensor)) = node.attrs.get("value").filter(|_| *node.op == ops::constant::OP) {
                facts.constants.extend(node.results.iter().map(|value| (*value, tensor)));
            }
            if facts.is_fixed(node) {
                node.results.iter().for_each(|value| facts.fixed[value.index()] = true);
            }
        }
        facts
    }

    /// Whether a node gives the same in every run.
    pub(crate) fn is_fixed(&self, node: &Node) -> bool {
        if *node.op == ops::constant::OP || *node.op == ops::parameter::OP {
            return true;
        }
        let mut operands = node.operands.iter().flatten().peekable();
        node.op.effects.is_pure()
            && node.regions.is_empty()
            && operands.peek().is_some()
            && operands.all(|value| self.fixed[value.index()])
    }

    /// Whether a value is the same in every run.
    pub(crate) fn is_fixed_value(&self, value: ValueId) -> bool {
        self.fixed[value.index()]
    }

    /// Whether a value is a constant of one element.
    pub(crate) fn is_scalar(&self, value: ValueId) -> bool {
        self.constant(value).is_some_and(|tensor| tensor.len() == 1)
    }

    /// The node that gives a value, wherever it stands.
    pub(crate) fn giver(&self, value: ValueId) -> Option<(NodeId, &'g Node)> {
        self.givers.get(&value).copied()
    }

    /// The contents of a constant.
    pub(crate) fn constant(&self, value: ValueId) -> Option<&'g Tensor> {
        self.constants.get(&value).copied()
    }

    /// How many axes at the end a reduction reduces, where these are constants and the last ones.
    pub(crate) fn last_axes(&self, graph: &Graph, node: &Node) -> Option<usize> {
        let rank = graph.value(node.operands.first().copied().flatten()?).ty.as_tensor()?.rank()?;
        let axes = match node.operands.get(1).copied().flatten() {
            Some(axes) => Some(self.constant(axes)?),
            None => None,
        };
        last_axes(node, rank, axes)
    }
}

/// How many axes at the end a reduction of a tensor of this rank over `axes` reduces; `None` where it isn't the last ones,
/// or none.
pub(crate) fn last_axes(node: &Node, rank: usize, axes: Option<&Tensor>) -> Option<usize> {
    let axes = axes.map_or(Some(Vec::new()), |axes| Some(axes.load::<i64>().ok()?.into_owned()))?;
    if axes.is_empty() {
        let whole = !AttrView::new(node.op, &node.attrs).bool("noop_with_empty_axes");
        return (whole && rank > 0).then_some(rank);
    }
    let from_front = |axis: &i64| usize::try_from(if *axis < 0 { axis + rank as i64 } else { *axis }).ok();
    let mut axes = axes.iter().map(from_front).collect::<Option<Vec<usize>>>()?;
    axes.sort_unstable();
    let kept = rank.checked_sub(axes.len())?;
    axes.iter().enumerate().all(|(place, axis)| *axis == kept + place).then_some(axes.len())
}
