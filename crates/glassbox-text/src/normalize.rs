//! SentencePiece's normalisation: a table of replacements, white space, the space before a text.
//!
//! The table is a double array (Darts): units of 32 bits that form a tree of bytes, whose leaves are offsets of
//! replacements, each ended by a zero byte.

use crate::error::TextError;
use crate::trie::Trie;

/// What stands for a space in tokens.
pub(crate) const SPACE: char = '▁';

/// The longest replacement of a table. Published ones have 33 bytes.
const LONGEST: usize = 1024;
/// Of the keys that begin a text, so many of the shortest are looked at.
const MAX_KEYS: usize = 32;

/// How a text is normalised before it becomes tokens.
#[derive(Clone, Debug)]
pub(crate) struct Normalizer {
    pub(crate) table: Option<Table>,
    /// A space is put before the text, or after it.
    pub(crate) dummy_prefix: bool,
    pub(crate) whitespace_as_suffix: bool,
    /// Runs of spaces become one, and there is none at the ends.
    pub(crate) remove_extra_whitespaces: bool,
    pub(crate) escape_whitespaces: bool,
}

/// The bits of a unit that hold the byte it stands for.
const LABEL: u32 = 1 << 31 | 0xff;

/// How far the children of a unit are.
fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

/// Whether a key ends at a unit.
fn is_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

/// A table of replacements.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Table {
    /// Reads a `precompiled_charsmap`; an empty one is none.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Table>, TextError> {
        let wrong = |rule: &str| TextError::malformed("precompiled_charsmap", rule);
        if bytes.is_empty() {
            return Ok(None);
        }
        let (len, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| wrong("it has fewer than 4 bytes"))?;
        let len = u32::from_le_bytes(*len) as usize;
        if len > rest.len() || !len.is_multiple_of(4) || len == 0 {
            return Err(wrong("its double array is cut off"));
        }
        let (units, replacements) = rest.split_at(len);
        if std::str::from_utf8(replacements).is_err() || replacements.last() != Some(&0) {
            return Err(wrong("its replacements aren't UTF-8 that ends with a zero"));
        }
        if replacements.split(|byte| *byte == 0).any(|text| text.len() > LONGEST) {
            return Err(wrong("a replacement is longer than 1,024 bytes"));
        }
        let unit = |four: &[u8]| u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
        let table = Table { units: units.chunks_exact(4).map(unit).collect(), replacements: replacements.to_vec() };
        if !table.is_sound() {
            return Err(wrong("its double array leads outside of itself or of the replacements"));
        }
        Ok(Some(table))
    }

    /// Whether every place that a text can lead to is inside, with whatever byte comes next.
    fn is_sound(&self) -> bool {
        let replacements = std::str::from_utf8(&self.replacements).unwrap_or_default();
        let mut seen = vec![false; self.units.len()];
        let mut waiting = vec![offset(self.units[0])];
        while let Some(place) = waiting.pop() {
            let Some(seen) = seen.get_mut(place as usize) else { return false };
            if std::mem::replace(seen, true) {
                continue;
            }
            for byte in 1..=255 {
                let Some(node) = self.units.get((place ^ byte) as usize) else { return false };
                if node & LABEL != byte {
                    continue;
                }
                let next = place ^ byte ^ offset(*node);
                let leaf = self.units.get(next as usize).map(|leaf| (leaf & !(1 << 31)) as usize);
                if leaf.is_none_or(|leaf| is_leaf(*node) && !replacements.is_char_boundary(leaf)) {
                    return false;
                }
                waiting.push(next);
            }
        }
        true
    }

    /// The longest key that begins a text: how many bytes it has, and its replacement.
    fn find(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let unit = |place: u32| self.units.get(place as usize).copied();
        let mut place = offset(unit(0)?);
        let mut found = None;
        let mut keys = 0;
        for (at, byte) in text.iter().enumerate() {
            place ^= u32::from(*byte);
            let Some(node) = unit(place).filter(|node| node & LABEL == u32::from(*byte)) else { break };
            place ^= offset(node);
            if is_leaf(node) {
                let Some(leaf) = unit(place) else { break };
                found = Some((at + 1, leaf & !(1 << 31)));
                keys += 1;
                if keys == MAX_KEYS {
                    break;
                }
            }
        }
        let (len, start) = found?;
        let replacement = self.replacements.get(start as usize..)?;
        let end = replacement.iter().position(|byte| *byte == 0)?;
        Some((len, &replacement[..end]))
    }
}

impl Normalizer {
    /// A text as its tokens spell it. `kept` are texts that stay as they are.
    pub(crate) fn run(&self, text: &str, kept: &Trie) -> Result<String, TextError> {
        let mut rest = text.as_bytes();
        if self.remove_extra_whitespaces {
            while let Some((b" ", len)) = self.prefix(rest, kept) {
                rest = &rest[len..];
            }
        }
        if rest.is_empty() {
            return Ok(String::new());
        }
        let mut space = [0; 4];
        let space: &[u8] = if self.escape_whitespaces { SPACE.encode_utf8(&mut space).as_bytes() } else { b" " };
        let mut out = Vec::with_capacity(rest.len() + space.len());
        if self.dummy_prefix && !self.whitespace_as_suffix {
            out.extend_from_slice(space);
        }
        let mut after_space = self.remove_extra_whitespaces;
        while let Some((mut piece, len)) = self.prefix(rest, kept) {
            while after_space && let Some(stripped) = piece.strip_prefix(b" ") {
                piece = stripped;
            }
            if !piece.is_empty() {
                for byte in piece {
                    if *byte == b' ' { out.extend_from_slice(space) } else { out.push(*byte) }
                }
                after_space = piece.ends_with(b" ");
            }
            rest = &rest[len..];
            after_space &= self.remove_extra_whitespaces;
        }
        if self.remove_extra_whitespaces {
            while out.ends_with(space) {
                out.truncate(out.len() - space.len());
            }
        }
        if self.dummy_prefix && self.whitespace_as_suffix {
            out.extend_from_slice(space);
        }
        String::from_utf8(out).map_err(|_| {
            TextError::malformed("precompiled_charsmap", "it makes something that isn't UTF-8 of the text")
        })
    }

    /// What the beginning of a text becomes, and how many bytes that beginning has; `None` at the end.
    fn prefix<'a>(&'a self, text: &'a [u8], kept: &Trie) -> Option<(&'a [u8], usize)> {
        let first = *text.first()?;
        if let Some((len, _)) = kept.longest(text) {
            return Some((&text[..len], len));
        }
        if let Some((len, replacement)) = self.table.as_ref().and_then(|table| table.find(text)) {
            return Some((replacement, len));
        }
        let len = character_len(first).min(text.len());
        Some((&text[..len], len))
    }
}

/// How many bytes the character has that begins with this one.
pub(crate) fn character_len(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    }
}
