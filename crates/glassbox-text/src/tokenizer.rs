//! What every tokenizer is, whatever its file: a vocabulary, an engine that turns text into tokens, and what its
//! tokens add to a text.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use glassbox_weights::Package;

use crate::decode::{Detokenizer, Piece, TextStream};
use crate::error::TextError;
use crate::json::JsonEngine;

/// Turns text into tokens and tokens into text. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer(Arc<Inner>);

/// A token of the vocabulary.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// As the vocabulary spells it.
    pub(crate) name: Box<str>,
    /// What it adds to a text.
    pub(crate) piece: Piece,
    /// Whether it stands for something that isn't text, such as the end.
    pub(crate) special: bool,
}

/// What turns text into tokens.
pub(crate) enum Engine {
    Json(Box<JsonEngine>),
}

/// The parts of a tokenizer.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    /// By number. A number that no token has is `None`.
    pub(crate) tokens: Vec<Option<Token>>,
    pub(crate) ids: HashMap<Box<str>, u32>,
    /// How tokens become text one by one; `None` where the engine must see all of them.
    pub(crate) detokenizer: Option<Detokenizer>,
    pub(crate) bos: Option<u32>,
    pub(crate) stops: Vec<u32>,
}

impl Inner {
    pub(crate) fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// The text of tokens by a decoder that must see all of them.
    pub(crate) fn decode_whole(&self, ids: &[u32], skip_special: bool) -> Result<String, TextError> {
        match &self.engine {
            Engine::Json(engine) => engine.decode(ids, skip_special),
        }
    }
}

impl From<Inner> for Tokenizer {
    fn from(inner: Inner) -> Tokenizer {
        Tokenizer(Arc::new(inner))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer of {} tokens", self.ids.len())
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, as Hugging Face's `tokenizers` writes it.
    ///
    /// # Errors
    /// When it breaks the rules of its format, has two tokens of one number, tokens whose numbers aren't those that
    /// it gives them, or chance in it (dropout).
    pub fn from_json(text: &[u8]) -> Result<Tokenizer, TextError> {
        crate::json::read(text).map(Tokenizer::from)
    }

    /// Reads the tokenizer of a folder: `tokenizer.json`, else others as they are supported.
    ///
    /// # Errors
    /// When the folder has none, or it is malformed.
    pub fn from_folder(folder: &Path) -> Result<Tokenizer, TextError> {
        crate::sources::from_folder(folder)
    }

    /// The tokenizer of a package, where it has one: among its blobs, in its metadata, or beside it.
    ///
    /// # Errors
    /// When it is there but malformed or not supported.
    pub fn of(package: &Package) -> Result<Option<Tokenizer>, TextError> {
        crate::sources::of(package)
    }

    /// The tokens of a text, with those that the tokenizer adds, such as one for the beginning.
    ///
    /// # Errors
    /// When the text can't be split into tokens: it has a character for which the vocabulary has nothing, or is
    /// so long or strange that a pattern gives up.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        match &self.0.engine {
            Engine::Json(engine) => engine.encode(text, true),
        }
    }

    /// The tokens of a text and no others. Special tokens are recognised where the text spells them.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, TextError> {
        match &self.0.engine {
            Engine::Json(engine) => engine.encode(text, false),
        }
    }

    /// The tokens of a text that isn't trusted: where it spells a special token, that is text like any other.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_literal(&self, text: &str) -> Result<Vec<u32>, TextError> {
        match &self.0.engine {
            Engine::Json(engine) => engine.encode_literal(text),
        }
    }

    /// As [`Tokenizer::encode`], of bytes that should be UTF-8.
    ///
    /// # Errors
    /// [`TextError::NotUtf8`] with the offset, when they aren't.
    pub fn encode_bytes(&self, bytes: &[u8]) -> Result<Vec<u32>, TextError> {
        let text = std::str::from_utf8(bytes);
        self.encode(text.map_err(|error| TextError::NotUtf8 { offset: error.valid_up_to() })?)
    }

    /// The text of tokens, with or without that of special ones. U+FFFD stands for bytes that are no character.
    ///
    /// # Errors
    /// [`TextError::UnknownToken`] for a number that no token has.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TextError> {
        if self.0.detokenizer.is_none() {
            for id in ids {
                let size = self.0.tokens.len();
                self.0.token(*id).ok_or(TextError::UnknownToken { id: *id, size })?;
            }
            return self.0.decode_whole(ids, skip_special);
        }
        let mut stream = self.stream(skip_special);
        let mut text = String::new();
        for id in ids {
            text.push_str(&stream.push(*id)?.unwrap_or_default());
        }
        text.push_str(&stream.finish().unwrap_or_default());
        Ok(text)
    }

    /// A stream that turns tokens into text as they come; all its text together is what [`Tokenizer::decode`] gives.
    pub fn stream(&self, skip_special: bool) -> TextStream {
        TextStream::new(Arc::clone(&self.0), skip_special)
    }

    /// A token as the vocabulary spells it. Vocabularies of bytes are spelled in GPT-2's letters.
    pub fn token(&self, id: u32) -> Option<String> {
        self.0.token(id).map(|token| token.name.to_string())
    }

    /// The number of a token that is spelled as in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.0.ids.get(token).copied()
    }

    /// What a token adds to a text, in bytes: part of a character, if it is so. Of a special token its name.
    /// The space that a tokenizer puts before the text is there as in the token.
    pub fn bytes(&self, id: u32) -> Option<Vec<u8>> {
        let token = self.0.token(id)?;
        let bytes = token.piece.as_bytes();
        match self.0.detokenizer.as_ref().map(|detokenizer| &detokenizer.start) {
            Some(crate::decode::Start::Drop(mark) | crate::decode::Start::Space(mark)) => {
                let text = std::str::from_utf8(bytes).map(|text| text.replace(*mark, " ").into_bytes());
                Some(text.unwrap_or_else(|_| bytes.to_vec()))
            }
            _ => Some(bytes.to_vec()),
        }
    }

    /// Whether a token stands for something that isn't text, such as the end of it.
    pub fn is_special(&self, id: u32) -> bool {
        self.0.token(id).is_some_and(|token| token.special)
    }

    /// One more than the largest number of a token. Not every number below it need be one.
    pub fn size(&self) -> usize {
        self.0.tokens.len()
    }

    /// The token that texts begin with, where there is one.
    pub fn bos(&self) -> Option<u32> {
        self.0.bos
    }

    /// The tokens that end a text, as the files around the tokenizer name them.
    pub fn stops(&self) -> &[u32] {
        &self.0.stops
    }
}
