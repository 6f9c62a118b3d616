//! The errors of reading and importing ONNX models.
//!
//! Three kinds of trouble are kept apart: files that can't be read or break the rules of the format,
//! models that are sound but need what isn't supported, and graphs that the IR refuses.

use std::fmt;
use std::io;
use std::path::PathBuf;

use glassbox_ir::BuildError;
use thiserror::Error;

/// Why a model can't be read or imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// What is wrong with this file.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: Box<OnnxError>,
    },
    /// The file can't be opened or mapped.
    #[error("the file can't be read: {error}")]
    Io {
        /// What the system says.
        error: io::Error,
    },
    /// The file is something else than a model, or only a part of one.
    #[error("this is not an ONNX model: {what}")]
    NoModel {
        /// What it is, and what to do.
        what: String,
    },
    /// The bytes aren't a message of the format.
    #[error("not a whole {message} of the ONNX format, so damaged or something else: {reason}")]
    Protobuf {
        /// The message that was to be decoded.
        message: &'static str,
        /// What is wrong with the bytes.
        reason: String,
    },
    /// A tensor breaks a rule of the format.
    #[error("tensor `{tensor}`: {rule}")]
    Tensor {
        /// The name, or the place where it has none.
        tensor: String,
        /// The rule, with the values that break it.
        rule: String,
    },
    /// A tensor of a dtype or encoding that Glassbox doesn't have.
    #[error("tensor `{tensor}` is not supported: {what}")]
    UnsupportedTensor {
        /// The name, or the place where it has none.
        tensor: String,
        /// The dtype or encoding.
        what: String,
    },
    /// A tensor's data in another file can't be had.
    #[error("tensor `{tensor}`, whose data is in {location:?}: {rule}")]
    External {
        /// The name, or the place where it has none.
        tensor: String,
        /// Where the model says that the data is.
        location: String,
        /// The rule, with the values that break it.
        rule: String,
    },
    /// The names, nodes or types of a graph break a rule of the format.
    #[error("{place}: {rule}")]
    Structure {
        /// The graph, function, node or value.
        place: String,
        /// The rule, with the names that break it.
        rule: String,
    },
    /// A version of a domain's ops that isn't known.
    #[error("opset {version} of domain {domain:?}: {rule}")]
    Opset {
        /// The domain; empty for the default.
        domain: String,
        /// The version that the model asks for.
        version: i64,
        /// What is wrong, and what to do.
        rule: String,
    },
    /// Ops that aren't supported: all of the model's.
    #[error("{}", Grouped(.0))]
    Unsupported(Vec<UnsupportedNode>),
    /// A node whose op is supported uses it in a way that isn't.
    #[error("{op} `{node}` (version {version}): {what} is not supported")]
    UnsupportedUse {
        /// The node.
        node: String,
        /// The op, with its domain where that isn't the default.
        op: String,
        /// The version by whose rules it is read.
        version: i64,
        /// The way.
        what: String,
    },
    /// A node breaks a rule of its op.
    #[error("{op} `{node}` (version {version}): {rule}")]
    Node {
        /// The node.
        node: String,
        /// The op, with its domain where that isn't the default.
        op: String,
        /// The version by whose rules it is read.
        version: i64,
        /// The rule, with the names and values that break it.
        rule: String,
    },
    /// The IR refuses what a node stands for.
    #[error("{op} `{node}` (version {version}): {error}")]
    Build {
        /// The node.
        node: String,
        /// The op, with its domain where that isn't the default.
        op: String,
        /// The version by whose rules it is read.
        version: i64,
        /// The rule that is broken.
        error: Box<BuildError>,
    },
    /// The IR refuses the graph as a whole.
    #[error("the graph can't be built: {0}")]
    Graph(BuildError),
    /// The graph would be larger than [`ImportOptions`](crate::ImportOptions) allow.
    #[error("the graph is larger than allowed: {0}")]
    TooLarge(String),
}

/// A node whose op isn't supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedNode {
    /// The name, or that of the first output.
    pub node: String,
    /// The op.
    pub op: String,
    /// The domain; empty for the default.
    pub domain: String,
    /// The version of the domain that the model or function imports; `None` where it imports none.
    pub version: Option<i64>,
}

impl OnnxError {
    /// The error below the name of the file.
    pub fn root(&self) -> &OnnxError {
        match self {
            OnnxError::File { error, .. } => error.root(),
            other => other,
        }
    }

    pub(crate) fn structure(place: impl Into<String>, rule: impl Into<String>) -> OnnxError {
        OnnxError::Structure { place: place.into(), rule: rule.into() }
    }

    pub(crate) fn tensor(tensor: &str, rule: impl fmt::Display) -> OnnxError {
        OnnxError::Tensor { tensor: tensor.to_owned(), rule: rule.to_string() }
    }

    /// The error with the name of its file, where that is known and not yet there.
    pub(crate) fn in_file(self, path: Option<&std::path::Path>) -> OnnxError {
        match (self, path) {
            (error @ OnnxError::File { .. }, _) | (error, None) => error,
            (error, Some(path)) => OnnxError::File { path: path.to_owned(), error: Box::new(error) },
        }
    }
}

/// Unsupported nodes, in groups of the same op.
struct Grouped<'a>(&'a [UnsupportedNode]);

impl fmt::Display for Grouped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<(&UnsupportedNode, Vec<&str>)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for node in self.0 {
            let place = *places.entry((&node.domain, &node.op, node.version)).or_insert(groups.len());
            if place == groups.len() {
                groups.push((node, Vec::new()));
            }
            groups[place].1.push(&node.node);
        }
        write!(f, "{} nodes use {} ops that are not supported:", self.0.len(), groups.len())?;
        for (node, names) in groups {
            write!(f, "\n  {}", crate::model::full_op(&node.domain, &node.op))?;
            match node.version {
                Some(version) => write!(f, " (version {version})")?,
                None => write!(f, " (the model imports no opset of this domain)")?,
            }
            const SHOWN: usize = 8;
            write!(f, ": {}", names[..names.len().min(SHOWN)].join(", "))?;
            if names.len() > SHOWN {
                write!(f, " and {} more", names.len() - SHOWN)?;
            }
            if let Some(advice) = crate::ops::refusal(&node.domain, &node.op) {
                write!(f, "\n    {advice}")?;
            }
        }
        Ok(())
    }
}
