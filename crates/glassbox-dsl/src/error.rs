//! What can be wrong with a program.

use std::fmt;

use crate::program::At;

/// A mistake in a program: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct DslError {
    /// Where.
    pub place: Place,
    /// The token, for pointing at it.
    pub(crate) at: At,
    /// What is wrong and what to do, with the names.
    pub message: String,
    /// Whether it is a mistake whatever the model package has.
    pub(crate) certain: bool,
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
        DslError { place, at: At::default(), message: message.into(), certain: false }
    }

    /// A mistake at a token; its line is that of `place` where it has none of its own.
    pub(crate) fn at(place: Place, at: At, message: impl Into<String>) -> DslError {
        let line = if at.line > 0 { at.line } else { place.line };
        DslError { place: Place { line, ..place }, at, message: message.into(), certain: false }
    }

    /// The mistake at that place, if something is known of it.
    pub(crate) fn or_at(self, at: At) -> DslError {
        if at.line == 0 {
            return self;
        }
        let certain = self.certain;
        DslError { certain, ..DslError::at(self.place, at, self.message) }
    }

    /// The mistake, which no model package could make good.
    pub(crate) fn whatever_the_package(self) -> DslError {
        DslError { certain: true, ..self }
    }

    /// The token that it points at, as [`Parsed::span`](crate::parse::Parsed::span) knows it.
    pub fn token(&self) -> At {
        self.at
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
