//! The nodes around the first culprit, as a graph to be drawn.

use std::collections::{HashMap, VecDeque};

use crate::hunt::Evidence;
use crate::report::{Culprit, Neighbour, Neighbourhood, Row};

/// How many nodes are shown.
const SHOWN: usize = 30;

/// The nearest nodes before and after the culprit.
pub(super) fn around(evidence: &Evidence, culprit: Option<&Culprit>, rows: &[Row]) -> Neighbourhood {
    let skeleton = &evidence.ours.skeleton;
    let place = culprit
        .and_then(|culprit| skeleton.nodes.iter().position(|node| node.name == culprit.node && node.op == culprit.op));
    let Some(guilty) = place else { return Neighbourhood::default() };
    let mut near = vec![guilty];
    let mut waiting = VecDeque::from([guilty]);
    while let Some(node) = waiting.pop_front() {
        let before = skeleton.nodes[node].operands.iter().flatten().filter_map(|value| skeleton.producer(*value));
        let after = skeleton.nodes[node]
            .results
            .iter()
            .flat_map(|value| skeleton.values[*value].users.iter().map(|(user, _)| *user));
        for other in before.chain(after).collect::<Vec<_>>() {
            if near.len() < SHOWN && !near.contains(&other) {
                near.push(other);
                waiting.push_back(other);
            }
        }
    }
    near.sort_unstable();
    let index: HashMap<usize, usize> = near.iter().enumerate().map(|(index, node)| (*node, index)).collect();
    let row_of = |name: &str| rows.iter().position(|row| row.value == name);
    let nodes = near.iter().map(|node| {
        let shown = &skeleton.nodes[*node];
        let result = shown.results.first().map(|result| skeleton.values[*result].name.as_str());
        Neighbour {
            label: shown.name.clone(),
            op: shown.op.clone(),
            row: result.and_then(row_of),
            guilty: *node == guilty,
        }
    });
    let nodes = nodes.collect();
    let mut edges = Vec::new();
    for node in &near {
        for operand in skeleton.nodes[*node].operands.iter().flatten() {
            if let Some(from) = skeleton.producer(*operand).and_then(|from| index.get(&from)) {
                edges.push((*from, index[node]));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    Neighbourhood { nodes, edges }
}
