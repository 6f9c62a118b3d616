//! SentencePiece's models, BPE and unigram: from its own files and from the metadata of GGUF files.
//!
//! The numbers are those of the library `sentencepiece`: the same order of joining, the same single-precision scores.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use prost::Message as _;

use crate::decode::{Detokenizer, Invalid, Piece, Start, byte_token};
use crate::error::TextError;
use crate::normalize::{Normalizer, SPACE, Table, character_len};
use crate::proto::{ModelProto, NormalizerProto, TrainerProto};
use crate::specials::Specials;
use crate::tokenizer::{Engine, Inner, Token};
use crate::trie::Trie;

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Unknown,
    Control,
    /// Always a token of its own where a text has it.
    UserDefined,
    /// Never given, but joined through.
    Unused,
    /// One byte of what has no other token.
    Byte,
}

impl Kind {
    /// Of the numbers of model files and of GGUF, which are the same.
    pub(crate) fn of(number: i64) -> Option<Kind> {
        Some(match number {
            1 => Kind::Normal,
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => return None,
        })
    }
}

/// A piece of the vocabulary.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) text: String,
    pub(crate) score: f32,
    pub(crate) kind: Kind,
}

/// What a vocabulary comes with.
pub(crate) struct Settings {
    pub(crate) unigram: bool,
    pub(crate) byte_fallback: bool,
    pub(crate) normalizer: Normalizer,
    /// Whether user-defined pieces cut the text like special tokens, as llama.cpp has it.
    pub(crate) user_defined_cut: bool,
    /// What the unknown token adds to a text.
    pub(crate) unknown_text: String,
}

/// Text to tokens as SentencePiece does it.
pub(crate) struct SentencePiece {
    unigram: bool,
    entries: Vec<(f32, Kind)>,
    /// Normal, user-defined and unused pieces.
    pieces: HashMap<Box<str>, u32>,
    /// The same, for unigram models.
    tree: Trie,
    user_defined: Trie,
    specials: Specials,
    unknown: Option<u32>,
    bytes: Option<Vec<u32>>,
    normalizer: Normalizer,
    /// The score of a character that has no token.
    unknown_score: f32,
}

/// Reads a model file.
pub(crate) fn read(bytes: &[u8]) -> Result<Inner, TextError> {
    let model = ModelProto::decode(bytes).map_err(|error| TextError::malformed("the model", error.to_string()))?;
    let trainer = model.trainer.unwrap_or_default();
    let unigram = match trainer.model_type.unwrap_or(1) {
        1 => true,
        2 => false,
        other => {
            return Err(TextError::unsupported("trainer_spec.model_type", format!("{other} (not unigram, not BPE)")));
        }
    };
    let mut entries = Vec::with_capacity(model.pieces.len());
    for (at, piece) in model.pieces.into_iter().enumerate() {
        let kind = Kind::of(piece.kind.unwrap_or(1).into());
        let kind = kind.ok_or_else(|| TextError::malformed(format!("piece {at}"), "its type is none of 1 to 6"))?;
        entries.push(Entry { text: piece.piece.unwrap_or_default(), score: piece.score.unwrap_or(0.0), kind });
    }
    let settings = settings(&trainer, &model.normalizer.unwrap_or_default(), unigram)?;
    let inner = build(entries, settings)?;
    // Absent is the default, negative is none.
    let control = |id: Option<i32>, default| {
        let id = u32::try_from(id.unwrap_or(default)).ok()?;
        inner.token(id).filter(|token| token.special).map(|_| id)
    };
    let (bos, eos) = (control(trainer.bos_id, 1), control(trainer.eos_id, 2));
    Ok(inner.with_frame(bos.into_iter().collect(), Vec::new()).with_bos(bos).with_stops(eos.into_iter().collect()))
}

fn settings(trainer: &TrainerProto, normalizer: &NormalizerProto, unigram: bool) -> Result<Settings, TextError> {
    Ok(Settings {
        unigram,
        byte_fallback: trainer.byte_fallback.unwrap_or(false),
        normalizer: Normalizer {
            table: Table::read(normalizer.charsmap.as_deref().unwrap_or_default())?,
            dummy_prefix: normalizer.dummy_prefix.unwrap_or(true),
            whitespace_as_suffix: trainer.whitespace_as_suffix.unwrap_or(false),
            remove_extra_whitespaces: normalizer.remove_extra_whitespaces.unwrap_or(true),
            escape_whitespaces: normalizer.escape_whitespaces.unwrap_or(true),
        },
        user_defined_cut: false,
        unknown_text: trainer.unk_surface.clone().unwrap_or_else(|| " \u{2047} ".to_owned()),
    })
}

