//! The Glassbox compiler: from a graph to one that computes the same with less work.
//!
//! A pass is a *forward rebuild* ([`rewrite`](rewrite())): it walks through the source in program order and emits every
//! node through a [`GraphBuilder`](glassbox_ir::GraphBuilder), trying [rules](Rule) on each node that it emits. A rule
//! replaces a node by others, or says by a [typed reason](NoMatch) why it doesn't match. [`compile`](compile()) runs the
//! [passes](passes::PASSES) in order and keeps the graph, the [`Lineage`](glassbox_ir::Lineage) and the time of each.
//!
//! Invariants: what a rewritten graph gives is equal, to the bit, to what the reference gives for its source at
//! [`Precision::Declared`](glassbox_exec::Precision); types only become more precise; a draw draws the same; no rule
//! makes a graph slower. A graph that fails may, rewritten, not fail, where nothing that it gives depends on what failed.
//!
//! This crate knows no model family, no file format and no backend's code.

mod apart;
mod backend;
mod blocks;
mod compile;
mod no_match;
mod outline;
pub mod passes;
mod rebuild;
mod rewrite;
mod rule;
pub mod rules;
mod sharing;

pub use apart::{Parts, take_apart};
pub use backend::{AnyBackend, Backend, Blocks, Group};
pub use compile::{CompileError, CompileOptions, Compiled, Outcome, Stage, compile, compile_for};
pub use no_match::NoMatch;
pub use rebuild::{Attempts, Rebuild};
pub use rewrite::{Choice, RewriteError, Rewriting, Rewritten, group, rewrite};
pub use rule::{Candidate, Roots, Rule};
