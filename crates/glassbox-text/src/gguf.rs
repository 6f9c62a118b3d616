//! Tokenizers in the metadata of GGUF files: `tokenizer.ggml.*`.
//!
//! `gpt2` is byte-level BPE, whose words are split as `tokenizer.ggml.pre` says; `llama` is SentencePiece's BPE, `t5`
//! its unigram; `rwkv` is RWKV's World. A name that isn't known is an error: a guess would give other numbers.

use glassbox_weights::{Array, Metadata, MetadataValue};
use serde_json::Map;

use crate::byte_level::{self, Added};
use crate::error::TextError;
use crate::normalize::{Normalizer, Table};
use crate::patterns;
use crate::sentencepiece::{self, Entry, Kind, Settings};
use crate::tokenizer::Inner;
use crate::world;

/// The tokenizer of a GGUF's metadata, where there is one.
pub(crate) fn read(metadata: &Metadata) -> Result<Option<Inner>, TextError> {
    let keys = Keys(metadata);
    match metadata.text("tokenizer.ggml.model") {
        None | Some("none" | "no_vocab") => Ok(None),
        Some("gpt2") => keys.byte_level().map(Some),
        Some("llama") => keys.sentencepiece(false).map(Some),
        Some("t5") => keys.sentencepiece(true).map(Some),
        Some("rwkv") => keys.world().map(Some),
        Some(other) => Err(TextError::unsupported(
            "tokenizer.ggml.model",
            format!("{other:?}; a tokenizer.json beside the file is read instead; without it, {other:?}"),
        )),
    }
}

struct Keys<'a>(&'a Metadata);

fn key(name: &str) -> String {
    format!("tokenizer.ggml.{name}")
}

