//! The machine form of a graph: versioned, deterministic, total.
//!
//! One object with the arenas of the graph in canonical order, so that equal graphs give equal bytes:
//!
//! ```json
//! {"format":"glassbox-graph","version":2,"name":"g","metadata":[],"states":[],
//!  "values":[{"name":"x","type":"f32[B]"},{"name":"y","type":"f32[B]"}],
//!  "regions":[{"parameters":[0],"nodes":[0],"results":[1]}],
//!  "nodes":[{"op":"abs","operands":[0],"attributes":[],"regions":[],"results":[1],"provenance":[]}]}
//! ```
//!
//! Region 0 is the body; values, regions and nodes are named by their place in the lists. Types are
//! written as in the [text form](crate::text); floats that aren't finite as strings; the bytes of tensors
//! as base64, those of strings as strings. `provenance` is a list of chains of origins. What is read is verified. Refuses other formats and versions,
//! unknown fields, parts that the body doesn't reach, and graphs that the verifier refuses.

mod document;
mod read;
mod write;

use glassbox_tensor::TensorError;
use thiserror::Error;

pub use read::from_str;
pub use write::to_string;

use crate::verify::VerifyError;

/// What `format` says.
const FORMAT: &str = "glassbox-graph";
/// The version that is written, and the only one that is read.
const VERSION: u64 = 2;

/// Why a graph can't be written to or read from JSON.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is not JSON, or has fields that are missing, unknown or of another type.
    #[error("not a graph in JSON: {0}")]
    Syntax(serde_json::Error),
    /// The text is something else.
    #[error("the format is {found:?}, expected {FORMAT:?}")]
    Format {
        /// What the text says it is.
        found: String,
    },
    /// The text is of a version that this reader doesn't know.
    #[error("version {found} of the format is not known; this reader knows version {VERSION}")]
    Version {
        /// What the text says.
        found: u64,
    },
    /// A part of the document doesn't mean anything.
    #[error("{place}: {message}")]
    Content {
        /// Which part: `nodes[3]`.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The bytes of a tensor can't be read.
    #[error("a tensor can't be written: {0}")]
    Tensor(TensorError),
    /// The graph breaks rules.
    #[error("the graph breaks {} rules, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<VerifyError>),
}

// The text of these says what the other error says, so they don't give it as their source too.
impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> JsonError {
        JsonError::Syntax(error)
    }
}

impl From<TensorError> for JsonError {
    fn from(error: TensorError) -> JsonError {
        JsonError::Tensor(error)
    }
}
