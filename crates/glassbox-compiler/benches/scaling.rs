//! What a node costs in graphs of 1,000 and of 100,000 nodes: `cargo bench -p glassbox-compiler --bench scaling`.
//!
//! `build`, `verify`, `rewrite` (each of the passes) and `plan` (a session of the reference, which plans). At the end the
//! times per node are compared: more than 1.5 times as much in the large graph is an error, since then something grows
//! faster than the graph.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use glassbox_compiler::{CompileOptions, compile};
use glassbox_ir::{Attrs, Graph, GraphBuilder, Origin, Provenance, State, TensorType, Type, attrs, ops, verify};
use glassbox_reference::{Options, Session};
use glassbox_tensor::{DType, Tensor};

const SMALL: usize = 1_000;
const LARGE: usize = 100_000;
/// How much more a node of the large graph may cost.
const MAX_GROWTH: f64 = 1.5;

/// A graph of about `count` nodes as models have them: layers of constants, products, elementwise ops, transposes that
/// cancel, equal nodes, states, bodies, names and origins.
fn graph(count: usize) -> Graph {
    const NODES_OF_LAYER: usize = 20;
    build(count / NODES_OF_LAYER).unwrap_or_else(|error| panic!("{error}"))
}

fn build(layers: usize) -> Result<Graph, Box<dyn std::error::Error>> {
    let mut b = GraphBuilder::new("layers");
    let mut x = b.input("x", Type::tensor(DType::F32, ["B", "D"].map(glassbox_ir::Dim::symbol)));
    let go = b.input("go", Type::scalar(DType::Bool));
    for layer in 0..layers {
        b.set_provenance(Provenance::new(Origin::Layer(format!("layers.{layer}"))));
        let name = format!("layers.{layer}.state");
        let ty = TensorType::new(DType::F32, [1i64]);
        b.state(State { name: name.clone(), ty, capacity: None, initial: None })?;
        let one = b.constant(Tensor::scalar(1.0f32));
        let other = b.constant(Tensor::scalar(layer as f32));
        let sum = b.node(&ops::add::OP, &[Some(one), Some(other)], Attrs::new(), 1)?[0];
        let read = b.node(&ops::state_read::OP, &[], attrs! { state: name.as_str() }, 1)?[0];
        let a = b.node(&ops::mul::OP, &[Some(x), Some(sum)], Attrs::new(), 1)?[0];
        b.set_name(a, "hidden");
        let t = b.node(&ops::transpose::OP, &[Some(a)], Attrs::new(), 1)?[0];
        let e = b.node(&ops::exp::OP, &[Some(t)], Attrs::new(), 1)?[0];
        let back = b.node(&ops::transpose::OP, &[Some(e)], Attrs::new(), 1)?[0];
        let first = b.node(&ops::tanh::OP, &[Some(back)], Attrs::new(), 1)?[0];
        let second = b.node(&ops::tanh::OP, &[Some(back)], Attrs::new(), 1)?[0];
        let both = b.node(&ops::add::OP, &[Some(first), Some(second)], Attrs::new(), 1)?[0];
        let shape = b.node(&ops::shape::OP, &[Some(both)], Attrs::new(), 1)?[0];
        let same = b.node(&ops::reshape::OP, &[Some(both), Some(shape)], Attrs::new(), 1)?[0];
        let soft = b.node(&ops::softmax::OP, &[Some(same)], attrs! { axis: -1 }, 1)?[0];
        let (yes, _) = b.begin_region(&[]);
        let inside = b.node(&ops::neg::OP, &[Some(soft)], Attrs::new(), 1)?;
        b.end_region(inside);
        let (no, _) = b.begin_region(&[]);
        b.end_region(vec![soft]);
        let chosen = b.node_with_regions(&ops::if_::OP, &[Some(go)], Attrs::new(), vec![yes, no], 1)?[0];
        let moved = b.node(&ops::add::OP, &[Some(read), Some(one)], Attrs::new(), 1)?[0];
        b.node(&ops::state_write::OP, &[Some(moved)], attrs! { state: name.as_str() }, 1)?;
        b.node(&ops::abs::OP, &[Some(chosen)], Attrs::new(), 1)?;
        x = b.node(&ops::add::OP, &[Some(chosen), Some(x)], Attrs::new(), 1)?[0];
        b.set_name(x, &format!("layers.{layer}.out"));
    }
    Ok(b.finish(vec![x])?)
}

fn unverified() -> CompileOptions {
    let mut options = CompileOptions::default();
    options.verify = false;
    options
}

fn rewrite(graph: &Arc<Graph>) {
    black_box(compile(graph, &unverified()).unwrap_or_else(|error| panic!("{error}")));
}

fn plan(graph: &Graph) {
    black_box(Session::new(graph.clone(), Options::default()).map_err(|error| error.to_string()).is_ok());
}

#[divan::bench(args = [SMALL, LARGE], sample_count = 5)]
fn build_nodes(count: usize) {
    black_box(graph(count));
}

#[divan::bench(args = [SMALL, LARGE], sample_count = 5)]
fn verify_nodes(bencher: Bencher, count: usize) {
    let graph = graph(count);
    bencher.bench_local(|| verify(black_box(&graph)));
}

#[divan::bench(args = [SMALL, LARGE], sample_count = 5)]
fn rewrite_nodes(bencher: Bencher, count: usize) {
    let graph = Arc::new(graph(count));
    bencher.bench_local(|| rewrite(&graph));
}

#[divan::bench(args = [SMALL, LARGE], sample_count = 5)]
fn plan_nodes(bencher: Bencher, count: usize) {
    let graph = graph(count);
    bencher.bench_local(|| plan(&graph));
}

/// The quickest of some runs, for one node.
fn per_node(count: usize, runs: usize, work: &dyn Fn(&Arc<Graph>)) -> Duration {
    let graph = Arc::new(graph(count));
    let times = (0..runs).map(|_| {
        let started = Instant::now();
        work(&graph);
        started.elapsed()
    });
    times.min().unwrap_or_default() / graph.node_count().max(1) as u32
}

/// What is measured: its name, and the work.
type Work<'w> = (&'w str, &'w dyn Fn(&Arc<Graph>));

fn main() {
    divan::main();
    let works: [Work; 4] = [
        ("build", &|graph| drop(black_box(self::graph(graph.node_count())))),
        ("verify", &|graph| drop(black_box(verify(graph)))),
        ("rewrite", &|graph| rewrite(graph)),
        ("plan", &|graph| plan(graph)),
    ];
    println!("{:10} {:>14} {:>14} {:>8}", "per node", SMALL, LARGE, "growth");
    let mut wrong = Vec::new();
    for (name, work) in works {
        let (small, large) = (per_node(SMALL, 30, work), per_node(LARGE, 3, work));
        let growth = large.as_secs_f64() / small.as_secs_f64();
        println!("{name:10} {small:>14.2?} {large:>14.2?} {growth:>8.2}");
        if growth > MAX_GROWTH {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "a node of the large graph costs more than {MAX_GROWTH} times as much: {wrong:?}");
}
