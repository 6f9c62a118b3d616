//! The `graph!` language: programs for one step of a model, lowered to ordinary graphs.
//!
//! [docs/language.md](https://github.com/glassbox-rs/glassbox/blob/main/docs/language.md) says what programs mean.

pub mod check;
mod error;
mod format;
pub mod formulas;
#[doc(hidden)]
pub mod fuzzing;
mod lower;
pub mod parse;
pub mod program;
mod source;

pub use error::{DslError, Place};
pub use format::format;
pub use formulas::{Formula, Formulas};
pub use glassbox_tensor::{BlockFormat, DType};
pub use program::Program;
pub use source::{Lower, ModelSource, NoModel, Output};
