//! What a step costs beyond its ops: `cargo bench -p glassbox-runtime --bench step`.
//!
//! The op is `add` of two f32[4]. `kernel` is the op alone, `session` a run of the reference, `insert_and_step` a step of
//! an executor with its two inputs, `insert_only` the inputs alone, `paused` a step that is stepped through.

use std::sync::Arc;

use divan::{Bencher, black_box};
use glassbox_exec::{Options, RunContext, Value};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_ir::{AttrView, Attrs, Graph, Type, ops};
use glassbox_reference::{Call, kernels};
use glassbox_runtime::{Device, Executor, ModelPackage, Simulator};
use glassbox_tensor::{DType, NoParams, Tensor};

fn main() {
    divan::main();
}

const TEXT: &str = "graph \"add\" {\n input %x: f32[4]\n input %y: f32[4]\n %z = add(%x, %y) : f32[4]\n output %z\n}\n";

fn graph() -> Graph {
    parse(TEXT, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn vector(first: f32) -> Tensor {
    Tensor::from_vec(&[4], vec![first, 1.0, 2.0, 3.0]).unwrap_or_else(|error| panic!("{error}"))
}

fn simulator() -> Simulator {
    Simulator::new(&ModelPackage::empty(), &graph(), Device::Cpu).unwrap_or_else(|error| panic!("{error}"))
}

fn executor(simulator: &Simulator) -> Executor {
    simulator.make_executor().unwrap_or_else(|error| panic!("{error}"))
}

fn insert(executor: &mut Executor, x: &Tensor, y: &Tensor) {
    executor.insert("x", x).unwrap_or_else(|error| panic!("{error}"));
    executor.insert("y", y).unwrap_or_else(|error| panic!("{error}"));
}

#[divan::bench]
fn kernel(bencher: Bencher) {
    let (op, attrs) = (&ops::add::OP, Attrs::new());
    let inputs = [Value::from(vector(0.0)), Value::from(vector(5.0))];
    let inputs = [Some(&inputs[0]), Some(&inputs[1])];
    let types = [Type::tensor(DType::F32, [4i64])];
    let Some(kernel) = kernels::find(op.name) else { panic!("it has a kernel") };
    bencher.bench_local(|| {
        kernel(black_box(&Call {
            op,
            attr: AttrView::new(op, &attrs),
            inputs: &inputs,
            types: &types,
            seed: 0,
            images: None,
        }))
    });
}

#[divan::bench]
fn session(bencher: Bencher) {
    let (graph, params) = (Arc::new(graph()), Arc::new(NoParams));
    let executable = glassbox_backends::reference().prepare(graph, params, &Options::default());
    let session = executable.and_then(|executable| executable.session());
    let mut session = session.unwrap_or_else(|error| panic!("{error}"));
    let inputs = [Value::from(vector(0.0)), Value::from(vector(5.0))];
    bencher.bench_local(|| session.run(black_box(&inputs), RunContext::new()));
}

#[divan::bench]
fn insert_and_step(bencher: Bencher) {
    let (mut executor, x, y) = (executor(&simulator()), vector(0.0), vector(5.0));
    bencher.bench_local(|| {
        insert(&mut executor, &x, &y);
        executor.run_step()
    });
}

#[divan::bench]
fn insert_only(bencher: Bencher) {
    let (mut executor, x, y) = (executor(&simulator()), vector(0.0), vector(5.0));
    bencher.bench_local(|| insert(&mut executor, &x, &y));
}

#[divan::bench]
fn traced_and_timed(bencher: Bencher) {
    let simulator = simulator().with_trace().with_timer().keep_trace(100);
    let (mut executor, x, y) = (executor(&simulator), vector(0.0), vector(5.0));
    bencher.bench_local(|| {
        insert(&mut executor, &x, &y);
        executor.run_step()
    });
}

#[divan::bench]
fn paused(bencher: Bencher) {
    let (mut executor, x, y) = (executor(&simulator()), vector(0.0), vector(5.0));
    bencher.bench_local(|| {
        insert(&mut executor, &x, &y);
        while executor.step().unwrap_or_else(|error| panic!("{error}")).paused().is_some() {}
    });
}
