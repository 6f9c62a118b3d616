//! Text to tokens and back.
//!
//! A [`Tokenizer`] is read from a `tokenizer.json`, from a package's metadata, or from the other files in which
//! vocabularies are kept; it gives the same numbers as the library that the file is written for. A [`TextStream`]
//! turns tokens into text as they come and never splits a character.
//!
//! This crate knows nothing of graphs or models. Malformed files are a [`TextError`] that says what is wrong.

mod chat;
mod decode;
mod error;
mod json;
mod letters;
mod pattern;
mod python;
mod sources;
mod split;
mod tokenizer;

pub use chat::{ChatTemplate, Extras, Message};
pub use decode::TextStream;
pub use error::TextError;
pub use tokenizer::Tokenizer;
