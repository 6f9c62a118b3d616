//! RWKV's World vocabularies: a text is cut into the longest tokens that fit, from its beginning.
//!
//! In: lines of a number, a Python literal of text or bytes, and its length in bytes. 0 ends a text and isn't listed.

use crate::decode::{Detokenizer, Piece};
use crate::error::TextError;
use crate::letters;
use crate::tokenizer::{Engine, Inner, Token};
use crate::trie::Trie;

/// What token 0 is called where the file doesn't list it.
const END: &str = "<|rwkv_tokenizer_end_of_text|>";
/// The largest number that a token may have.
const LARGEST: u32 = 1 << 24;

/// Reads a vocabulary file.
pub(crate) fn read(text: &str) -> Result<Inner, TextError> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let wrong = |rule: String| TextError::malformed(format!("line {}", number + 1), rule);
        let entry = line.split_once(' ').and_then(|(id, rest)| Some((id, rest.rsplit_once(' ')?)));
        let Some((id, (literal, len))) = entry else {
            return Err(wrong("it isn't a number, a literal and a length".to_owned()));
        };
        let id = id.parse().ok().filter(|id| *id <= LARGEST);
        let id: u32 = id.ok_or_else(|| wrong(format!("no number up to {LARGEST} stands first")))?;
        let bytes = unquote(literal).ok_or_else(|| wrong(format!("{literal} is no literal of text or bytes")))?;
        if len.parse() != Ok(bytes.len()) || bytes.is_empty() {
            return Err(wrong(format!("{literal} has {} bytes, the line says {len}", bytes.len())));
        }
        entries.push((id, bytes));
    }
    build(entries)
}

/// The tokenizer of tokens with their numbers.
pub(crate) fn build(entries: Vec<(u32, Vec<u8>)>) -> Result<Inner, TextError> {
    let largest = entries.iter().map(|(id, _)| *id).max().unwrap_or_default() as usize;
    if largest > entries.len().saturating_mul(2) + 65_536 {
        let rule = format!("{} tokens have numbers up to {largest}; so large holes are refused", entries.len());
        return Err(TextError::malformed("the vocabulary", rule));
    }
    let mut tokens: Vec<Option<Token>> = vec![None; largest + 1];
    for (id, bytes) in &entries {
        let token = &mut tokens[*id as usize];
        if token.is_some() {
            return Err(TextError::malformed("the vocabulary", format!("two tokens have the number {id}")));
        }
        let piece = Piece::Bytes(bytes.as_slice().into());
        *token = Some(Token { name: letters::spell(bytes).into(), piece, special: false });
    }
    let mut stops = Vec::new();
    if tokens[0].is_none() {
        tokens[0] = Some(Token { name: END.into(), piece: Piece::Text(END.into()), special: true });
        stops.push(0);
    }
    let trie = Trie::new(entries.iter().map(|(id, bytes)| (bytes.as_slice(), *id)))?;
    Ok(Inner::new(Engine::World(trie), tokens, Some(Detokenizer::of_bytes()))?.with_stops(stops))
}

/// The tokens of a text.
pub(crate) fn encode(trie: &Trie, text: &str) -> Result<Vec<u32>, TextError> {
    let mut ids = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let Some((len, id)) = trie.longest(rest) else {
            let at = text.len() - rest.len();
            return Err(TextError::Encode(format!("no token begins with byte {:#04x}, at byte {at}", rest[0])));
        };
        ids.push(id);
        rest = &rest[len..];
    }
    Ok(ids)
}

/// The bytes of a Python literal such as `'\n'` or `b'\xe3\x80'`.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let (raw, quoted) = match literal.strip_prefix('b') {
        Some(quoted) => (true, quoted),
        None => (false, literal),
    };
    let mark = quoted.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    let inner = quoted.strip_prefix(mark)?.strip_suffix(mark)?;
    // The mark itself stands behind a backslash only.
    let mut escape = false;
    for letter in inner.chars() {
        (letter != mark || escape).then_some(())?;
        escape = letter == '\\' && !escape;
    }
    unescape(inner, raw)
}

/// The bytes that a literal stands for, without its quotes: of bytes, or of text.
pub(crate) fn unescape(inner: &str, raw: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        let code = match letter {
            '\\' => escaped(&mut letters, raw)?,
            letter if raw && !letter.is_ascii() => return None,
            letter => letter,
        };
        match u8::try_from(u32::from(code)) {
            Ok(byte) if raw => bytes.push(byte),
            _ if raw => return None,
            _ => bytes.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Some(bytes)
}

/// What comes after a backslash.
fn escaped(letters: &mut std::str::Chars, raw: bool) -> Option<char> {
    let digits = match letters.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        letter @ ('\\' | '\'' | '"') => return Some(letter),
        'x' => 2,
        'u' if !raw => 4,
        'U' if !raw => 8,
        _ => return None,
    };
    let text: String = letters.take(digits).collect();
    let whole = text.len() == digits && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(&text, 16).ok().filter(|_| whole)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_python_s() {
        assert_eq!(unquote(r#"'\n"\\\u00e9\xe9'"#).unwrap(), "\n\"\\éé".as_bytes());
        assert_eq!(unquote(r#"b'\xe9A'"#).unwrap(), b"\xe9A");
        assert_eq!(unquote(r#""it's""#).unwrap(), b"it's");
        for wrong in ["", "'", "'a", "a'", r"'\'", r"'\q'", r"'\x1'", "b'é'", "'''", r"'\ud800'", r"b'\u0041'"] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
    }
}
