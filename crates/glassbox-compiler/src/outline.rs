//! Groups: nodes that one kernel computes become the body of a `call`, so that a compiled graph still says all that is
//! computed, and the reference runs it to the same bits.
//!
//! A group stands in one region, and its `call` stands where its last node stood. So what is outside of the group and uses
//! one of its results must come after that; a group for which that doesn't hold is left as single nodes.

use std::collections::HashMap;

use glassbox_ir::{Graph, NodeId, RegionId, ValueId};

use crate::backend::Group;

/// The groups of a graph that can become calls.
#[derive(Default)]
pub(crate) struct Outlines {
    groups: Vec<Outline>,
    /// The group of a node, by the node's index.
    of: HashMap<NodeId, usize>,
}

/// A group, and what of it is used outside.
pub(crate) struct Outline {
    pub(crate) group: Group,
    /// Results of its nodes that something outside of the group uses, in order.
    pub(crate) results: Vec<ValueId>,
}

/// What a node is for the walk through a graph.
pub(crate) enum Place<'o> {
    /// In no group.
    Alone,
    /// In a group, which comes later.
    Before,
    /// The last of a group, which comes now.
    Last(&'o Outline),
}

impl Outlines {
    /// Those of `groups` that can become calls.
    pub(crate) fn of(graph: &Graph, groups: Vec<Group>) -> Outlines {
        let mut outlines = Outlines::default();
        if groups.is_empty() {
            return outlines;
        }
        let places = Places::of(graph);
        for group in groups {
            let free = group.nodes.iter().all(|node| !outlines.of.contains_key(node));
            if let Some(results) = results_of(graph, &group, &places).filter(|_| free) {
                let place = outlines.groups.len();
                outlines.of.extend(group.nodes.iter().map(|node| (*node, place)));
                outlines.groups.push(Outline { group, results });
            }
        }
        outlines
    }

    /// What a node is.
    pub(crate) fn place(&self, node: NodeId) -> Place<'_> {
        let Some(outline) = self.of.get(&node).and_then(|place| self.groups.get(*place)) else { return Place::Alone };
        if outline.group.nodes.last() == Some(&node) { Place::Last(outline) } else { Place::Before }
    }
}

/// Where every node stands, and who uses every value.
struct Places {
    /// The region of a node and its place in it.
    nodes: HashMap<NodeId, (RegionId, usize)>,
    /// For each region but the body, the node that it belongs to.
    owners: HashMap<RegionId, NodeId>,
    /// The users of a value, by its index.
    users: Vec<Vec<User>>,
}

#[derive(Clone, Copy)]
enum User {
    Node(NodeId),
    /// It is a result of a region.
    Result,
}

impl Places {
    fn of(graph: &Graph) -> Places {
        let mut places =
            Places { nodes: HashMap::new(), owners: HashMap::new(), users: vec![Vec::new(); graph.value_count()] };
        let mut regions = vec![graph.body()];
        while let Some(id) = regions.pop() {
            let region = graph.region(id);
            region.results.iter().for_each(|value| places.users[value.index()].push(User::Result));
            for (place, node) in region.nodes.iter().enumerate() {
                places.nodes.insert(*node, (id, place));
                let made = graph.node(*node);
                made.operands.iter().flatten().for_each(|value| places.users[value.index()].push(User::Node(*node)));
                places.owners.extend(made.regions.iter().map(|inner| (*inner, *node)));
                regions.extend(made.regions.iter().copied());
            }
        }
        places
    }

    /// Where in `region` a node stands, or the node whose bodies it is in.
    fn within(&self, mut node: NodeId, region: RegionId) -> Option<usize> {
        loop {
            let (there, place) = *self.nodes.get(&node)?;
            if there == region {
                return Some(place);
            }
            node = *self.owners.get(&there)?;
        }
    }
}

/// What of a group is used outside; `None` where it can't become a call.
fn results_of(graph: &Graph, group: &Group, places: &Places) -> Option<Vec<ValueId>> {
    let (region, end) = *places.nodes.get(group.nodes.last()?)?;
    let mut before = None;
    for node in &group.nodes {
        let (there, place) = *places.nodes.get(node)?;
        let made = graph.node(*node);
        let simple = made.regions.is_empty() && made.op.effects.is_pure();
        if there != region || !simple || before.is_some_and(|before| before >= place) {
            return None;
        }
        before = Some(place);
    }
    let plain = |node: &NodeId| graph.node(*node).regions.is_empty() && graph.node(*node).op.effects.is_pure();
    if !group.copies.iter().all(plain) {
        return None;
    }
    let mut results = Vec::new();
    for value in group.nodes.iter().flat_map(|node| &graph.node(*node).results) {
        let mut outside = false;
        for user in &places.users[value.index()] {
            match user {
                User::Node(node) if group.nodes.contains(node) => {}
                User::Node(node) => {
                    outside = true;
                    if places.within(*node, region)? < end {
                        return None;
                    }
                }
                User::Result => outside = true,
            }
        }
        if outside {
            results.push(*value);
        }
    }
    Some(results).filter(|results| !results.is_empty())
}
