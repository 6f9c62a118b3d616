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
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file can't be read.
    #[error("{path}: the file can't be read: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A file can't be written.
    #[error("{path}: the file can't be written: {error}")]
    Unwritten {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A graph as text or JSON is wrong.
    #[error("{path}: {error}")]
    Graph {
        /// The file.
        path: String,
        /// The place in it, and the rule.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ONNX model can't be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The graph can't be written as an ONNX model.
    #[error(transparent)]
    Export(#[from] glassbox_onnx::ExportError),
    /// The graph of the model can't be built.
    #[cfg(feature = "text")]
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The graph of a checkpoint can't be built.
    #[cfg(feature = "text")]
    #[error("{path}: {error}")]
    Checkpoint {
        /// The file or folder.
        path: String,
        /// Why.
        error: ModelError,
    },
    /// The tokenizer or the chat template can't be read, or can't do its work.
    #[cfg(feature = "text")]
    #[error(transparent)]
    Text(#[from] TextError),
    /// A program can't be lowered.
    #[error(transparent)]
    Program(#[from] DslError),
    /// A program that is run step by step is given or asked what it doesn't have.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// A run of the graph failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No backend has this name.
    #[error(transparent)]
    Backend(#[from] UnknownBackend),
    /// A session can't be made, or doesn't hold what is asked of it.
    #[error(transparent)]
    Session(#[from] KernelError),
    /// A tensor can't be made.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A parameter can't be had.
    #[error(transparent)]
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
    /// The error of a checkpoint at `path`; one that names a file already stays as it is.
    #[cfg(feature = "text")]
    pub(crate) fn checkpoint(path: &str, error: ModelError) -> RuntimeError {
        match error {
            ModelError::Gguf { .. } => RuntimeError::Model(error),
            error => RuntimeError::Checkpoint { path: path.to_owned(), error },
        }
    }

    /// The error of a graph in the file `path`.
    pub(crate) fn graph(path: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RuntimeError {
        RuntimeError::Graph { path: path.to_owned(), error: error.into() }
    }
}