/// The tokenizer of a vocabulary.
pub(crate) fn build(entries: Vec<Entry>, settings: Settings) -> Result<Inner, TextError> {
    let wrong = |at: usize, rule: String| TextError::malformed(format!("piece {at}"), rule);
    let mut pieces: HashMap<Box<str>, u32> = HashMap::with_capacity(entries.len());
    let mut bytes = vec![None; 256];
    let mut unknown = None;
    for ((at, entry), id) in entries.iter().enumerate().zip(0u32..) {
        if entry.score.is_nan() {
            return Err(wrong(at, format!("the score of {:?} is no number", entry.text)));
        }
        match entry.kind {
            Kind::Normal | Kind::UserDefined | Kind::Unused => {
                if entry.text.is_empty() || pieces.insert(entry.text.as_str().into(), id).is_some() {
                    return Err(wrong(at, format!("{:?} is empty or was there before", entry.text)));
                }
            }
            Kind::Byte => match byte_token(&entry.text) {
                Some(byte) => bytes[usize::from(byte)] = Some(id),
                None => return Err(wrong(at, format!("{:?} is no byte such as <0x0A>", entry.text))),
            },
            Kind::Unknown if unknown.replace(id).is_some() => {
                return Err(wrong(at, "there is another unknown token before it".to_owned()));
            }
            Kind::Unknown | Kind::Control => {}
        }
    }
    let bytes: Option<Vec<u32>> = bytes.into_iter().collect();
    if settings.byte_fallback && bytes.is_none() {
        return Err(TextError::malformed("the pieces", "not every byte has a piece, as byte_fallback needs it"));
    }
    let of_kind = |wanted: fn(Kind) -> bool| {
        entries
            .iter()
            .zip(0u32..)
            .filter(move |(entry, _)| wanted(entry.kind))
            .map(|(entry, id)| (entry.text.as_str(), id))
    };
    let user_defined = of_kind(|kind| kind == Kind::UserDefined).map(|(text, id)| (text.as_bytes(), id));
    let special = |kind| matches!(kind, Kind::Control | Kind::Unknown);
    let specials = if settings.user_defined_cut {
        Specials::new(of_kind(|kind| matches!(kind, Kind::Control | Kind::Unknown | Kind::UserDefined)))?
    } else {
        Specials::new(of_kind(|kind| matches!(kind, Kind::Control | Kind::Unknown)))?
    };
    let usable = pieces.iter().map(|(text, id)| (text.as_bytes(), *id)).filter(|_| settings.unigram);
    let normal = || entries.iter().filter(|entry| entry.kind == Kind::Normal).map(|entry| entry.score);
    let engine = SentencePiece {
        unigram: settings.unigram,
        tree: Trie::new(usable)?,
        user_defined: Trie::new(user_defined.filter(|_| !settings.user_defined_cut))?,
        specials,
        unknown,
        bytes: bytes.filter(|_| settings.byte_fallback),
        unknown_score: normal().fold(f32::MAX, f32::min) - 10.0,
        entries: entries.iter().map(|entry| (entry.score, entry.kind)).collect(),
        pieces,
        normalizer: settings.normalizer,
    };
    let start = match (&engine.normalizer.dummy_prefix, engine.normalizer.remove_extra_whitespaces) {
        (_, true) => Start::Lead(usize::MAX),
        (true, false) => Start::Lead(1),
        (false, false) => Start::Keep,
    };
    let token = |entry: &Entry| {
        let piece = match entry.kind {
            Kind::Byte => Piece::Bytes(byte_token(&entry.text).into_iter().collect()),
            Kind::Unknown => Piece::Text(settings.unknown_text.as_str().into()),
            Kind::Control => Piece::Text(entry.text.as_str().into()),
            _ => Piece::Text(entry.text.replace(SPACE, " ").into()),
        };
        Some(Token { name: entry.text.as_str().into(), piece, special: special(entry.kind) })
    };
    let tokens = entries.iter().map(token).collect();
    let detokenizer = Detokenizer { invalid: Invalid::Byte, start, between: "" };
    Inner::new(Engine::SentencePiece(Box::new(engine)), tokens, Some(detokenizer))
}

/// Two neighbours that can be joined.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    end: usize,
}

