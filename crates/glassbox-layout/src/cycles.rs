//! Which edges have to be turned so that no cycle is left.
//!
//! An edge is turned that leads to a vertex which a depth-first search is still inside of. A graph without cycles keeps
//! all its edges. Edges from a vertex to itself are no matter of this module.

use crate::adjacency::Adjacency;

/// For each edge whether it is to be turned.
pub(crate) fn turned(count: usize, edges: &[(usize, usize)]) -> Vec<bool> {
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
    for root in 0..count {
        if state[root] != State::New {
            continue;
        }
        state[root] = State::Inside;
        let mut path = vec![(root, 0)];
        while let Some((vertex, done)) = path.last_mut() {
            let Some(&edge) = numbers.of(*vertex).get(*done) else {
                state[*vertex] = State::Left;
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
    turned
}
