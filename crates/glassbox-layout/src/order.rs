//! The order of the vertices in each layer, so that few edges cross.
//!
//! Sweeps down and up put each vertex at the mean place of its neighbours in the layer before, and then exchange
//! neighbours where that saves crossings. The best order that was seen is kept, the first one included, so that there
//! are never more crossings than at the beginning.

use crate::proper::Proper;

/// The most sweeps, and how many in a row may bring nothing.
const SWEEPS: usize = 24;
const STALE: usize = 4;
/// About how many steps all sweeps may take together, so that very large graphs get fewer of them.
const STEPS: usize = 30_000_000;
/// The most rounds of exchanges in a sweep.
const EXCHANGES: usize = 3;

/// Orders the layers, and returns how many edges cross before and after.
pub(crate) fn reduce_crossings(graph: &mut Proper) -> (u64, u64) {
    let mut place = places(graph);
    let before = crossings(graph, &place);
    let (mut best, mut fewest) = (graph.layers.clone(), before);
    let size = graph.widths.len() + graph.layers.iter().flatten().map(|v| graph.below.of(*v).len()).sum::<usize>();
    // A sweep looks at each edge about a dozen times.
    let sweeps = (STEPS / (12 * size.max(1))).clamp(2, SWEEPS);
    let mut stale = 0;
    for sweep in 0..sweeps {
        if fewest == 0 || stale == STALE {
            break;
        }
        let last = graph.layers.len() - 1;
        for step in 1..=last {
            let layer = if sweep % 2 == 0 { step } else { last - step };
            // Vertices with the same mean are turned around in every other pair of sweeps.
            by_means(graph, &mut place, layer, sweep % 2 == 0, sweep % 4 >= 2);
        }
        for _ in 0..EXCHANGES {
            if !exchange(graph, &mut place) {
                break;
            }
        }
        let now = crossings(graph, &place);
        stale += 1;
        if now < fewest {
            (best, fewest, stale) = (graph.layers.clone(), now, 0);
        }
    }
    graph.layers = best;
    (before, fewest)
}

/// The place of each vertex in its layer.
pub(crate) fn places(graph: &Proper) -> Vec<usize> {
    let mut place = vec![0; graph.widths.len()];
    for layer in &graph.layers {
        for (index, &vertex) in layer.iter().enumerate() {
            place[vertex] = index;
        }
    }
    place
}

/// Sorts a layer by the mean places of neighbours. Vertices without any keep their places.
fn by_means(graph: &mut Proper, place: &mut [usize], layer: usize, down: bool, turn: bool) {
    let neighbours = if down { &graph.above } else { &graph.below };
    let vertices = &mut graph.layers[layer];
    let mut moving = Vec::with_capacity(vertices.len());
    let mut free = Vec::with_capacity(vertices.len());
    for (index, &vertex) in vertices.iter().enumerate() {
        let of = neighbours.of(vertex);
        if !of.is_empty() {
            let sum: usize = of.iter().map(|other| place[*other]).sum();
            moving.push((sum as f64 / of.len() as f64, vertex));
            free.push(index);
        }
    }
    if turn {
        moving.reverse();
    }
    moving.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (index, (_, vertex)) in free.into_iter().zip(moving) {
        vertices[index] = vertex;
        place[vertex] = index;
    }
}

/// Exchanges neighbours in a layer where that saves crossings, once through all layers.
fn exchange(graph: &mut Proper, place: &mut [usize]) -> bool {
    let mut better = false;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for layer in 0..graph.layers.len() {
        for index in 1..graph.layers[layer].len() {
            let (a, b) = (graph.layers[layer][index - 1], graph.layers[layer][index]);
            let (mut as_is, mut exchanged) = (0, 0);
            for neighbours in [&graph.above, &graph.below] {
                sorted_places(neighbours.of(a), place, &mut first);
                sorted_places(neighbours.of(b), place, &mut second);
                as_is += inversions(&first, &second);
                exchanged += inversions(&second, &first);
            }
            if exchanged < as_is {
                graph.layers[layer].swap(index - 1, index);
                (place[a], place[b]) = (index, index - 1);
                better = true;
            }
        }
    }
    better
}

