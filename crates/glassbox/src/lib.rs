//! Glassbox, a see-through inference compiler: the one crate to depend on.
//!
//! A model goes in and becomes one typed graph that a person can read. A reference interpreter says what the right
//! answer is; every value on the way can be looked at; what can't be done is refused, with what, where and why.
//!
//! # Run a model
//!
//! [`load_model`] opens an ONNX file, a checkpoint of a language model, or a graph as text. A backend, found by its
//! name, runs it.
//!
//! ```
//! use glassbox::{LoadOptions, RunContext, Tensor, backends, load_model};
//!
//! let model = load_model("../../models/shapes/shapes.onnx".as_ref(), LoadOptions::default())?;
//! let runtime = backends::find("reference")?;
//! let mut session = model.forward(runtime.as_ref(), &backends::options())?;
//! let image = Tensor::zeros(glassbox::DType::U8, &[1, 64, 64, 3])?;
//! let outputs = session.run(&[image.into()], RunContext::new())?;
//! assert_eq!(outputs[0].ty().to_string(), "f32[1, 10]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Build a graph
//!
//! Every graph is made by a [`GraphBuilder`](ir::GraphBuilder), which infers each node as it is added; for formulas there
//! is [`ExprBuilder`](ir::ExprBuilder). A graph prints to text that parses back.
//!
//! ```
//! use glassbox::ir::{ExprBuilder, GraphBuilder, Type, text};
//! use glassbox::DType;
//!
//! let f = ExprBuilder::new(GraphBuilder::new("mean_of_squares"));
//! let output = {
//!     let x = f.input("x", Type::tensor(DType::F32, ["B", "D"]));
//!     (x * x).mean(&[1], false).id()?
//! };
//! let graph = f.finish(&[output])?;
//! assert_eq!(graph.value(graph.outputs()[0]).ty.to_string(), "f32[B]");
//! let again = text::parse(&graph.to_string(), &text::ParseOptions::default())?;
//! assert!(graph.same_as(&again).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Look at every value
//!
//! An [`Observer`] is told of each node as it is run, also inside of bodies and, if it asks, of composites.
//!
//! ```
//! use std::sync::Arc;
//! use glassbox::ir::text::{ParseOptions, parse};
//! use glassbox::{Event, Flow, NoParams, Observer, Options, RunContext, RunError, Tensor, backends};
//!
//! struct Types(Vec<String>);
//!
//! impl Observer for Types {
//!     fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
//!         self.0.push(format!("{}: {}", event.label(), event.result(0)?.ty()));
//!         Ok(Flow::Continue)
//!     }
//! }
//!
//! let source = "graph \"g\" { input %x: f32[N] %a = exp(%x) : f32[N] %b = neg(%a) : f32[N] output %b }";
//! let graph = Arc::new(parse(source, &ParseOptions::default())?);
//! let executable = backends::reference().prepare(graph, Arc::new(NoParams), &Options::default())?;
//! let mut seen = Types(Vec::new());
//! let x = Tensor::from_vec(&[2], vec![0.0f32, 1.0])?;
//! executable.session()?.run(&[x.into()], RunContext::new().observed(&mut seen))?;
//! assert_eq!(seen.0, ["a: f32[2]", "b: f32[2]"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rewrite a graph
//!
//! The [`compiler`] rewrites a graph by rules; what it gives is the same to the bit, and its lineage says what became of
//! every value.
//!
//! ```
//! use std::sync::Arc;
//! use glassbox::compiler::{CompileOptions, compile};
//! use glassbox::ir::text::{ParseOptions, parse};
//!
//! let source = "graph \"g\" { input %x: f32[2, 3] %t = transpose(%x) {perm = [1, 0]} %u = transpose(%t) {perm = [1, 0]}
//!     %y = tanh(%u) output %y }";
//! let source = Arc::new(parse(source, &ParseOptions::default())?);
//! let compiled = compile(&source, &CompileOptions::default())?;
//! assert_eq!((source.node_count(), compiled.graph().node_count()), (3, 1));
//! assert!(compiled.lineage().check(&source, compiled.graph()).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Write a program
//!
//! [`graph!`] is a language for one step of a model: inputs, weights by name, states that live from step to step. A
//! [`Simulator`] runs it step by step, and can stop at any statement.
//!
//! ```
//! use glassbox::{Device, ModelPackage, Simulator, fetch_executor, graph, insert_executor};
//!
//! let program = graph! {
//!     dynamic { x: f32[N]; }
//!     persistent { count: i32 @init(0); }
//!     block entry {
//!         assign y: f32[N];
//!         op relu(x) >> y;
//!         cache.increment count;
//!     }
//! };
//! let mut executor = Simulator::new(&ModelPackage::empty(), &program, Device::Cpu)?.make_executor()?;
//! insert_executor!(executor, { x: [-1.0f32, 2.0] });
//! executor.run_step()?;
//! fetch_executor!(executor, { y: Vec<f32>, count: i32 });
//! assert_eq!((y, count), (vec![0.0, 2.0], 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! All are on by default. Without any, what is left reads ONNX files and graphs, and runs, traces and rewrites them.
//!
//! - `text`: language models from checkpoints, tokenizers, chat templates, and what writes text.
//! - `grammars`: texts that follow a JSON schema, a grammar or a regular expression.
//! - `images`: the image formats of `image_decoder`.

pub use glassbox_backends as backends;
pub use glassbox_check as check;
pub use glassbox_compiler as compiler;
pub use glassbox_cpu as cpu;
pub use glassbox_exec as exec;
pub use glassbox_ir as ir;
pub use glassbox_onnx as onnx;
pub use glassbox_runtime as runtime;
pub use glassbox_tensor as tensor;
pub use glassbox_weights as weights;

pub use glassbox_exec::{
    Cancel, Event, Executable, Flow, Host, KernelError, Nodes, Observer, Options, Policy, Precision, RunContext,
    RunError, Runtime, Session, StateStore, Value, Wants,
};
pub use glassbox_ir::Graph;
pub use glassbox_runtime::{
    Device, Executor, LoadOptions, Model, ModelLoader, ModelPackage, RuntimeError, Simulator, dsl, fetch_executor,
    graph, insert_executor, load_model,
};
pub use glassbox_tensor::{DType, NoParams, Overflow, ParamSource, Tensor};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The examples of the book, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/book/src/rust.md")]
struct Book;
