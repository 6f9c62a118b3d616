//! Why a model can't be built.

use glassbox_ir::{BuildError, Violation};
use glassbox_tensor::TensorError;
use thiserror::Error;

use crate::gguf::GgufError;

/// Why a model can't be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The configuration is no JSON object.
    #[error("the configuration is not a JSON object: {0}")]
    NotAnObject(String),
    /// A setting is missing or has a value that it can't have.
    #[error("configuration: `{key}`: {rule}")]
    Config {
        /// The key of the setting, with those around it: `rope_scaling.factor`.
        key: String,
        /// What it must be, and what it is.
        rule: String,
    },
    /// A family that there isn't.
    #[error("there is no family for model_type {name:?}; there are {}", known.join(", "))]
    UnknownFamily {
        /// What the configuration says.
        name: String,
        /// What it could say.
        known: Vec<&'static str>,
    },
    /// A setting that the family allows and that isn't built.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A GGUF file that isn't a model that can be built.
    #[error("{file}: {error}")]
    Gguf {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: Box<GgufError>,
    },
    /// A node of the graph breaks a rule; most often a parameter is missing or has other dims.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl ModelError {
    /// For a tensor that can't be made.
    pub(crate) fn tensor(error: TensorError) -> ModelError {
        ModelError::Build(BuildError::Graph(Violation::new("tensor", error.to_string())))
    }

    /// A setting that breaks a rule.
    pub fn config(key: impl Into<String>, rule: impl Into<String>) -> ModelError {
        ModelError::Config { key: key.into(), rule: rule.into() }
    }
}
