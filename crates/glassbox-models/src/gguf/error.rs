//! Why a GGUF file can't be taken for a language model.

use thiserror::Error;

/// What is wrong with a GGUF file, or what it needs that isn't built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The package came from a file of another format.
    #[error("it is {0}, and only GGUF files describe a model in this way")]
    Format(String),
    /// A value of the metadata is missing or can't be what it is.
    #[error("metadata `{key}`: {rule}")]
    Key {
        /// The name of the value: `llama.block_count`.
        key: String,
        /// What it must be, and what it is.
        rule: String,
    },
    /// A tensor is missing or of dims that contradict the metadata.
    #[error("tensor {name:?}: {rule}")]
    Tensor {
        /// The name that the file gives it.
        name: String,
        /// What it must be, and what it is.
        rule: String,
    },
    /// An architecture that isn't mapped to a family.
    #[error("unsupported: `general.architecture` is {name:?}; there are {}", known.join(", "))]
    Architecture {
        /// What the file says.
        name: String,
        /// What it could say.
        known: Vec<&'static str>,
    },
    /// A value of the metadata that may change results in a way that isn't built, or that isn't known.
    #[error("unsupported: metadata `{key}`: {rule}")]
    UnsupportedKey {
        /// The name of the value.
        key: String,
        /// What it says.
        rule: String,
    },
    /// A tensor that the architecture isn't known to have.
    #[error("unsupported: tensor {name:?}: {rule}")]
    UnsupportedTensor {
        /// The name that the file gives it.
        name: String,
        /// Why it can't be used.
        rule: String,
    },
}
