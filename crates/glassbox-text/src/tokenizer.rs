//! What every tokenizer is, whatever its file: a vocabulary, an engine that turns text into tokens, and what its
//! tokens add to a text.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use glassbox_weights::{Metadata, Package};

use crate::decode::{Detokenizer, Piece, TextStream};
use crate::error::TextError;
use crate::json::JsonEngine;
use crate::sentencepiece::SentencePiece;
use crate::tiktoken::{Tiktoken, TiktokenOptions};
use crate::trie::Trie;

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
    SentencePiece(Box<SentencePiece>),
    Tiktoken(Box<Tiktoken>),
    World(Trie),
}

/// The parts of a tokenizer.
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    /// By number. A number that no token has is `None`.
    pub(crate) tokens: Vec<Option<Token>>,
    pub(crate) ids: HashMap<Box<str>, u32>,
    /// How tokens become text one by one; `None` where the engine must see all of them.
    pub(crate) detokenizer: Option<Detokenizer>,
    /// Tokens that are put around a text, besides what the engine puts there itself.
    pub(crate) frame: (Vec<u32>, Vec<u32>),
    pub(crate) bos: Option<u32>,
    pub(crate) stops: Vec<u32>,
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Special tokens are recognised, and the tokenizer's own are put around.
    Framed,
    /// Special tokens are recognised.
    Plain,
    /// All is text.
    Literal,
}

impl Inner {
    /// A tokenizer of these tokens, with nothing put around a text.
    pub(crate) fn new(
        engine: Engine,
        tokens: Vec<Option<Token>>,
        detokenizer: Option<Detokenizer>,
    ) -> Result<Inner, TextError> {
        let mut ids = HashMap::with_capacity(tokens.len());
        for (at, token) in tokens.iter().enumerate() {
            let id = u32::try_from(at).map_err(|_| TextError::malformed("the vocabulary", "it has 2^32 tokens"))?;
            if let Some(token) = token {
                ids.insert(token.name.clone(), id);
            }
        }
        Ok(Inner { engine, tokens, ids, detokenizer, frame: Default::default(), bos: None, stops: Vec::new() })
    }

    pub(crate) fn with_frame(self, before: Vec<u32>, after: Vec<u32>) -> Inner {
        Inner { frame: (before, after), ..self }
    }

    pub(crate) fn with_bos(self, bos: Option<u32>) -> Inner {
        Inner { bos, ..self }
    }

    pub(crate) fn with_stops(self, stops: Vec<u32>) -> Inner {
        Inner { stops, ..self }
    }

    fn encode(&self, text: &str, reading: Reading) -> Result<Vec<u32>, TextError> {
        let literal = reading == Reading::Literal;
        let mut ids = match &self.engine {
            Engine::Json(engine) => engine.encode(text, reading)?,
            Engine::SentencePiece(engine) => engine.encode(text, literal)?,
            Engine::Tiktoken(engine) => engine.encode(text, literal)?,
            Engine::World(trie) => crate::world::encode(trie, text)?,
        };
        if reading == Reading::Framed {
            ids.splice(..0, self.frame.0.iter().copied());
            ids.extend(&self.frame.1);
        }
        Ok(ids)
    }

    pub(crate) fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.get(usize::try_from(id).ok()?)?.as_ref()
    }

    /// The text of tokens by a decoder that must see all of them.
    pub(crate) fn decode_whole(&self, ids: &[u32], skip_special: bool) -> Result<String, TextError> {
        match &self.engine {
            Engine::Json(engine) => engine.decode(ids, skip_special),
            // These have a detokenizer.
            _ => Err(TextError::Internal("a tokenizer has no decoder".to_owned())),
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

    /// Reads a SentencePiece model, BPE or unigram.
    ///
    /// # Errors
    /// When it is malformed, or of another type.
    pub fn from_sentencepiece(model: &[u8]) -> Result<Tokenizer, TextError> {
        crate::sentencepiece::read(model).map(Tokenizer::from)
    }

    /// Reads tiktoken's ranks.
    ///
    /// # Errors
    /// When they or the options are malformed.
    pub fn from_tiktoken(ranks: &[u8], options: &TiktokenOptions) -> Result<Tokenizer, TextError> {
        crate::tiktoken::read(ranks, options).map(Tokenizer::from)
    }

    /// Reads a vocabulary in the form of RWKV World's.
    ///
    /// # Errors
    /// When a line isn't a number, a Python literal and its length.
    pub fn from_world(vocabulary: &str) -> Result<Tokenizer, TextError> {
        crate::world::read(vocabulary).map(Tokenizer::from)
    }

    /// Reads a tokenizer from the metadata of a GGUF file, where it is one: `tokenizer.ggml.*`.
    ///
    /// # Errors
    /// When it is malformed, or of a model or pre-tokenizer that isn't known, which the error names.
    pub fn from_metadata(metadata: &Metadata) -> Result<Option<Tokenizer>, TextError> {
        let Some(mut inner) = crate::gguf::read(metadata)? else { return Ok(None) };
        crate::sources::add_metadata_ends(&mut inner, metadata);
        Ok(Some(inner.into()))
    }

    /// Reads the tokenizer of a folder, of the first of these that is there: `tokenizer.json`; `vocab.json` and
    /// `merges.txt`; `*.tiktoken` with `pattern.json`; `tokenizer.model`; a vocabulary of RWKV World.
    ///
    /// # Errors
    /// When the folder has none of them, or it is malformed.
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
        self.0.encode(text, Reading::Framed)
    }

    /// The tokens of a text and no others. Special tokens are recognised where the text spells them.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_plain(&self, text: &str) -> Result<Vec<u32>, TextError> {
        self.0.encode(text, Reading::Plain)
    }

    /// The tokens of a text that isn't trusted: where it spells a special token, that is text like any other.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_literal(&self, text: &str) -> Result<Vec<u32>, TextError> {
        self.0.encode(text, Reading::Literal)
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
