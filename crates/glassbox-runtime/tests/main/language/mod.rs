//! The `graph!` language: models written in it are equal to those of the library and the importer to the bit; random
//! programs do what its reference says.

mod differential;
mod examples;
mod gpt2;
mod lstm;
mod rwkv7;
mod shapes;

use glassbox_exec::{Options as RunOptions, RunContext, Session, Value};
use glassbox_models::{Config, Options, batch, build};
use glassbox_runtime::dsl::Lower;
use glassbox_runtime::{Executor, ModelLoader, ModelPackage, Simulator};

use super::root;

/// A package that comes with Glassbox.
fn package(name: &str) -> ModelPackage {
    let path = root().join("models").join(name).join("model.oinf");
    ModelLoader::open(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The graph that the model library builds of a model, in a session.
fn library(name: &str, model: &ModelPackage) -> Box<dyn Session> {
    let config = std::fs::read_to_string(root().join("models").join(name).join("config.json")).unwrap();
    let graph = build(&Config::parse(&config).unwrap(), model.params().as_ref(), &Options::default()).unwrap();
    glassbox_backends::testing::session_with(graph, model.params(), &RunOptions::default()).unwrap()
}

/// One step of the library's graph: the logits.
fn library_step(session: &mut Box<dyn Session>, token: i64) -> Vec<f32> {
    let inputs = batch(&[&[token]]).unwrap().map(Value::from);
    let outputs = session.run(&inputs, RunContext::new()).unwrap();
    outputs[0].as_tensor().unwrap().to_vec().unwrap()
}

fn executor(model: &ModelPackage, program: &(impl Lower + ?Sized)) -> Executor {
    let simulator =
        Simulator::new(model, program, crate::device()).unwrap_or_else(|error| panic!("it isn't lowered: {error}"));
    simulator.make_executor().unwrap_or_else(|error| panic!("{error}"))
}

/// By how much what a backend computes in another order may be off, relative to the largest element: some hundred roundings
/// of f32.
const RELATIVE: f32 = 2e-5;

/// That two results are the same: bit for bit on the reference; up to rounding on backends that add in another order where
/// graphs have other nodes.
#[track_caller]
fn same_bits(found: &[f32], wanted: &[f32], what: &str) {
    match crate::device().to_string().as_str() {
        "reference" => same(found, wanted, 0.0, what),
        _ => near(found, wanted, what),
    }
}

/// That two results are the same up to rounding.
#[track_caller]
fn near(found: &[f32], wanted: &[f32], what: &str) {
    same(found, wanted, RELATIVE, what);
}

/// That elements have the same bits, or differ by at most `relative` of the largest.
#[track_caller]
fn same(found: &[f32], wanted: &[f32], relative: f32, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let agrees = |a: &f32, b: &f32| a.to_bits() == b.to_bits() || relative > 0.0 && (a - b).abs() <= relative * largest;
    if let Some(place) = found.iter().zip(wanted).position(|(a, b)| !agrees(a, b)) {
        panic!("{what}: element {place} is {:?}, the library has {:?}", found[place], wanted[place]);
    }
}

/// The token of the highest logit.
fn best(logits: &[f32]) -> i64 {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap() as i64
}

/// Holds a program of one step against the library: a prompt, then the tokens that follow. `step` gives the logits.
fn check_tokens(name: &str, model: &ModelPackage, mut step: impl FnMut(i64, i64) -> Vec<f32>) {
    let mut library = library(name, model);
    let mut token = 0;
    for position in 0..12 {
        // Some tokens as they come, then the most probable ones.
        token = [7, 300, 42, 1200].get(position).copied().unwrap_or(token);
        let wanted = library_step(&mut library, token);
        let found = step(token, position as i64);
        same_bits(&found, &wanted, &format!("{name}, step {position}"));
        token = best(&wanted);
    }
}
