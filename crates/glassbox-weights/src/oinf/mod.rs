//! `.oinf`, our own format: one file with metadata, sizes, tensors, states and blobs, hashed throughout.
//!
//! `docs/oinf.md` describes version 3 byte by byte; [`tables`] is that page as code. Versions 1 and 2 are
//! those of an older program, and only read.

mod codes;
mod header;
mod old;
mod read;
mod tables;
mod verify;
mod write;

pub(crate) use header::{MAGIC, wrap_tables};
pub(crate) use read::read;
pub use verify::{Verified, verify, verify_package};
pub use write::{Contents, TensorSpec, Writer};
