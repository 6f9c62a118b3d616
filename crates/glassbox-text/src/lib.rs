//! Text to tokens and back.
//!
//! A [`Tokenizer`] is read from a `tokenizer.json`, from a package's metadata, or from the other files in which
//! vocabularies are kept; it gives the same numbers as the library that the file is written for. A [`TextStream`]
//! turns tokens into text as they come and never splits a character.
//!
//! This crate knows nothing of graphs or models. Malformed files are a [`TextError`] that says what is wrong.

mod byte_level;
mod chat;
mod decode;
mod error;
mod gguf;
mod json;
mod letters;
mod normalize;
mod pattern;
mod patterns;
mod proto;
mod python;
mod sentencepiece;
mod sources;
mod specials;
mod split;
mod tiktoken;
mod tokenizer;
mod trie;
mod world;

pub use chat::{ChatTemplate, Extras, Message};
pub use decode::TextStream;
pub use error::TextError;
pub use tiktoken::TiktokenOptions;
pub use tokenizer::Tokenizer;
