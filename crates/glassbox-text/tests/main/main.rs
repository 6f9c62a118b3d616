//! Tokenizers and chat templates, held against the libraries that their files are for.
#![allow(clippy::unwrap_used)]

mod chat;
mod json;
mod kinds;
mod mutations;
mod others;
mod places;
mod shared;
mod strings;
