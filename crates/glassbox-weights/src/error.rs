//! The errors of reading, verifying and writing files of weights.
//!
//! Three kinds of trouble are kept apart: a file that can't be read or that breaks a rule of its format,
//! one that is sound but needs what isn't supported, and one that tries to do what no file of weights may.
//! Every message names the file; those about its contents name the offset too.

use std::io;
use std::path::{Path, PathBuf};

use glassbox_tensor::TensorError;
use thiserror::Error;

/// Why weights can't be read, verified or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// What is wrong with this file or folder.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<WeightsError>,
    },
    /// The system refuses to read or write.
    #[error("{action}: {error}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The file or folder is none of the formats that are known.
    #[error("no file of weights that is known: {what}")]
    Unrecognized {
        /// What was found, and what would be accepted.
        what: String,
    },
    /// The file breaks a rule of its format.
    #[error("at byte {offset}, {place}: {rule}")]
    Structure {
        /// Where in the file, from its first byte.
        offset: u64,
        /// The field, table or entry.
        place: String,
        /// The rule, with the values that break it.
        rule: String,
    },
    /// The file is sound, but holds something that isn't supported.
    #[error("at byte {offset}, {place}: {what} is not supported")]
    Unsupported {
        /// Where in the file, from its first byte.
        offset: u64,
        /// The field, table or entry.
        place: String,
        /// What it is, and what to do.
        what: String,
    },
    /// A pickle wants something that a file of weights has no use for. Nothing of it was run.
    #[error("at byte {offset}, the pickle asks for `{name}`, which tensors don't need; nothing was run. {advice}")]
    Forbidden {
        /// Where in the file, from its first byte.
        offset: u64,
        /// The function or class, with its module.
        name: String,
        /// What to do.
        advice: &'static str,
    },
    /// The stored bytes are not those that were written.
    #[error("at byte {offset}, {place} is damaged: {rule}; the file must be fetched or converted again")]
    Damaged {
        /// Where in the file, from its first byte.
        offset: u64,
        /// The table, parameter or blob.
        place: String,
        /// What differs.
        rule: String,
    },
    /// There is no parameter or blob of that name.
    #[error("there is no {kind} named {name:?}")]
    Missing {
        /// "parameter" or "blob".
        kind: &'static str,
        /// The name asked for.
        name: String,
    },
    /// What was asked for can't be done with this parameter.
    #[error("parameter {name:?}: {rule}")]
    Parameter {
        /// The name.
        name: String,
        /// The rule that it breaks, and what to do.
        rule: String,
    },
    /// A parameter's tensor can't be made.
    #[error("parameter {name:?}: {error}")]
    Tensor {
        /// The name.
        name: String,
        /// What is wrong.
        error: TensorError,
    },
}

impl WeightsError {
    /// Whether the file is of no format that is read here, and may be something else altogether.
    pub fn is_unrecognized(&self) -> bool {
        matches!(self.root(), WeightsError::Unrecognized { .. })
    }

    /// The error below the name of the file.
    pub fn root(&self) -> &WeightsError {
        match self {
            WeightsError::File { error, .. } => error.root(),
            other => other,
        }
    }

    /// This error, said of `path`; one that names a file already stays as it is.
    pub(crate) fn in_file(self, path: &Path) -> WeightsError {
        match self {
            WeightsError::File { .. } => self,
            other => WeightsError::File { path: path.to_owned(), error: Box::new(other) },
        }
    }

    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> WeightsError {
        move |error| WeightsError::Io { action, error }
    }

    pub(crate) fn structure(offset: u64, place: impl Into<String>, rule: impl Into<String>) -> WeightsError {
        WeightsError::Structure { offset, place: place.into(), rule: rule.into() }
    }

    pub(crate) fn unsupported(offset: u64, place: impl Into<String>, what: impl Into<String>) -> WeightsError {
        WeightsError::Unsupported { offset, place: place.into(), what: what.into() }
    }

    pub(crate) fn damaged(offset: u64, place: impl Into<String>, rule: impl Into<String>) -> WeightsError {
        WeightsError::Damaged { offset, place: place.into(), rule: rule.into() }
    }
}
