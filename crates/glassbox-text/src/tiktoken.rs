//! tiktoken's vocabularies: tokens of bytes with ranks; pairs are joined in the order of the joined token's rank.
//!
//! In: lines of a token in base64 and its rank, and what the file doesn't hold: the pattern that splits text into
//! words, and the special tokens. Out: the numbers that tiktoken gives.

use std::collections::{BinaryHeap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::decode::{Detokenizer, Piece};
use crate::error::TextError;
use crate::letters;
use crate::pattern::Pattern;
use crate::patterns;
use crate::specials::Specials;
use crate::tokenizer::{Engine, Inner, Token};

/// Ranks, a pattern, special tokens.
pub(crate) struct Tiktoken {
    ranks: HashMap<Box<[u8]>, u32>,
    pattern: Pattern,
    specials: Specials,
}

/// What a file of ranks doesn't say.
#[derive(Clone, Debug, Default)]
pub struct TiktokenOptions {
    /// The pattern that splits text into words: `gpt2`, `cl100k`, `o200k` or `llama3`, or a regular expression.
    pub pattern: String,
    /// Special tokens with their numbers.
    pub specials: Vec<(String, u32)>,
}

/// Whether a file looks like one of ranks.
pub(crate) fn looks_like(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    std::str::from_utf8(line).is_ok_and(|line| parse(line.trim_end_matches('\r')).is_some())
}

fn parse(line: &str) -> Option<(Vec<u8>, u32)> {
    let (token, rank) = line.split_once(' ')?;
    Some((STANDARD.decode(token).ok()?, rank.parse().ok()?))
}

/// Reads a file of ranks.
pub(crate) fn read(text: &[u8], options: &TiktokenOptions) -> Result<Inner, TextError> {
    let text = std::str::from_utf8(text).map_err(|error| TextError::NotUtf8 { offset: error.valid_up_to() })?;
    let mut ranks: HashMap<Box<[u8]>, u32> = HashMap::new();
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let wrong = |rule: &str| TextError::malformed(format!("line {}", number + 1), rule);
        let (token, rank) = parse(line).ok_or_else(|| wrong("it isn't a token in base64 and a rank"))?;
        if ranks.insert(token.as_slice().into(), rank).is_some() {
            return Err(wrong("the token was there before"));
        }
        entries.push((rank, token));
    }
    if let Some(byte) = (0..=255u8).find(|byte| !ranks.contains_key([*byte].as_slice())) {
        return Err(TextError::malformed("the ranks", format!("there is no token for byte {byte:#04x} alone")));
    }
    let count = entries.len() + options.specials.len();
    let numbers = entries.iter().map(|(rank, _)| *rank).chain(options.specials.iter().map(|(_, id)| *id));
    let largest = numbers.max().unwrap_or_default() as usize;
    if largest > count.saturating_mul(2) + 65_536 {
        let rule = format!("{count} tokens have numbers up to {largest}; so large holes are refused");
        return Err(TextError::malformed("the ranks", rule));
    }
    let mut tokens: Vec<Option<Token>> = vec![None; largest + 1];
    let mut set = |id: u32, token: Token| match tokens[id as usize].replace(token) {
        None => Ok(()),
        Some(_) => Err(TextError::malformed("the ranks", format!("two tokens have the number {id}"))),
    };
    for (rank, bytes) in entries {
        let name = letters::spell(&bytes).into();
        set(rank, Token { name, piece: Piece::Bytes(bytes.into()), special: false })?;
    }
    for (name, id) in &options.specials {
        let bytes = name.as_bytes().into();
        set(*id, Token { name: name.as_str().into(), piece: Piece::Bytes(bytes), special: true })?;
    }
    let pattern = Pattern::new(patterns::tiktoken(&options.pattern).unwrap_or(&options.pattern))?;
    let specials = Specials::new(options.specials.iter().map(|(name, id)| (name.as_str(), *id)))?;
    let engine = Engine::Tiktoken(Box::new(Tiktoken { ranks, pattern, specials }));
    Inner::new(engine, tokens, Some(Detokenizer::of_bytes()))
}

impl Tiktoken {
    /// The tokens of a text; special ones where it spells them, unless it is literal.
    pub(crate) fn encode(&self, text: &str, literal: bool) -> Result<Vec<u32>, TextError> {
        let mut ids = Vec::new();
        for part in self.specials.split(text, literal) {
            match part {
                Ok(special) => ids.push(special),
                Err(text) => self.encode_text(text, &mut ids)?,
            }
        }
        Ok(ids)
    }

    fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TextError> {
        for word in self.pattern.find(text) {
            let word = &text.as_bytes()[word?];
            match self.ranks.get(word) {
                Some(rank) => ids.push(*rank),
                None => self.join(word, ids),
            }
        }
        Ok(())
    }

    /// Joins bytes to tokens: the pair of lowest rank first, of equals the leftmost.
    fn join(&self, word: &[u8], ids: &mut Vec<u32>) {
        let rank = |start: usize, end: usize| self.ranks.get(&word[start..end]).copied();
        // Where the part that begins at a place ends, and where the part before it begins.
        let mut end: Vec<usize> = (1..=word.len()).collect();
        let mut before: Vec<Option<usize>> = (0..word.len()).map(|at| at.checked_sub(1)).collect();
        let mut heap = BinaryHeap::new();
        let push = |heap: &mut BinaryHeap<_>, start: usize, middle: usize, end: usize| {
            if let Some(rank) = rank(start, end) {
                heap.push(std::cmp::Reverse((rank, start, middle, end)));
            }
        };
        (0..word.len().saturating_sub(1)).for_each(|at| push(&mut heap, at, at + 1, at + 2));
        while let Some(std::cmp::Reverse((_, start, middle, stop))) = heap.pop() {
            // A pair whose parts have changed since is gone. A part that was joined to the left has no end.
            if end[start] != middle || end.get(middle) != Some(&stop) {
                continue;
            }
            end[start] = stop;
            end[middle] = 0;
            if let Some(next) = before.get_mut(stop) {
                *next = Some(start);
                push(&mut heap, start, stop, end[stop]);
            }
            if let Some(previous) = before[start] {
                push(&mut heap, previous, start, stop);
            }
        }
        let mut at = 0;
        while at < word.len() {
            // Every byte alone is a token, and only tokens were joined.
            ids.extend(rank(at, end[at]));
            at = end[at];
        }
    }
}
