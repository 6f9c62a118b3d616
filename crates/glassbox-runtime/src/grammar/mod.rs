//! Writing that follows a grammar: a JSON schema, GBNF as llama.cpp has it, a regular expression, or
//! the grammars of the `llguidance` crate, which does the work.
//!
//! Before each choice every token after which the grammar couldn't be completed is forbidden. A text
//! ends only where the grammar allows it.

mod gbnf;

use std::sync::Arc;

use glassbox_text::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};

use crate::error::RuntimeError;
use crate::sampling::Constraint;

/// What a text must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Grammar {
    /// JSON that satisfies this schema, without blanks but after `:` and `,`.
    JsonSchema(serde_json::Value),
    /// A grammar as llama.cpp writes it: `root ::= "yes" | "no"`.
    Gbnf(String),
    /// A regular expression that the whole text matches.
    Regex(String),
    /// A grammar as the `llguidance` crate takes it: Lark.
    Lark(String),
}

/// A grammar at work: how far the text has come in it. A copy of one before the first token begins another text,
/// without the vocabulary being prepared anew.
#[derive(Clone)]
pub struct Grammatical {
    matcher: Matcher,
    size: usize,
}

fn wrong(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Grammar(error.to_string())
}

impl Grammatical {
    /// A grammar before the first token of a text that `tokenizer` writes.
    ///
    /// # Errors
    ///
    /// Where the grammar can't be read, or the tokenizer can't write what it asks for.
    pub fn new(grammar: &Grammar, tokenizer: &Tokenizer) -> Result<Grammatical, RuntimeError> {
        let grammar = match grammar {
            Grammar::JsonSchema(schema) => TopLevelGrammar::from_json_schema(compact(schema)),
            Grammar::Gbnf(text) => TopLevelGrammar::from_lark(gbnf::to_lark(text)?),
            Grammar::Regex(regex) => TopLevelGrammar::from_regex(regex),
            Grammar::Lark(text) => TopLevelGrammar::from_lark(text.clone()),
        };
        let size = tokenizer.size();
        // A tokenizer without a token for the end has one that is never chosen.
        let end = tokenizer.stops().first().copied().unwrap_or(size as u32);
        let count = size.max(end as usize + 1);
        let ends = tokenizer.stops();
        let word = |id: usize| match tokenizer.bytes(id as u32) {
            Some(bytes) if !bytes.is_empty() && !ends.contains(&(id as u32)) => bytes,
            // Tokens that add nothing to the text are marked as special, and no grammar here names one.
            _ => format!("\u{FF}<[{id}]>").into_bytes(),
        };
        let words: Vec<Vec<u8>> = (0..count).map(word).map(special).collect();
        let count = u32::try_from(count).map_err(wrong)?;
        let trie = TokTrie::from(&TokRxInfo::new(count, end), &words);
        let mut factory = ParserFactory::new_simple(&(Arc::new(ApproximateTokEnv::new(trie)) as _)).map_err(wrong)?;
        factory.quiet();
        let matcher = Matcher::new(factory.create_parser(grammar));
        match matcher.get_error() {
            Some(error) => Err(wrong(error)),
            None => Ok(Grammatical { matcher, size: count as usize }),
        }
    }
}

/// A schema that says, unless it does already, that there are no blanks but after `:` and `,`: a model that is
/// free to write blanks may never come to an end.
fn compact(schema: &serde_json::Value) -> serde_json::Value {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.entry("x-guidance").or_insert_with(|| serde_json::json!({ "whitespace_flexible": false }));
    }
    schema
}

/// A marker of a special token begins with the byte 0xFF, which no text has.
fn special(word: Vec<u8>) -> Vec<u8> {
    match word.strip_prefix("\u{FF}<[".as_bytes()) {
        Some(rest) => [b"\xFF<[", rest].concat(),
        None => word,
    }
}

impl Constraint for Grammatical {
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), RuntimeError> {
        let mask = self.matcher.compute_mask_or_eos().map_err(wrong)?;
        for (token, logit) in logits.iter_mut().enumerate() {
            if token >= self.size || !mask.is_allowed(token as u32) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    fn accept(&mut self, token: u32) -> Result<bool, RuntimeError> {
        self.matcher.consume_token(token).map_err(wrong)?;
        Ok(!self.matcher.is_stopped())
    }
}
