//! Why a check can't be done.

use glassbox_exec::RunError;
use glassbox_tensor::TensorError;
use thiserror::Error;

/// Why a check can't be done. That values differ isn't an error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// One of the two sides can't be run.
    #[error("{side} stops")]
    Run {
        /// Which side.
        side: String,
        /// Why.
        source: Box<RunError>,
    },
    /// A value can't be read.
    #[error("`{value}` of {side} can't be read")]
    Value {
        /// Which side.
        side: String,
        /// The value.
        value: String,
        /// Why.
        source: Box<TensorError>,
    },
    /// A weight can't be read.
    #[error("the weight `{name}` of {side} can't be read; `glassbox verify` says more of a file of weights")]
    Weight {
        /// Which side.
        side: String,
        /// The weight.
        name: String,
    },
    /// A file of values can't be read.
    #[error("{file}")]
    File {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The two sides have nothing in common.
    #[error("{0}")]
    Unpaired(String),
    /// A tolerance can't be understood.
    #[error("{0}")]
    Tolerance(String),
}
