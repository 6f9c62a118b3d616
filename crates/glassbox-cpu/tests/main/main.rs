//! The backend, held against the reference.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

mod bytes;
mod dequantised;
mod generated;
mod kernels;
mod overrides;
mod policies;
mod recurrent;
mod seam;
mod strict;

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, Precision, RunContext, RunError, Runtime, Value};
use glassbox_ir::Graph;
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_reference::Reference;
use glassbox_tensor::{NoParams, Tensor};

/// A graph from its text, without the frame.
fn graph(body: &str) -> Arc<Graph> {
    Arc::new(parse(&format!("graph \"g\" {{ {body} }}"), &ParseOptions::default()).expect("the text is sound"))
}

/// What a runtime gives for these inputs.
fn run_on(
    runtime: &dyn Runtime,
    graph: &Arc<Graph>,
    inputs: &[Value],
    precision: Precision,
) -> Result<Vec<Value>, RunError> {
    let options = Options { precision, ..Options::default() };
    runtime.prepare(graph.clone(), Arc::new(NoParams), &options)?.session()?.run(inputs, RunContext::new())
}

/// Numbers that look random, in [-1, 1).
fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |index: usize| ((index * 7919 + seed * 104_729 + 13) % 2003) as f32 / 1001.5 - 1.0;
    Tensor::from_vec(shape, (0..count).map(number).collect()).expect("as many as there are")
}

/// The outputs of the backend are those of the reference, up to what rounding does: the distance from what f64 gives is at
/// most four times that of the reference, or a few units in the last place of the largest number. Whether there was anything
/// to compare: not, where the reference refuses these sizes.
fn held_against_the_reference(graph: &Arc<Graph>, inputs: &[Value], what: &str) -> bool {
    let Ok(reference) = run_on(&Reference, graph, inputs, Precision::Declared) else { return false };
    let found = run_on(&Cpu, graph, inputs, Precision::Declared);
    let found = found.unwrap_or_else(|error| panic!("{what}: {error}\n{graph}"));
    let precise = run_on(&Reference, graph, inputs, Precision::Precise).expect("it runs in f32 too");
    for (place, ((found, reference), precise)) in found.iter().zip(&reference).zip(&precise).enumerate() {
        assert_eq!(found.ty().to_string(), reference.ty().to_string(), "{what}: output {place}");
        let load = |value: &Value| value.as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned();
        let (found, reference, precise) = (load(found), load(reference), load(precise));
        let finite = |x: f64| if x.is_finite() { x.abs() } else { 0.0 };
        let largest = precise.iter().copied().map(finite).fold(0.0, f64::max);
        let distance = |a: &[f64]| a.iter().zip(&precise).map(|(a, b)| finite(a - b)).fold(0.0, f64::max);
        let bound = 4.0 * distance(&reference) + largest * 1e-6 + 1e-12;
        for (index, ((found, reference), precise)) in found.iter().zip(&reference).zip(&precise).enumerate() {
            let same = found == reference || found.is_nan() && reference.is_nan();
            assert!(
                same || (found - precise).abs() <= bound,
                "{what}: output {place} element {index}: {found}, the reference {reference}, in f64 {precise}; bound {bound:e}\n{graph}"
            );
        }
    }
    true
}
