//! Why a rule doesn't match.

use glassbox_ir::{BuildError, Effects};
use glassbox_tensor::DType;
use thiserror::Error;

/// Why a rule doesn't match a node. Most reasons are the ordinary case; they are counted for whoever asks why a rule that
/// should have matched didn't.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum NoMatch {
    /// An operand is left out, or isn't given by a node.
    #[error("operand {0} isn't the result of a node")]
    NotComputed(usize),
    /// A value is given by another op than the rule wants.
    #[error("the value is given by `{found}`, not by `{wanted}`")]
    Op {
        /// What the rule wants.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A value isn't a constant.
    #[error("the value isn't a constant")]
    NotConstant,
    /// A constant has other contents than the rule wants.
    #[error("the constant holds something else")]
    OtherContents,
    /// A dtype for which the equation doesn't hold.
    #[error("it doesn't hold for {0}")]
    DType(DType),
    /// A dim or a rank isn't known.
    #[error("a dim isn't known")]
    UnknownDim,
    /// Dims are others than the rule wants.
    #[error("the dims are others")]
    OtherDims,
    /// An attribute is another than the rule wants.
    #[error("the attribute `{0}` is another")]
    Attribute(&'static str),
    /// Another node uses a value that would have to go.
    #[error("another node uses the value too")]
    UsedElsewhere,
    /// A value is made in a region around, where work is done once that would be done in every turn.
    #[error("the value is made in a region around this one")]
    OtherRegion,
    /// A node has effects.
    #[error("a node has effects: {0}")]
    Effects(Effects),
    /// The result, or the work, is over the limit.
    #[error("{bytes} bytes are over the limit of {limit}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The result would differ in bits for some values.
    #[error("it isn't exact: {0}")]
    NotExact(&'static str),
    /// The result would have a type that says less than the type of the node.
    #[error("the type would be less precise")]
    LessPrecise,
    /// There is nothing to gain.
    #[error("there is nothing to gain")]
    NoGain,
    /// An op couldn't be evaluated ahead of time.
    #[error("it can't be evaluated: {0}")]
    Evaluation(String),
    /// The builder refuses a node of the replacement.
    #[error("the replacement is refused: {0}")]
    Refused(BuildError),
}

impl From<BuildError> for NoMatch {
    fn from(error: BuildError) -> NoMatch {
        NoMatch::Refused(error)
    }
}

impl NoMatch {
    /// The kind of reason in a few words, under which it is counted.
    ///
    /// ```
    /// use glassbox_compiler::NoMatch;
    /// assert_eq!(NoMatch::NotComputed(0).kind(), "not the result of a node");
    /// ```
    pub fn kind(&self) -> &'static str {
        match self {
            NoMatch::NotComputed(_) => "not the result of a node",
            NoMatch::Op { .. } => "another op",
            NoMatch::NotConstant => "not a constant",
            NoMatch::OtherContents => "other contents",
            NoMatch::DType(_) => "dtype",
            NoMatch::UnknownDim => "unknown dim",
            NoMatch::OtherDims => "other dims",
            NoMatch::Attribute(_) => "attribute",
            NoMatch::UsedElsewhere => "used elsewhere",
            NoMatch::OtherRegion => "made in a region around",
            NoMatch::Effects(_) => "effects",
            NoMatch::TooLarge { .. } => "too large",
            NoMatch::NotExact(_) => "not exact",
            NoMatch::LessPrecise => "less precise",
            NoMatch::NoGain => "no gain",
            NoMatch::Evaluation(_) => "not evaluated",
            NoMatch::Refused(_) => "refused",
        }
    }
}
