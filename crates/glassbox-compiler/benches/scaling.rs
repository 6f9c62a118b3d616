//! What a node costs in graphs of 1,000 and of 100,000 nodes: `cargo bench -p glassbox-compiler --bench scaling`.
//!
//! `build`, `verify`, `rewrite` (each of the passes), `plan` (a session of the reference, which plans) and a run. At the end the
//! times per node are compared, for 100,000 nodes in one graph and in 100: more than 1.5 times as much in the large graph is
//! an error, since then something grows faster than the graph.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use glassbox_compiler::passes::{PASSES, Pass};
use glassbox_compiler::{AnyBackend, CompileOptions, Compiled, compile};
use glassbox_exec::{Options, RunContext, Session, Value};
use glassbox_ir::{Attrs, Graph, GraphBuilder, Origin, Provenance, State, TensorType, Type, attrs, ops, verify};
use glassbox_tensor::{DType, Tensor};

const SMALL: usize = 1_000;
const LARGE: usize = 100_000;
/// How much more a node of the large graph may cost.
const MAX_GROWTH: f64 = 1.5;
const RUNS: usize = 5;

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

fn rewrite(graph: &Arc<Graph>) -> Compiled {
    compile(graph, &unverified()).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(graph: &Graph) -> Box<dyn Session> {
    glassbox_backends::testing::session(graph.clone(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn run(graph: &Graph) -> Vec<Value> {
    let x = Tensor::zeros(DType::F32, &[1, 2]).unwrap_or_else(|error| panic!("{error}"));
    let inputs = [x.into(), Tensor::scalar(true).into()];
    plan(graph).run(&inputs, RunContext::new()).unwrap_or_else(|error| panic!("{error}"))
}

#[divan::bench(args = [SMALL, LARGE], sample_count = 5)]
fn build_nodes(count: usize) -> Graph {
    graph(count)
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

/// The time that this thread has computed, where the system tells: what others do on the machine doesn't count. Else the time
/// of day.
fn spent(started: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let computed = text.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse().ok());
    computed.map_or_else(|| started.elapsed(), Duration::from_nanos)
}

/// What the work costs for all of these graphs. What it makes is kept until the clock has stopped.
fn cost(graphs: &[Arc<Graph>], work: &dyn Fn(&Arc<Graph>) -> Made) -> Duration {
    let started = Instant::now();
    let before = spent(started);
    let made: Vec<Made> = graphs.iter().map(work).collect();
    let time = spent(started) - before;
    drop(black_box(made));
    time
}

/// What the work costs for a node of 100 small graphs, and of a large one. All are kept, so that as much memory is touched and
/// what is compared isn't the cache of the processor. The quickest of some runs, in turns.
fn per_node(work: &dyn Fn(&Arc<Graph>) -> Made) -> [Duration; 2] {
    let kinds = [(LARGE / SMALL, SMALL), (1, LARGE)];
    let graphs = kinds.map(|(count, size)| (0..count).map(|_| Arc::new(graph(size))).collect::<Vec<_>>());
    let nodes = graphs.each_ref().map(|graphs| graphs.iter().map(|graph| graph.node_count()).sum::<usize>());
    let mut least = [Duration::MAX; 2];
    for _ in 0..RUNS {
        for (least, graphs) in least.iter_mut().zip(&graphs) {
            *least = cost(graphs, work).min(*least);
        }
    }
    [least[0] / nodes[0] as u32, least[1] / nodes[1] as u32]
}

/// What the work makes, to be kept until the clock has stopped.
type Made = Box<dyn std::any::Any>;

/// What one pass makes of a graph.
fn made_by(pass: &'static Pass, graph: &Arc<Graph>) -> Made {
    Box::new((pass.run)(graph, &AnyBackend).unwrap_or_else(|error| panic!("{error}")))
}

/// What is measured: its name, and the work.
type Work<'w> = (&'w str, &'w dyn Fn(&Arc<Graph>) -> Made);

fn main() {
    divan::main();
    let passes: Vec<_> = PASSES.iter().map(|pass| (pass.name, |graph: &Arc<Graph>| made_by(pass, graph))).collect();
    let mut works: Vec<Work> = vec![
        ("build", &|like| Box::new(graph(like.node_count()))),
        ("verify", &|graph| Box::new(verify(graph))),
        ("plan", &|graph| Box::new(plan(graph))),
        ("plan and run", &|graph| Box::new(run(graph))),
        ("rewrite", &|graph| Box::new(rewrite(graph))),
    ];
    works.extend(passes.iter().map(|(name, work)| (*name, work as &dyn Fn(&Arc<Graph>) -> Made)));
    println!("per node of {LARGE} nodes in all, in graphs of");
    println!("{:14} {SMALL:>14} {LARGE:>14} {:>8}", "", "growth");
    let mut wrong = Vec::new();
    for (name, work) in works {
        let [small, large] = per_node(work);
        let growth = large.as_secs_f64() / small.as_secs_f64();
        println!("{name:14} {small:>14.2?} {large:>14.2?} {growth:>8.2}");
        if growth > MAX_GROWTH {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "a node of the large graph costs more than {MAX_GROWTH} times as much: {wrong:?}");
}
