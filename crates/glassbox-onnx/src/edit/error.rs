//! Why a model can't be cut, changed or written.

use std::path::PathBuf;

use glassbox_ir::edit::EditError;
use thiserror::Error;

use crate::error::OnnxError;

/// Why a model can't be cut, changed or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxEditError {
    /// The model can't be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A name isn't there, or can't be cut at or changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The type of a value that becomes an input isn't known.
    #[error("`{name}` would be an input, but the file doesn't say its type, and it can't be inferred: {why}")]
    Untyped {
        /// The value.
        name: String,
        /// Why it can't be inferred.
        why: String,
    },
    /// The text isn't a value of the attribute.
    #[error("`{attribute}` of `{node}` holds {kind}, which {value:?} is not")]
    Value {
        /// The node.
        node: String,
        /// The attribute.
        attribute: String,
        /// What the attribute holds.
        kind: &'static str,
        /// The text.
        value: String,
    },
    /// An attribute of a kind that no text stands for.
    #[error("`{attribute}` of `{node}` holds {kind}, which can't be given as text")]
    Kind {
        /// The node.
        node: String,
        /// The attribute.
        attribute: String,
        /// What the attribute holds.
        kind: &'static str,
    },
    /// The changed model isn't one that Glassbox can import.
    #[error("with these changes the model is refused, so it isn't written: {0}")]
    Refused(OnnxError),
    /// The model would be written over a file that it is read from.
    #[error("{}: the model is read from it; name another file", path.display())]
    OverSource {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be written.
    #[error("{}: the file can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
