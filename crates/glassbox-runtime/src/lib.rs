//! Models that are loaded and do what they are for.
//!
//! [`load_model`] opens a model, whatever file it is in and of whichever family, and gives a [`Model`] that says
//! what it can do: `Model::forward` for all, `Model::as_text_generator` for those that write. What a generator runs is a graph
//! like any other (`graphs`): the model inside a loop that calls the host to choose tokens. It prints,
//! traces and serialises.
//!
//! Programs of one's own, one step at a time, are run by a [`Simulator`] (see [`sim`]).
//!
//! This crate knows no transport: the command line and servers are built on it.

#[cfg(feature = "text")]
mod checkpoint;
mod eager;
mod error;
mod export;
#[cfg(feature = "text")]
mod generator;
#[cfg(feature = "grammars")]
pub mod grammar;
#[cfg(feature = "text")]
pub mod graphs;
#[cfg(feature = "text")]
mod memory;
mod model;
mod profile;
#[cfg(feature = "text")]
pub mod sampling;
pub mod sim;
#[cfg(feature = "text")]
mod stop;
#[cfg(feature = "text")]
mod writer;

#[doc(hidden)]
pub use glassbox_macros::__graph;

/// A program for one step of a model, in block form or in expression form: see docs/language.md.
///
/// The block form gives a [`dsl::Program`]; the expression form a [`dsl::Formula`] and a handle for each output.
#[macro_export]
macro_rules! graph {
    ($($program:tt)*) => {
        $crate::__graph!({ $crate::dsl } $($program)*)
    };
}

pub use eager::Eager;
pub use error::RuntimeError;
pub use export::{Functions, OnnxOptions, USUAL_OPSET, to_onnx};
#[cfg(feature = "text")]
pub use generator::{Finish, Generation, Prompt, Request, Stats, TextGenerator};
pub use glassbox_dsl as dsl;
pub use glassbox_exec::{Cancel, Limits, Options as SimOptions, Precision, Value, rows};
#[cfg(feature = "text")]
pub use glassbox_models::batch;
pub use glassbox_onnx as onnx;
#[cfg(feature = "text")]
pub use glassbox_text::{ChatTemplate, Extras, Message};
#[cfg(feature = "grammars")]
pub use grammar::{Grammar, Grammatical};
pub use model::{LoadOptions, Model, load_model};
pub use profile::Profile;
#[cfg(feature = "text")]
pub use sampling::{Choice, Constraint, Penalties, Sampler, Sampling};
pub use sim::{
    ChromeWriter, Device, Executor, Fetched, FromMetadata, Inputs, Inserted, Mismatch, ModelLoader, ModelPackage,
    ModelParts, OutputName, Random, RandomElement, SimBackend, SimError, SimSession, Simulator, Statements, Statistics,
    StepOutcome, StepResult, TRACE_KEPT, TraceEvent, TraceOutput, View, format_program, format_text, read_program,
    write_chrome, write_jsonl,
};
#[cfg(feature = "text")]
pub use writer::Piece;

/// The examples of the reference of the language, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/language.md")]
struct LanguageReference;
