//! The `graph!` language: programs for one step of a model, lowered to ordinary graphs.
//!
//! [docs/language.md](https://github.com/glassbox-rs/glassbox/blob/main/docs/language.md) says what programs mean.

mod error;
mod source;

pub use error::{DslError, Place};
pub use source::{Lower, ModelSource, NoModel, Output};
