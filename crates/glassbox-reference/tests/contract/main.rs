//! What the reference interpreter promises, checked from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod determinism;
mod examples;
mod limits;
mod math;
mod moving;
mod observer;
mod precise;
mod regions;
mod seam;
mod states;
mod surroundings;
mod symbols;
mod windows;

use std::sync::Arc;

use glassbox_exec::{Host, KernelError, Observer, Options, RunContext, RunError, Runtime, Value};
use glassbox_ir::{Graph, text};
use glassbox_reference::Reference;
use glassbox_tensor::{NoParams, ParamSource, Tensor};

/// The graph that a text is.
fn graph(source: &str) -> Graph {
    text::parse(source, &text::ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// A session of the reference, in few words.
struct Session(Box<dyn glassbox_exec::Session>);

impl Session {
    fn new(graph: Graph, options: Options) -> Result<Session, RunError> {
        Session::with(graph, Arc::new(NoParams), options)
    }

    fn with(graph: Graph, params: Arc<dyn ParamSource>, options: Options) -> Result<Session, RunError> {
        Reference.prepare(Arc::new(graph), params, &options)?.session().map(Session)
    }

    fn graph(&self) -> &Graph {
        self.0.graph()
    }

    fn run(&mut self, inputs: &[Value]) -> Result<Vec<Value>, RunError> {
        self.0.run(inputs, RunContext::new())
    }

    fn run_observed(&mut self, inputs: &[Value], observer: &mut dyn Observer) -> Result<Vec<Value>, RunError> {
        self.0.run(inputs, RunContext::new().observed(observer))
    }

    fn run_hosted(&mut self, inputs: &[Value], host: &mut dyn Host) -> Result<Vec<Value>, RunError> {
        self.0.run(inputs, RunContext::new().hosted(host))
    }

    fn fork(&self) -> Session {
        Session(self.0.fork().expect("no run is under way"))
    }

    fn state(&self, name: &str) -> Option<Tensor> {
        self.0.states().read(name).ok()
    }

    fn set_state(&mut self, name: &str, contents: Tensor) -> Result<(), KernelError> {
        self.0.states_mut().write(name, contents)
    }

    fn reset(&mut self) -> Result<(), KernelError> {
        self.0.states_mut().reset()
    }
}

/// A vector of f32.
fn vector(values: &[f32]) -> Value {
    Tensor::from_vec(&[values.len()], values.to_vec()).expect("sizes fit").into()
}

/// The elements of a tensor as f64.
fn elements(value: &Value) -> Vec<f64> {
    value.as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned()
}
