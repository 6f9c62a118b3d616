//! The backend for the processor at hand.
//!
//! A graph is compiled: what this backend doesn't compute whole is taken apart, and nodes that one kernel computes become
//! the body of a `call` (`fuse`). The compiled graph runs on the reference's machine, where each node that has a kernel
//! here is computed by it (`slots`); control flow, states, observers and what has no kernel stay with the reference.
//!
//! Invariants: results don't depend on the number of threads, to the bit; nothing is computed in fewer bits than the graph
//! says; every constraint of an op holds when a kernel begins, since inference is run on the true sizes
//! (`fragment`). Kernels may add in another order than the reference, within the bound of the op.
//!
//! This crate knows no frontend.

mod executable;
mod facts;
mod fragment;
mod fuse;
mod images;
mod kernels;
mod overrides;
mod plan;
mod roles;
mod session;
mod slots;
mod spelled;
mod statics;
mod survivors;

pub use executable::{Cpu, compiled};
pub use overrides::{CustomKernel, Override, OverrideError, Replacement, unregister};