impl Keys<'_> {
    fn tokens(&self) -> Result<&[String], TextError> {
        let tokens = self.0.texts(&key("tokens")).filter(|tokens| u32::try_from(tokens.len()).is_ok());
        tokens.ok_or_else(|| TextError::malformed(key("tokens"), "it must be a list of texts"))
    }

    /// What each token is for.
    fn kinds(&self, count: usize) -> Result<Vec<Kind>, TextError> {
        let wrong = |rule: String| TextError::malformed(key("token_type"), rule);
        let numbers = match self.0.get(&key("token_type")) {
            Some(MetadataValue::Array(array)) => array.integers(),
            _ => None,
        };
        let numbers = numbers.filter(|numbers| numbers.len() == count);
        let numbers = numbers.ok_or_else(|| wrong(format!("it must be a list of {count} whole numbers")))?;
        let kind = |(at, number): (usize, &i64)| {
            Kind::of(*number).ok_or_else(|| wrong(format!("token {at} is of type {number}; types are 1 to 6")))
        };
        numbers.iter().enumerate().map(kind).collect()
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, TextError> {
        match self.0.get(&key(name)) {
            None => Ok(None),
            Some(MetadataValue::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(TextError::malformed(key(name), format!("it is {}, not a bool", other.type_name()))),
        }
    }

    /// The number of a token with a purpose, where the file has it.
    fn id(&self, name: &str, count: usize) -> Result<Option<u32>, TextError> {
        let name = key(&format!("{name}_token_id"));
        let Some(value) = self.0.get(&name) else { return Ok(None) };
        let id = value.integer().and_then(|id| u32::try_from(id).ok()).filter(|id| (*id as usize) < count);
        match id {
            Some(id) => Ok(Some(id)),
            // Some files say -1, or the largest number, for none.
            None if matches!(value, MetadataValue::U32(u32::MAX)) || value.integer() == Some(-1) => Ok(None),
            None => Err(TextError::malformed(name, format!("{value} is no token; there are {count}"))),
        }
    }

    /// Puts the tokens around a text that the file asks for.
    fn framed(&self, inner: Inner, bos: Option<u32>, eos: Option<u32>, add: (bool, bool)) -> Result<Inner, TextError> {
        let wanted = |name: &str, default: bool, id: Option<u32>| match (self.flag(name)?, id) {
            (Some(true), None) => Err(TextError::malformed(key(name), "it is set, but there is no such token")),
            (flag, id) => Ok(id.filter(|_| flag.unwrap_or(default)).into_iter().collect()),
        };
        let before = wanted("add_bos_token", add.0, bos)?;
        let after = wanted("add_eos_token", add.1, eos)?;
        Ok(inner.with_frame(before, after).with_bos(bos).with_stops(eos.into_iter().collect()))
    }

    fn byte_level(&self) -> Result<Inner, TextError> {
        let tokens = self.tokens()?;
        let kinds = self.kinds(tokens.len())?;
        let Some(name) = self.0.text(&key("pre")) else {
            let what = "a vocabulary that doesn't say how words are split (convert the model again, or put its tokenizer.json beside the file)";
            return Err(TextError::unsupported(key("pre"), what));
        };
        let Some(words) = patterns::of_gguf(name) else {
            let what = format!("{name:?} (put the model's tokenizer.json beside the file)");
            return Err(TextError::unsupported(key("pre"), what));
        };
        let mut vocabulary = Map::with_capacity(tokens.len());
        let mut added = Vec::new();
        for ((token, kind), id) in tokens.iter().zip(&kinds).zip(0u32..) {
            if vocabulary.insert(token.clone(), id.into()).is_some() {
                return Err(TextError::malformed(key("tokens"), format!("{token:?} is there twice")));
            }
            if matches!(kind, Kind::Control | Kind::Unknown | Kind::UserDefined) {
                added.push(Added { id, content: token.clone(), special: *kind != Kind::UserDefined });
            }
        }
        let merges = self
            .0
            .texts(&key("merges"))
            .ok_or_else(|| TextError::malformed(key("merges"), "it must be a list of texts"))?;
        let pair = |(at, merge): (usize, &String)| {
            let cut = merge.char_indices().skip(1).find(|(_, letter)| *letter == ' ').map(|(cut, _)| cut);
            let cut =
                cut.ok_or_else(|| TextError::malformed(key("merges"), format!("entry {at}, {merge:?}, is no pair")))?;
            Ok((merge[..cut].to_owned(), merge[cut + 1..].to_owned()))
        };
        let merges = merges.iter().enumerate().map(pair).collect::<Result<Vec<_>, TextError>>()?;
        let inner = byte_level::build(vocabulary, merges, words, added)?;
        let (bos, eos) = (self.id("bos", tokens.len())?, self.id("eos", tokens.len())?);
        self.framed(inner, bos, eos, (words.add_bos, false))
    }

    fn sentencepiece(&self, unigram: bool) -> Result<Inner, TextError> {
        let tokens = self.tokens()?;
        let kinds = self.kinds(tokens.len())?;
        let scores = match self.0.get(&key("scores")) {
            Some(MetadataValue::Array(array)) => array.floats().filter(|scores| scores.len() == tokens.len()),
            _ => None,
        };
        let scores = scores.ok_or_else(|| {
            TextError::malformed(key("scores"), format!("it must be a list of {} f32 numbers", tokens.len()))
        })?;
        let entry =
            |((text, score), kind): ((&String, &f32), &Kind)| Entry { text: text.clone(), score: *score, kind: *kind };
        let entries: Vec<Entry> = tokens.iter().zip(scores).zip(&kinds).map(entry).collect();
        let table = match self.0.get(&key("precompiled_charsmap")) {
            Some(MetadataValue::Array(Array::U8(bytes))) => Table::read(bytes)?,
            Some(MetadataValue::Array(Array::I8(bytes))) => {
                Table::read(&bytes.iter().map(|byte| byte.to_le_bytes()[0]).collect::<Vec<_>>())?
            }
            Some(_) => return Err(TextError::malformed(key("precompiled_charsmap"), "it must be a list of bytes")),
            None => None,
        };
        let settings = Settings {
            unigram,
            byte_fallback: kinds.contains(&Kind::Byte),
            normalizer: Normalizer {
                table,
                dummy_prefix: self.flag("add_space_prefix")?.unwrap_or(true),
                whitespace_as_suffix: false,
                remove_extra_whitespaces: self.flag("remove_extra_whitespaces")?.unwrap_or(false),
                escape_whitespaces: true,
            },
            user_defined_cut: true,
            unknown_text: " \u{2047} ".to_owned(),
        };
        let inner = sentencepiece::build(entries, settings)?;
        // What llama.cpp takes where the file doesn't say.
        let count = tokens.len();
        let known = |id: u32| Some(id).filter(|id| (*id as usize) < count);
        let bos = self.id("bos", count)?.or(if unigram { None } else { known(1) });
        let eos = self.id("eos", count)?.or(known(if unigram { 1 } else { 2 }));
        self.framed(inner, bos, eos, (!unigram, unigram))
    }

    fn world(&self) -> Result<Inner, TextError> {
        let tokens = self.tokens()?;
        let kinds = self.kinds(tokens.len())?;
        let text = |(token, kind, id): (&String, &Kind, u32)| match kind {
            Kind::Control | Kind::Unknown => Ok(None),
            _ => match world::unescape(token, true) {
                Some(bytes) if !bytes.is_empty() => Ok(Some((id, bytes))),
                _ => Err(TextError::malformed(
                    key("tokens"),
                    format!("token {id}, {token:?}, isn't escaped as bytes are"),
                )),
            },
        };
        let entries = tokens.iter().zip(&kinds).zip(0u32..).map(|((token, kind), id)| text((token, kind, id)));
        let entries = entries.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        let inner = world::build(entries)?;
        let (bos, eos) = (self.id("bos", tokens.len())?, self.id("eos", tokens.len())?);
        self.framed(inner, bos, eos.or(Some(0)), (false, false))
    }
}
