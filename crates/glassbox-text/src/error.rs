//! The errors of tokenizers and chat templates.
//!
//! Kept apart: a file that breaks the rules of its format, one that is sound but asks for what isn't supported, a
//! text or token that can't be translated, and a mistake of ours.

use std::io;
use std::path::{Path, PathBuf};

use glassbox_weights::WeightsError;
use thiserror::Error;

/// Why a tokenizer or chat template can't be read or can't do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TextError {
    /// What is wrong with this file or folder.
    #[error("{}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        error: Box<TextError>,
    },
    /// The system refuses to read.
    #[error("it can't be read: {0}")]
    Io(io::Error),
    /// The package that holds the tokenizer or template can't be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The tokenizer or template breaks a rule of its format.
    #[error("{place}: {rule}")]
    Malformed {
        /// The field, line or entry.
        place: String,
        /// The rule, with the values that break it.
        rule: String,
    },
    /// The tokenizer or template is sound, but asks for something that isn't supported.
    #[error("{place}: {what} is not supported")]
    Unsupported {
        /// The field, line or entry.
        place: String,
        /// What it is, and what to do.
        what: String,
    },
    /// A token's number is none of the vocabulary.
    #[error("there is no token {id}; the vocabulary's tokens are below {size}")]
    UnknownToken {
        /// The number.
        id: u32,
        /// One more than the largest number in the vocabulary.
        size: usize,
    },
    /// Bytes that should be text are not UTF-8.
    #[error("the text is not UTF-8: its byte {offset} can't stand there")]
    NotUtf8 {
        /// The first byte that is wrong, counted from 0.
        offset: usize,
    },
    /// A text can't be split into tokens.
    #[error("the text can't be turned into tokens: {0}")]
    Encode(String),
    /// A chat template doesn't render.
    #[error("the chat template fails: {0}")]
    Template(String),
    /// A mistake in this program or in a library that it uses. Please report it.
    #[error("internal error (a bug; please report it): {0}")]
    Internal(String),
}

impl From<io::Error> for TextError {
    fn from(error: io::Error) -> TextError {
        TextError::Io(error)
    }
}

impl TextError {
    /// The error below the name of the file.
    pub fn root(&self) -> &TextError {
        match self {
            TextError::File { error, .. } => error.root(),
            other => other,
        }
    }

    /// This error, said of `path`; one that names a file already stays as it is.
    pub(crate) fn in_file(self, path: &Path) -> TextError {
        match self {
            TextError::File { .. } => self,
            other => TextError::File { path: path.to_owned(), error: Box::new(other) },
        }
    }

    pub(crate) fn malformed(place: impl Into<String>, rule: impl Into<String>) -> TextError {
        TextError::Malformed { place: place.into(), rule: rule.into() }
    }

    pub(crate) fn unsupported(place: impl Into<String>, what: impl Into<String>) -> TextError {
        TextError::Unsupported { place: place.into(), what: what.into() }
    }
}
