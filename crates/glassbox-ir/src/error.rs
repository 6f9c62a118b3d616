//! The errors of building, checking and reading graphs.

use thiserror::Error;

/// A rule that an op's operands or attributes break. `rule` is the label of the constraint in the
/// op's declaration (`C1`), or the name of a rule that all ops share (`arity`, `dtype`, `attribute`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{rule}: {message}")]
pub struct Violation {
    /// The label.
    pub rule: &'static str,
    /// What is wrong, with the values that make it so.
    pub message: String,
}

impl Violation {
    /// A violation of `rule`.
    pub fn new(rule: &'static str, message: impl Into<String>) -> Violation {
        Violation { rule, message: message.into() }
    }
}

/// Why a graph can't be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A node breaks a rule.
    #[error("{op} `{node}` breaks {violation}")]
    Node {
        /// The op.
        op: &'static str,
        /// What the node is called.
        node: String,
        /// The rule.
        violation: Violation,
    },
    /// A decomposition can't be written without knowing more.
    #[error("{op} `{node}` can't be decomposed yet: {missing}")]
    NotStatic {
        /// The op.
        op: &'static str,
        /// What the node is called.
        node: String,
        /// What isn't known.
        missing: String,
    },
    /// The graph as a whole breaks a rule.
    #[error("graph: {0}")]
    Graph(Violation),
}