impl Ord for Pair {
    /// The best score first, of equals the leftmost.
    fn cmp(&self, other: &Pair) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Pair) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Pair) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl SentencePiece {
    /// The tokens of a text; control tokens where it spells them, unless it is literal.
    pub(crate) fn encode(&self, text: &str, literal: bool) -> Result<Vec<u32>, TextError> {
        let mut ids = Vec::new();
        for part in self.specials.split(text, literal) {
            match part {
                Ok(special) => ids.push(special),
                Err(text) => {
                    let text = self.normalizer.run(text, &self.user_defined)?;
                    let parts = if self.unigram { self.best_path(&text) } else { self.join(&text) };
                    self.number(&text, &parts, &mut ids)?;
                }
            }
        }
        Ok(ids)
    }

    /// The numbers of parts of a text, bytes for what has none.
    fn number(&self, text: &str, parts: &[(usize, usize)], ids: &mut Vec<u32>) -> Result<(), TextError> {
        let mut after_unknown = false;
        for (start, end) in parts {
            let part = &text[*start..*end];
            // An unused character is as unknown.
            let usable = |id: &&u32| self.entries[**id as usize].1 != Kind::Unused;
            let known = self.pieces.get(part).filter(usable);
            match (known, &self.bytes, self.unknown) {
                (Some(id), ..) => ids.push(*id),
                (None, Some(bytes), _) => ids.extend(part.bytes().map(|byte| bytes[usize::from(byte)])),
                // A run of what is unknown is one token.
                (None, None, Some(_)) if after_unknown => {}
                (None, None, Some(unknown)) => ids.push(unknown),
                (None, None, None) => return Err(TextError::Encode(format!("there is no token for {part:?}"))),
            }
            after_unknown = known.is_none() && self.bytes.is_none();
        }
        Ok(())
    }

    /// BPE: joins characters, the pair with the best score first.
    fn join(&self, text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        // By where a part begins: where it ends (0 if it is part of another), which begins before it, whether it is
        // user-defined and stays alone.
        let mut end = vec![0; bytes.len()];
        let mut before = vec![None; bytes.len()];
        let mut frozen = vec![false; bytes.len()];
        let (mut at, mut last) = (0, None);
        while at < bytes.len() {
            let kept = self.user_defined.longest(&bytes[at..]);
            let len = kept.map_or_else(|| character_len(bytes[at]), |(len, _)| len);
            (end[at], before[at], frozen[at]) = (at + len, last, kept.is_some());
            (last, at) = (Some(at), at + len);
        }
        let mut heap = BinaryHeap::new();
        // How unused pieces came to be: they are taken apart again.
        let mut made = HashMap::new();
        let mut push = |heap: &mut BinaryHeap<Pair>, left: usize, right: usize, stop: usize| {
            if frozen[left] || frozen[right] {
                return;
            }
            if let Some(id) = self.pieces.get(&text[left..stop]) {
                let (score, kind) = self.entries[*id as usize];
                // So that both zeros are equal.
                heap.push(Pair { score: score + 0.0, left, right, end: stop });
                if kind == Kind::Unused {
                    made.insert(&text[left..stop], right - left);
                }
            }
        };
        for right in (0..bytes.len()).filter(|at| end[*at] != 0) {
            if let Some(left) = before[right] {
                push(&mut heap, left, right, end[right]);
            }
        }
        while let Some(pair) = heap.pop() {
            if end[pair.left] != pair.right || end[pair.right] != pair.end {
                continue;
            }
            (end[pair.left], end[pair.right]) = (pair.end, 0);
            if pair.end < bytes.len() {
                before[pair.end] = Some(pair.left);
                push(&mut heap, pair.left, pair.end, end[pair.end]);
            }
            if let Some(previous) = before[pair.left] {
                push(&mut heap, previous, pair.left, pair.end);
            }
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let mut waiting = vec![(at, end[at])];
            while let Some((start, stop)) = waiting.pop() {
                let part = &text[start..stop];
                let unused = self.pieces.get(part).is_some_and(|id| self.entries[*id as usize].1 == Kind::Unused);
                match made.get(part).filter(|_| unused) {
                    Some(left) => waiting.extend([(start + left, stop), (start, start + left)]),
                    None => parts.push((start, stop)),
                }
            }
            at = end[at];
        }
        parts
    }

    /// Unigram: the parts whose scores have the largest sum.
    fn best_path(&self, text: &str) -> Vec<(usize, usize)> {
        let bytes = text.as_bytes();
        // By where a path ends: its score and where its last part begins. Scores are kept in single precision.
        let mut best: Vec<(f32, Option<usize>)> = vec![(0.0, None); bytes.len() + 1];
        let mut start = 0;
        while start < bytes.len() {
            let here = best[start].0;
            let one = character_len(bytes[start]).min(bytes.len() - start);
            let mut covered = false;
            let mut reach = |end: usize, score: f32| {
                let candidate = score + here;
                let (old, from) = &mut best[end];
                if from.is_none() || candidate > *old {
                    (*old, *from) = (candidate, Some(start));
                }
            };
            for (len, id) in self.tree.prefixes(&bytes[start..]) {
                let (score, kind) = self.entries[id as usize];
                let score = match kind {
                    Kind::Unused => continue,
                    // So that it is better than the parts it could have.
                    Kind::UserDefined => (len - 1) as f32 * 0.1,
                    _ => score,
                };
                reach(start + len, score);
                covered |= len == one;
            }
            if !covered {
                reach(start + one, self.unknown_score);
            }
            start += one;
        }
        let mut parts = Vec::new();
        let mut end = bytes.len();
        while let (_, Some(start)) = best[end] {
            parts.push((start, end));
            end = start;
        }
        parts.reverse();
        parts
    }
}
