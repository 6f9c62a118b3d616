//! Which edges have to be turned so that no cycle is left.
//!
//! Vertices are mostly numbered as they are computed, and then the edges of a cycle that lead from a larger number to a
//! smaller one are those that a person would turn. Where that would turn more edges than needed, an edge is turned that
//! leads to a vertex which a depth-first search is still inside of. An edge that is on no cycle is never turned. Edges
//! from a vertex to itself are no matter of this module.

use crate::adjacency::Adjacency;

/// For each edge whether it is to be turned.
pub(crate) fn turned(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let (by_search, left) = search(count, edges);
    let needed = by_search.iter().filter(|turned| **turned).count();
    if needed == 0 {
        return by_search;
    }
    let knot = knots(count, edges, &left);
    let by_number: Vec<bool> = edges.iter().map(|&(from, to)| from > to && knot[from] == knot[to]).collect();
    let turned = by_number.iter().filter(|turned| **turned).count();
    if turned <= needed { by_number } else { by_search }
}

/// The edges that lead to a vertex that a depth-first search is inside of, and the vertices as it leaves them.
fn search(count: usize, edges: &[(usize, usize)]) -> (Vec<bool>, Vec<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Inside,
        Left,
    }
    // The edges of each vertex by their numbers.
    let numbers = Adjacency::new(count, edges.iter().enumerate().map(|(number, &(from, _))| (from, number)));
    let mut state = vec![State::New; count];
    let mut turned = vec![false; edges.len()];
    let mut left = Vec::with_capacity(count);
    for root in 0..count {
        if state[root] != State::New {
            continue;
        }
        state[root] = State::Inside;
        let mut path = vec![(root, 0)];
        while let Some((vertex, done)) = path.last_mut() {
            let Some(&edge) = numbers.of(*vertex).get(*done) else {
                state[*vertex] = State::Left;
                left.push(*vertex);
                path.pop();
                continue;
            };
            *done += 1;
            let to = edges[edge].1;
            match state[to] {
                State::New => {
                    state[to] = State::Inside;
                    path.push((to, 0));
                }
                State::Inside => turned[edge] = true,
                State::Left => {}
            }
        }
    }
    (turned, left)
}

/// For each vertex a number that it shares with those that are on a cycle with it, by the method of Kosaraju and Sharir:
/// those that are reached against the edges, from the vertex that a search left last.
fn knots(count: usize, edges: &[(usize, usize)], left: &[usize]) -> Vec<usize> {
    let against = Adjacency::new(count, edges.iter().map(|&(from, to)| (to, from)));
    let mut knot = vec![usize::MAX; count];
    for &root in left.iter().rev() {
        let mut open = vec![root];
        while let Some(vertex) = open.pop() {
            if knot[vertex] == usize::MAX {
                knot[vertex] = root;
                open.extend(against.of(vertex).iter().filter(|next| knot[**next] == usize::MAX));
            }
        }
    }
    knot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adjacency::topological;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cycle_is_left_and_edges_on_none_are_as_they_were(
            count in 1usize..12,
            edges in prop::collection::vec((0usize..12, 0usize..12), 0..30),
        ) {
            let edges: Vec<(usize, usize)> =
                edges.into_iter().map(|(a, b)| (a % count, b % count)).filter(|(a, b)| a != b).collect();
            let turned = turned(count, &edges);
            let now = edges.iter().zip(&turned).map(|(&(a, b), turned)| if *turned { (b, a) } else { (a, b) });
            prop_assert_eq!(topological(&Adjacency::new(count, now)).len(), count);
            // Whether each vertex reaches each other one, by trying all.
            let mut reaches = vec![vec![false; count]; count];
            for &(a, b) in &edges {
                reaches[a][b] = true;
            }
            for through in 0..count {
                for a in 0..count {
                    for b in 0..count {
                        reaches[a][b] |= reaches[a][through] && reaches[through][b];
                    }
                }
            }
            for (&(a, b), turned) in edges.iter().zip(turned) {
                prop_assert!(!turned || reaches[b][a], "{} to {} is on no cycle", a, b);
            }
        }
    }

    #[test]
    fn the_edge_back_to_the_beginning_is_turned_wherever_the_search_begins() {
        // 0 feeds 2 of the loop 1, 2, 3.
        let edges = [(0, 2), (1, 2), (2, 3), (3, 1)];
        assert_eq!(turned(4, &edges), [false, false, false, true]);
    }
}
