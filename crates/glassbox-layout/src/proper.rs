//! A graph whose edges lead from a layer to the next one: items, and bends where wires pass through layers.
//!
//! Wires of one bundle share their bends: a value that many nodes read is one line with branches. So that their number
//! stays in proportion to the graph, there are at most [`BENDS_PER_PART`] bends for each item and wire; the longest
//! wires get none when those are used up, and run beside the layers instead.

use crate::adjacency::Adjacency;
use crate::flat::{Item, Wire};

/// How many bends there may be for each item and each wire.
const BENDS_PER_PART: usize = 4;
/// How many bends there may be in any graph, however small.
const BENDS_IN_ANY: usize = 2000;

/// Vertices in layers. The items come first, under their own numbers.
pub(crate) struct Proper {
    /// How many of the vertices are items.
    pub(crate) items: usize,
    /// The width of each vertex.
    pub(crate) widths: Vec<f64>,
    /// The layer of each vertex.
    pub(crate) layer: Vec<usize>,
    /// The vertices of each layer, from left to right.
    pub(crate) layers: Vec<Vec<usize>>,
    /// The neighbours in the layer above.
    pub(crate) above: Adjacency,
    /// The neighbours in the layer below.
    pub(crate) below: Adjacency,
    /// For each wire the bends that it goes through; `None` where it runs beside the layers.
    pub(crate) ways: Vec<Option<std::ops::Range<usize>>>,
}

impl Proper {
    /// Puts bends on wires, and the vertices of each layer into a first order.
    pub(crate) fn new(items: &[Item], wires: &[Wire], layer_of_item: Vec<usize>) -> Proper {
        let passed = |wire: &Wire| layer_of_item[wire.to] - layer_of_item[wire.from] - 1;
        let bundles = wires.iter().map(|wire| wire.bundle + 1).max().unwrap_or(0);
        let reach = reach(wires, bundles, BENDS_IN_ANY + BENDS_PER_PART * (items.len() + wires.len()), passed);
        let mut source = vec![0; bundles];
        for wire in wires {
            source[wire.bundle] = wire.from;
        }
        let mut layer = layer_of_item.clone();
        let mut widths: Vec<f64> = items.iter().map(|item| item.width).collect();
        let mut first = vec![0; bundles];
        let mut edges = Vec::new();
        for bundle in 0..bundles {
            first[bundle] = layer.len();
            for step in 0..reach[bundle] {
                let bend = layer.len();
                edges.push((if step == 0 { source[bundle] } else { bend - 1 }, bend));
                layer.push(layer_of_item[source[bundle]] + step + 1);
                widths.push(0.0);
            }
        }
        let mut ways = Vec::with_capacity(wires.len());
        for wire in wires {
            let bends = passed(wire);
            if bends > reach[wire.bundle] {
                ways.push(None);
                continue;
            }
            let start = first[wire.bundle];
            edges.push((if bends == 0 { wire.from } else { start + bends - 1 }, wire.to));
            ways.push(Some(start..start + bends));
        }
        edges.sort_unstable();
        edges.dedup();
        let below = Adjacency::new(layer.len(), edges.iter().copied());
        let above = Adjacency::new(layer.len(), edges.iter().map(|&(from, to)| (to, from)));
        let layers = first_order(&layer, &above, &below);
        Proper { items: items.len(), widths, layer, layers, above, below, ways }
    }

    /// Whether a vertex is a bend.
    pub(crate) fn is_bend(&self, vertex: usize) -> bool {
        vertex >= self.items
    }
}

/// How many layers the bends of each bundle reach down, the shortest wires being served first.
fn reach(wires: &[Wire], bundles: usize, budget: usize, passed: impl Fn(&Wire) -> usize) -> Vec<usize> {
    let mut reach = vec![0; bundles];
    let mut left = budget;
    let mut by_length: Vec<&Wire> = wires.iter().collect();
    by_length.sort_by_key(|wire| passed(wire));
    for wire in by_length {
        let more = passed(wire).saturating_sub(reach[wire.bundle]);
        if more <= left {
            left -= more;
            reach[wire.bundle] += more;
        }
    }
    reach
}

/// The vertices of each layer in the order in which a depth-first search from the top meets them.
fn first_order(layer: &[usize], above: &Adjacency, below: &Adjacency) -> Vec<Vec<usize>> {
    let depth = layer.iter().map(|layer| layer + 1).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); depth];
    let mut seen = vec![false; layer.len()];
    for root in (0..layer.len()).filter(|vertex| above.of(*vertex).is_empty()) {
        let mut path = vec![root];
        while let Some(vertex) = path.pop() {
            if std::mem::replace(&mut seen[vertex], true) {
                continue;
            }
            layers[layer[vertex]].push(vertex);
            path.extend(below.of(vertex).iter().rev().filter(|next| !seen[**next]));
        }
    }
    layers
}
