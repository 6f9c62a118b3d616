//! Why a model can't be loaded, or can't do what it is asked for.

use glassbox_backends::UnknownBackend;
use glassbox_dsl::DslError;
use glassbox_exec::{KernelError, RunError};
#[cfg(feature = "text")]
use glassbox_models::ModelError;
use glassbox_onnx::OnnxError;
use glassbox_tensor::{ParamError, TensorError};
#[cfg(feature = "text")]
use glassbox_text::TextError;
use glassbox_weights::WeightsError;
use thiserror::Error;

use crate::sim::SimError;

/// Why a model can't be loaded, or can't do what it is asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The weights can't be read.
    #[error("{0}")]
    Weights(#[from] WeightsError),
    /// A file can't be read.
    #[error("{path}: the file can't be read: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file can't be written.
    #[error("{path}: the file can't be written: {source}")]
    Unwritten {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A graph as text or JSON is wrong.
    #[error("{path}: {source}")]
    Graph {
        /// The file.
        path: String,
        /// The place in it, and the rule.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ONNX model can't be read.
    #[error("{0}")]
    Onnx(#[from] OnnxError),
    /// The graph of the model can't be built.
    #[cfg(feature = "text")]
    #[error("{0}")]
    Model(#[from] ModelError),
    /// The tokenizer or the chat template can't be read, or can't do its work.
    #[cfg(feature = "text")]
    #[error("{0}")]
    Text(#[from] TextError),
    /// A program can't be lowered.
    #[error("{0}")]
    Program(#[from] DslError),
    /// A program that is run step by step is given or asked what it doesn't have.
    #[error("{0}")]
    Sim(#[from] SimError),
    /// A run of the graph failed.
    #[error("{0}")]
    Run(#[from] RunError),
    /// No backend has this name.
    #[error("{0}")]
    Backend(#[from] UnknownBackend),
    /// A session can't be made, or doesn't hold what is asked of it.
    #[error("{0}")]
    Session(#[from] KernelError),
    /// A tensor can't be made.
    #[error("{0}")]
    Tensor(#[from] TensorError),
    /// A parameter can't be had.
    #[error("{0}")]
    Param(#[from] ParamError),
    /// Something that the checkpoint should have and doesn't.
    #[error("{path}: {missing}")]
    Incomplete {
        /// The file or folder.
        path: String,
        /// What is missing, and where it was looked for.
        missing: String,
    },
    /// A setting that means nothing.
    #[error("{0}")]
    Setting(String),
    /// Logits from which no token can be chosen.
    #[error("{0}")]
    Logits(String),
    /// More tokens than the model can hold.
    #[error("{tokens} tokens are more than the {context} that the context holds")]
    TooLong {
        /// How many there are.
        tokens: usize,
        /// How many there may be.
        context: usize,
    },
    /// A grammar that can't be read, or that no token satisfies.
    #[error("grammar: {0}")]
    Grammar(String),
    /// A bug of Glassbox.
    #[error("internal error (please report it): {0}")]
    Internal(String),
}

impl RuntimeError {
    /// The error of a graph in the file `path`.
    pub(crate) fn graph(path: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RuntimeError {
        RuntimeError::Graph { path: path.to_owned(), source: source.into() }
    }
}
