//! The one seam for everything that runs a graph.
//!
//! A [`Runtime`] prepares a graph and its parameters once: an [`Executable`], whose plans and packed weights are
//! shared. Its [`Session`]s run it, each with states of its own. Whoever runs a graph (command line, simulator,
//! text generator, conformance tests) knows these traits only, so that a new backend appears in all of them.
//!
//! A run is watched by an [`Observer`], which asks for what it wants, calls the functions of a [`Host`], and stops
//! when it is cancelled or its time is up ([`RunContext`]). What a session keeps is read and changed through its
//! [`StateStore`].
//!
//! This crate says what running is, and what values, errors, limits and comparisons are. It computes nothing, and
//! must not know how anything is computed.

mod cancel;
pub mod checks;
pub mod compare;
mod draws;
mod error;
mod host;
mod image;
mod observer;
mod options;
mod policy;
mod report;
pub mod rows;
mod runtime;
mod states;
mod value;

pub use cancel::{Cancel, Interruption};
pub use compare::{Comparison, Difference, Tolerance, compare, compare_tensors};
pub use draws::draw_seed;
pub use error::{KernelError, RunError};
pub use host::{Host, HostError, NoHost};
pub use image::{DecodeImage, ImageDecoder, Pixels};
pub use observer::{Event, EventSource, Flow, Frame, Nodes, Observer, Wants};
pub use options::{Limits, MEMORY_LIMIT, Options, Precision, memory_limit};
pub use policy::{Choice, Convolutions, Policy, PolicyError, Products, fits_pattern};
pub use report::{Fallback, KernelReport, Report, RuleReport, Stage};
pub use runtime::{Executable, Progress, RunContext, Runtime, Session};
pub use states::StateStore;
pub use value::Value;