fn sorted_places(vertices: &[usize], place: &[usize], into: &mut Vec<usize>) {
    into.clear();
    into.extend(vertices.iter().map(|vertex| place[*vertex]));
    into.sort_unstable();
}

/// How many pairs there are of one of `left` and a smaller one of `right`; both sorted.
fn inversions(left: &[usize], right: &[usize]) -> u64 {
    let (mut smaller, mut sum) = (0, 0);
    for one in left {
        while right.get(smaller).is_some_and(|other| other < one) {
            smaller += 1;
        }
        sum += smaller as u64;
    }
    sum
}

/// How many pairs of edges cross, by counting inversions layer for layer (Barth, Jünger and Mutzel, 2002).
pub(crate) fn crossings(graph: &Proper, place: &[usize]) -> u64 {
    let mut sum = 0;
    let mut ends = Vec::new();
    let mut tree = Vec::new();
    for pair in graph.layers.windows(2) {
        tree.clear();
        tree.resize(pair[1].len() + 1, 0u64);
        let mut seen = 0;
        for &vertex in &pair[0] {
            sorted_places(graph.below.of(vertex), place, &mut ends);
            for end in &ends {
                let mut not_beyond = 0;
                let mut at = end + 1;
                while at > 0 {
                    not_beyond += tree[at];
                    at &= at - 1;
                }
                sum += seen - not_beyond;
            }
            for end in &ends {
                seen += 1;
                let mut at = end + 1;
                while at < tree.len() {
                    tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flat::{Item, Pin, Wire};
    use crate::layers;
    use proptest::prelude::*;

    fn graph(count: usize, edges: &[(usize, usize)]) -> Proper {
        let items = vec![Item { width: 10.0, height: 10.0, side: 10.0, pin: Pin::Free }; count];
        let wires: Vec<Wire> = edges
            .iter()
            .map(|&(a, b)| (a % count, b % count))
            .filter(|(a, b)| a != b)
            .map(|(a, b)| Wire { from: a.min(b), to: a.max(b), bundle: a.min(b), from_at: None, to_at: None })
            .collect();
        let layer = layers::assign(&items, &wires);
        Proper::new(&items, &wires, layer)
    }

    /// Every pair of edges between two layers, looked at one by one.
    fn crossings_of_pairs(graph: &Proper) -> u64 {
        let place = places(graph);
        let edges: Vec<(usize, usize, usize)> = graph
            .layers
            .iter()
            .flatten()
            .flat_map(|&from| graph.below.of(from).iter().map(move |&to| (from, to)))
            .map(|(from, to)| (graph.layer[from], place[from], place[to]))
            .collect();
        let mut sum = 0;
        for (index, a) in edges.iter().enumerate() {
            for b in &edges[..index] {
                let apart = (a.1 < b.1 && a.2 > b.2) || (a.1 > b.1 && a.2 < b.2);
                sum += u64::from(a.0 == b.0 && apart);
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn crossings_are_counted_right_and_never_become_more(
            count in 1usize..30,
            edges in prop::collection::vec((0usize..30, 0usize..30), 0..60),
        ) {
            let mut graph = graph(count, &edges);
            let first = crossings_of_pairs(&graph);
            let (before, after) = reduce_crossings(&mut graph);
            prop_assert_eq!(before, first);
            prop_assert_eq!(after, crossings_of_pairs(&graph));
            prop_assert!(after <= before);
        }
    }

    #[test]
    fn two_edges_that_cross_at_first_are_untangled() {
        // 0 and 1 above, 2 and 3 below; the search from 0 meets 3 before 2.
        let mut graph = graph(4, &[(0, 3), (1, 2), (1, 3)]);
        assert_eq!(reduce_crossings(&mut graph).1, 0);
    }
}
