//! The commands, one file each. `Ok(false)` says that the answer is no.

pub(crate) mod bench;
#[cfg(feature = "text")]
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod conformance;
pub(crate) mod convert;
pub(crate) mod diff;
pub(crate) mod explain;
mod export;
pub(crate) mod extract;
pub(crate) mod fmt;
#[cfg(feature = "text")]
pub(crate) mod forward;
#[cfg(feature = "text")]
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod ops;
mod package;
#[cfg(feature = "text")]
pub(crate) mod perplexity;
pub(crate) mod reduce;
pub(crate) mod run;
pub(crate) mod set;
pub(crate) mod sim;
pub(crate) mod simplify;
pub(crate) mod stats;
pub(crate) mod trace;
pub(crate) mod verify;
