//! Why a graph can't be written as an ONNX model.

use std::io;
use std::path::PathBuf;

use glassbox_tensor::{ParamError, TensorError};
use thiserror::Error;

/// Why a graph can't be written as an ONNX model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There are no models of this opset, or Glassbox doesn't write them.
    #[error("opset {asked} can't be written; the opsets are {oldest} to {newest}")]
    Opset {
        /// What was asked for.
        asked: i64,
        /// The oldest that is written.
        oldest: i64,
        /// The newest that there is.
        newest: i64,
    },
    /// Nodes that ONNX has no words for in this opset: all of them.
    #[error("opset {opset} of ONNX has no way to say {} of the nodes:{}", .nodes.len(), list(.nodes))]
    Unsaid {
        /// The opset.
        opset: i64,
        /// The nodes.
        nodes: Vec<Unsaid>,
    },
    /// A parameter can't be had.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A tensor can't be read.
    #[error("constant `{name}`: {error}")]
    Tensor {
        /// The name of the value.
        name: String,
        /// What is wrong.
        error: TensorError,
    },
    /// A tensor's dtype is none of ONNX.
    #[error("`{name}` is {dtype}, which ONNX doesn't have")]
    DType {
        /// The name of the value.
        name: String,
        /// The dtype.
        dtype: String,
    },
    /// The model is larger than a file of the format may be.
    #[error("the model takes {bytes} bytes; a file of the format holds less than 2 GiB: write its weights beside it")]
    TooLarge {
        /// What it takes.
        bytes: u64,
    },
    /// A file can't be written.
    #[error("{}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A node that can't be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// The node, as messages call it.
    pub node: String,
    /// Its op.
    pub op: &'static str,
    /// What is in the way.
    pub why: String,
}

fn list(nodes: &[Unsaid]) -> String {
    const MOST: usize = 20;
    let mut text = String::new();
    for Unsaid { node, op, why } in nodes.iter().take(MOST) {
        text.push_str(&format!("\n  `{node}` ({op}): {why}"));
    }
    if nodes.len() > MOST {
        text.push_str(&format!("\n  and {} more", nodes.len() - MOST));
    }
    text
}
