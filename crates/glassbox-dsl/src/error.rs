//! What can be wrong with a program.

use std::fmt;

/// A mistake in a program: what, where, and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct DslError {
    /// Where.
    pub place: Place,
    /// What is wrong and what to do, with the names.
    pub message: String,
}

/// A place in a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as the compiler or the reader calls it.
    pub file: String,
    /// The line, from one; zero where there is none.
    pub line: u32,
    /// The block, with the loops in it: `entry/layers`; empty outside of blocks.
    pub block: String,
}

impl DslError {
    /// A mistake at `place`.
    pub fn new(place: Place, message: impl Into<String>) -> DslError {
        DslError { place, message: message.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.block.is_empty() {
            write!(f, ", block {}", self.block)?;
        }
        Ok(())
    }
}
