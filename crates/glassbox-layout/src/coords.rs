//! How far from the left side the vertices of ordered layers stand.
//!
//! After Brandes and Köpf, *Fast and simple horizontal coordinate assignment* (2001): vertices are aligned with the
//! middle one of their neighbours, once from each of four corners; each alignment gives blocks of vertices that stand
//! under one another, which are moved together as closely as widths allow; a vertex stands at the mean of the two middle
//! ones of its four places. So a wire that passes many layers is straight.

use std::collections::HashSet;

use crate::adjacency::{Adjacency, topological};
use crate::flat::Spacing;
use crate::order::places;
use crate::proper::Proper;

/// The x of the middle of each vertex.
pub(crate) fn place(graph: &Proper, spacing: &Spacing) -> Vec<f64> {
    let marked = conflicts(graph);
    let mut four = Vec::with_capacity(4);
    for upwards in [false, true] {
        for leftwards in [false, true] {
            let mut layers = graph.layers.clone();
            if upwards {
                layers.reverse();
            }
            if leftwards {
                layers.iter_mut().for_each(|layer| layer.reverse());
            }
            let neighbours = if upwards { &graph.below } else { &graph.above };
            let root = align(&layers, neighbours, &marked);
            let mut xs = compact(graph, spacing, &layers, &root);
            if leftwards {
                xs.iter_mut().for_each(|x| *x = -*x);
            }
            four.push(xs);
        }
    }
    let mut xs = mean_of_middle(graph, four);
    keep_apart(graph, spacing, &mut xs);
    xs
}

/// Edges between an item and any vertex that cross an edge between two bends; the latter is to be straight.
fn conflicts(graph: &Proper) -> HashSet<(usize, usize)> {
    let place = places(graph);
    let mut marked = HashSet::new();
    for pair in graph.layers.windows(2) {
        let (upper, lower) = (&pair[0], &pair[1]);
        let (mut left, mut scanned) = (0, 0);
        for (index, &vertex) in lower.iter().enumerate() {
            let inner = graph.above.of(vertex).iter().find(|other| graph.is_bend(vertex) && graph.is_bend(**other));
            if inner.is_none() && index + 1 < lower.len() {
                continue;
            }
            let right = inner.map_or(upper.len(), |other| place[*other]);
            for &between in &lower[scanned..=index] {
                for &other in graph.above.of(between) {
                    let outside = place[other] < left || place[other] > right;
                    if outside && !(graph.is_bend(between) && graph.is_bend(other)) {
                        marked.insert((other, between));
                    }
                }
            }
            (scanned, left) = (index + 1, right);
        }
    }
    marked
}

/// The uppermost vertex of the block that each vertex is in.
fn align(layers: &[Vec<usize>], neighbours: &Adjacency, marked: &HashSet<(usize, usize)>) -> Vec<usize> {
    let mut root: Vec<usize> = (0..neighbours.len()).collect();
    let mut place = vec![0; neighbours.len()];
    for layer in layers {
        for (index, &vertex) in layer.iter().enumerate() {
            place[vertex] = index;
        }
    }
    let mut sorted = Vec::new();
    for layer in layers {
        // The neighbours before this place are aligned with, or left of one that is.
        let mut from = 0;
        for &vertex in layer {
            sorted.clear();
            sorted.extend_from_slice(neighbours.of(vertex));
            if sorted.is_empty() {
                continue;
            }
            sorted.sort_unstable_by_key(|other| place[*other]);
            let middle = (sorted.len() - 1) / 2..=sorted.len() / 2;
            for &other in &sorted[middle] {
                let crossed = marked.contains(&(other, vertex)) || marked.contains(&(vertex, other));
                if place[other] >= from && !crossed {
                    root[vertex] = root[other];
                    from = place[other] + 1;
                    break;
                }
            }
        }
    }
    root
}

/// The least x of each block, then the greatest that its neighbours at the right side leave.
fn compact(graph: &Proper, spacing: &Spacing, layers: &[Vec<usize>], root: &[usize]) -> Vec<f64> {
    let pairs = || layers.iter().flat_map(|layer| layer.windows(2).map(|pair| (pair[0], pair[1])));
    let right = Adjacency::new(root.len(), pairs().map(|(a, b)| (root[a], root[b])));
    // The distances lie as the ends of the edges do.
    let distance = |a: usize, b: usize| spacing.between(graph, a, b);
    let mut by_block: Vec<Vec<f64>> = vec![Vec::new(); root.len()];
    for (a, b) in pairs() {
        by_block[root[a]].push(distance(a, b));
    }
    let order = topological(&right);
    let mut xs = vec![0.0f64; root.len()];
    for &block in &order {
        for (&next, distance) in right.of(block).iter().zip(&by_block[block]) {
            xs[next] = xs[next].max(xs[block] + distance);
        }
    }
    for &block in order.iter().rev() {
        let most = right.of(block).iter().zip(&by_block[block]).map(|(&next, distance)| xs[next] - distance);
        let most = most.fold(f64::INFINITY, f64::min);
        if most.is_finite() {
            xs[block] = xs[block].max(most);
        }
    }
    root.iter().map(|block| xs[*block]).collect()
}

/// Puts the four upon each other at the side that each was moved to, and takes the mean of the middle two.
fn mean_of_middle(graph: &Proper, mut four: Vec<Vec<f64>>) -> Vec<f64> {
    let sides = |xs: &[f64]| {
        let left = xs.iter().zip(&graph.widths).map(|(x, width)| x - width / 2.0).fold(f64::INFINITY, f64::min);
        let right = xs.iter().zip(&graph.widths).map(|(x, width)| x + width / 2.0).fold(f64::NEG_INFINITY, f64::max);
        (left, right)
    };
    let all: Vec<(f64, f64)> = four.iter().map(|xs| sides(xs)).collect();
    let Some(&(left, right)) = all.iter().min_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0))) else {
        return Vec::new();
    };
    for (index, xs) in four.iter_mut().enumerate() {
        let by = if index % 2 == 0 { left - all[index].0 } else { right - all[index].1 };
        xs.iter_mut().for_each(|x| *x += by);
    }
    let middle = |vertex: usize| {
        let mut places: Vec<f64> = four.iter().map(|xs| xs[vertex]).collect();
        places.sort_by(f64::total_cmp);
        (places[1] + places[2]) / 2.0
    };
    (0..graph.widths.len()).map(middle).collect()
}

/// Moves what is too close to the right. Only the rounding of sums leaves anything to be moved.
fn keep_apart(graph: &Proper, spacing: &Spacing, xs: &mut [f64]) {
    for layer in &graph.layers {
        for pair in layer.windows(2) {
            xs[pair[1]] = xs[pair[1]].max(xs[pair[0]] + spacing.between(graph, pair[0], pair[1]));
        }
    }
}
