//! What large layouts cost: `cargo bench -p glassbox-layout`.
//!
//! Layers of a language model one upon another (a residual stream, weights, one mask that all layers read), nodes joined
//! at random, and 20,000 nodes that one value feeds and another gathers.

use divan::Bencher;
use glassbox_layout::{Diagram, Options, lay_out};

fn main() {
    divan::main();
}

/// A transformer of about `count` nodes.
fn transformer(count: usize) -> Diagram {
    let mut diagram = Diagram::new();
    let mask = diagram.node(60.0, 20.0);
    let mut stream = diagram.node(60.0, 20.0);
    while diagram.node_count() + 20 <= count {
        let mut heads = Vec::new();
        for _ in 0..3 {
            let weight = diagram.node(90.0, 20.0);
            let product = diagram.node(90.0, 20.0);
            let shaped = diagram.node(70.0, 20.0);
            diagram.edge(stream, product);
            diagram.edge(weight, product);
            diagram.edge(product, shaped);
            heads.push(shaped);
        }
        let mut at = diagram.node(80.0, 20.0);
        for from in heads.into_iter().chain([mask]) {
            diagram.edge(from, at);
        }
        for _ in 0..8 {
            let next = diagram.node(80.0, 20.0);
            diagram.edge(at, next);
            at = next;
        }
        let sum = diagram.node(60.0, 20.0);
        diagram.edge(stream, sum);
        diagram.edge(at, sum);
        stream = sum;
    }
    diagram
}

/// `count` nodes, each of which reads two of those before it.
fn random(count: usize) -> Diagram {
    let mut diagram = Diagram::new();
    let mut state = 1u64;
    for node in 0..count {
        diagram.node(60.0, 20.0);
        for _ in 0..2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if node > 0 {
                diagram.edge((state >> 33) as usize % node, node);
            }
        }
    }
    diagram
}

/// One node, `count` that read it, and one that reads them all.
fn fan(count: usize) -> Diagram {
    let mut diagram = Diagram::new();
    let (first, last) = (diagram.node(60.0, 20.0), diagram.node(60.0, 20.0));
    for _ in 0..count {
        let node = diagram.node(60.0, 20.0);
        diagram.edge(first, node);
        diagram.edge(node, last);
    }
    diagram
}

#[divan::bench(args = [2_000, 20_000], sample_count = 3)]
fn layers_of_a_model(bencher: Bencher, count: usize) {
    let diagram = transformer(count);
    bencher.bench_local(|| lay_out(&diagram, &Options::default()));
}

#[divan::bench(args = [2_000, 20_000], sample_count = 3)]
fn joined_at_random(bencher: Bencher, count: usize) {
    let diagram = random(count);
    bencher.bench_local(|| lay_out(&diagram, &Options::default()));
}

#[divan::bench(args = [2_000, 20_000], sample_count = 3)]
fn fanned_out(bencher: Bencher, count: usize) {
    let diagram = fan(count);
    bencher.bench_local(|| lay_out(&diagram, &Options::default()));
}
