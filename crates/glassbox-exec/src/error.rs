//! The errors of running a graph: an invalid input, something unsupported, or a bug of ours.

use glassbox_ir::{BuildError, Violation};
use glassbox_tensor::{ParamError, TensorError};
use thiserror::Error;

use crate::cancel::Interruption;
use crate::host::HostError;

/// Why one kernel can't give its results.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The operands break a rule that only their contents show.
    #[error(transparent)]
    Invalid(#[from] Violation),
    /// Something that the op's specification allows and the kernel can't do.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A tensor operation failed: most often there isn't enough memory.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A parameter can't be had.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// A function of the program that runs the graph failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The decomposition of a composite failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A kernel did what it must not do: a bug of Glassbox.
    #[error("internal error (please report it): {0}")]
    Internal(String),
}

impl KernelError {
    /// An operand breaks `rule`.
    ///
    /// ```
    /// use glassbox_exec::KernelError;
    /// let error = KernelError::invalid("C2", "axis is 3, but x has rank 2");
    /// assert!(error.to_string().contains("C2: axis is 3"), "{error}");
    /// ```
    pub fn invalid(rule: &'static str, message: impl Into<String>) -> KernelError {
        KernelError::Invalid(Violation::new(rule, message))
    }
}

/// What a message says of the op in the file.
fn of_file(onnx: &Option<Box<str>>) -> String {
    onnx.as_ref().map(|op| format!(" (ONNX op {op})")).unwrap_or_default()
}

/// Why a run stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The inputs aren't what the graph takes.
    #[error("inputs: {0}")]
    Inputs(String),
    /// The policy of precision can't be followed.
    #[error("the policy: {0}")]
    Policy(String),
    /// A node failed.
    #[error("{op} `{node}`{}: {error}", of_file(.onnx))]
    Node {
        /// The op.
        op: &'static str,
        /// What the node is called.
        node: String,
        /// The op of the ONNX file that the node came from, where it came from one.
        onnx: Option<Box<str>>,
        /// Why.
        error: Box<KernelError>,
    },
    /// A limit of the session was reached.
    #[error("{op} `{node}`{}: {limit}", of_file(.onnx))]
    Limit {
        /// The op.
        op: &'static str,
        /// What the node is called.
        node: String,
        /// The op of the ONNX file that the node came from, where it came from one.
        onnx: Option<Box<str>>,
        /// Which, and how to raise it.
        limit: String,
    },
    /// The run was given up.
    #[error("{why}, before `{node}` had ended")]
    Interrupted {
        /// Why.
        why: Interruption,
        /// The node that it had come to.
        node: String,
    },
    /// A session can't do this now: another run is under way, or none is.
    #[error("{0}")]
    Session(&'static str),
    /// The graph can't be run as it is: something that it needs isn't part of this program.
    #[error("{op} `{node}`: {why}")]
    Refused {
        /// The op.
        op: &'static str,
        /// What the node is called.
        node: String,
        /// Why, and what to do.
        why: String,
    },
    /// A value or state can't be read, or there is no memory for it.
    #[error(transparent)]
    Memory(#[from] glassbox_tensor::TensorError),
    /// The observer asked to stop.
    #[error("stopped at `{node}`")]
    Stopped {
        /// What the node is called.
        node: String,
    },
}
