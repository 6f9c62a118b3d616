//! Neighbours of vertices, in one array.

/// For each vertex the vertices that edges lead to, in the order in which the edges were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Adjacency {
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Adjacency {
    /// The edges of `count` vertices, from the first of each pair to the second.
    pub(crate) fn new(count: usize, edges: impl Iterator<Item = (usize, usize)> + Clone) -> Adjacency {
        let mut starts = vec![0; count + 1];
        for (from, _) in edges.clone() {
            starts[from + 1] += 1;
        }
        for vertex in 0..count {
            starts[vertex + 1] += starts[vertex];
        }
        let mut next = starts.clone();
        let mut ends = vec![0; starts[count]];
        for (from, to) in edges {
            ends[next[from]] = to;
            next[from] += 1;
        }
        Adjacency { starts, ends }
    }

    /// Where edges from this vertex lead.
    pub(crate) fn of(&self, vertex: usize) -> &[usize] {
        &self.ends[self.starts[vertex]..self.starts[vertex + 1]]
    }

    /// The number of vertices.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }
}

/// The vertices in an order in which every edge leads forwards, those that are free together in the order of their
/// numbers. Vertices on cycles, and those behind them, are left out.
pub(crate) fn topological(out: &Adjacency) -> Vec<usize> {
    let mut waiting = vec![0usize; out.len()];
    for vertex in 0..out.len() {
        for &next in out.of(vertex) {
            waiting[next] += 1;
        }
    }
    let mut order: Vec<usize> = (0..out.len()).filter(|vertex| waiting[*vertex] == 0).collect();
    let mut done = 0;
    while let Some(&vertex) = order.get(done) {
        done += 1;
        for &next in out.of(vertex) {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                order.push(next);
            }
        }
    }
    order
}
