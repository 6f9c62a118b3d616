//! From tokens back to text, one token at a time.
//!
//! In: tokens in order. Out: pieces of text, never a part of a character, whose sum is what the tokenizer's own
//! library makes of all tokens together. [`Detokenizer`] says what each token adds; [`TextStream`] holds what isn't
//! decided yet: the first bytes of a character, or bytes whose validity later ones decide.

use std::sync::Arc;

use serde_json::Value;

use crate::error::TextError;
use crate::letters;
use crate::tokenizer::Inner;

/// What a token adds to the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text of its own.
    Text(Box<str>),
    /// Bytes, which are text only together with those of the tokens around.
    Bytes(Box<[u8]>),
}

impl Piece {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Piece::Text(text) => text.as_bytes(),
            Piece::Bytes(bytes) => bytes,
        }
    }
}

/// What becomes of bytes that are no UTF-8. U+FFFD stands for:
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// each longest beginning of a character, as in Rust and Python.
    Sequence,
    /// each byte, as SentencePiece does it.
    Byte,
    /// each byte of the whole run of byte tokens, the valid ones too, as `tokenizers`' `ByteFallback` does it.
    Run,
}

/// What becomes of the beginning of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Keep,
    /// So many of this character are left out, if the text begins with them.
    Strip(char, usize),
    /// So many pieces lose the space that they begin with, while there is no text yet.
    Lead(usize),
    /// The first piece loses these characters wherever it has them; elsewhere they are spaces.
    Drop(char),
    /// These characters are spaces everywhere.
    Space(char),
}

/// How pieces become text.
#[derive(Clone, Debug)]
pub(crate) struct Detokenizer {
    pub(crate) invalid: Invalid,
    pub(crate) start: Start,
    /// What stands between two tokens.
    pub(crate) between: &'static str,
}

impl Detokenizer {
    /// That of a vocabulary of bytes.
    pub(crate) fn of_bytes() -> Detokenizer {
        Detokenizer { invalid: Invalid::Sequence, start: Start::Keep, between: "" }
    }
}

/// What a decoder of a `tokenizer.json` makes of each token, where it is one of the usual ones.
#[derive(Clone, Debug)]
pub(crate) struct DecoderPlan {
    byte_level: bool,
    replacements: Vec<(String, String)>,
    byte_fallback: bool,
    pub(crate) detokenizer: Detokenizer,
}

impl DecoderPlan {
    /// Reads the decoder of a `tokenizer.json`; `None` for one that can't be run token by token.
    pub(crate) fn of_json(decoder: &Value) -> Option<DecoderPlan> {
        let mut steps = Vec::new();
        flatten(decoder, &mut steps)?;
        let mut plan = DecoderPlan {
            byte_level: false,
            replacements: Vec::new(),
            byte_fallback: false,
            detokenizer: Detokenizer { invalid: Invalid::Run, start: Start::Keep, between: "" },
        };
        if steps.is_empty() {
            plan.detokenizer.between = if decoder.is_null() { " " } else { "" };
            return Some(plan);
        }
        let mut fused = false;
        for (at, step) in steps.iter().enumerate() {
            let text = |name: &str| step.get(name).and_then(Value::as_str);
            let fresh = plan.detokenizer.start == Start::Keep;
            match text("type")? {
                "ByteLevel" if steps.len() == 1 => {
                    plan.byte_level = true;
                    plan.detokenizer.invalid = Invalid::Sequence;
                }
                "Replace" if plan.replacements.len() == at => {
                    let pattern = step.get("pattern")?.get("String")?.as_str()?;
                    (!pattern.is_empty()).then_some(())?;
                    plan.replacements.push((pattern.to_owned(), text("content")?.to_owned()));
                }
                "ByteFallback" if !plan.byte_fallback && !fused && fresh => plan.byte_fallback = true,
                "Fuse" if !fused && fresh => fused = true,
                "Strip" if fused && fresh && step.get("stop")?.as_u64()? == 0 => {
                    let count = usize::try_from(step.get("start")?.as_u64()?).ok()?;
                    plan.detokenizer.start = Start::Strip(single(text("content")?)?, count);
                }
                "Metaspace" if !fused && fresh => {
                    let mark = single(text("replacement")?)?;
                    let prefixed = match text("prepend_scheme") {
                        Some(scheme) => scheme != "never",
                        None => step.get("add_prefix_space").and_then(Value::as_bool).unwrap_or(true),
                    };
                    plan.detokenizer.start = if prefixed { Start::Drop(mark) } else { Start::Space(mark) };
                }
                _ => return None,
            }
        }
        Some(plan)
    }

    /// What a token adds.
    pub(crate) fn piece(&self, token: &str) -> Piece {
        if self.byte_level {
            let bytes = letters::bytes(token).unwrap_or_else(|| token.as_bytes().to_vec());
            return Piece::Bytes(bytes.into());
        }
        let replace = |text: String, (from, to): &(String, String)| text.replace(from.as_str(), to);
        let text = self.replacements.iter().fold(token.to_owned(), replace);
        match byte_token(&text).filter(|_| self.byte_fallback) {
            Some(byte) => Piece::Bytes(Box::new([byte])),
            None => Piece::Text(text.into()),
        }
    }
}

/// The steps of a decoder, sequences opened.
fn flatten<'a>(decoder: &'a Value, steps: &mut Vec<&'a Value>) -> Option<()> {
    if decoder.is_null() {
        return Some(());
    }
    if decoder.get("type").and_then(Value::as_str) == Some("Sequence") {
        return decoder.get("decoders")?.as_array()?.iter().try_for_each(|inner| flatten(inner, steps));
    }
    steps.push(decoder);
    Some(())
}

fn single(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|_| letters.next().is_none())
}

/// The byte of a token such as `<0x0A>`.
pub(crate) fn byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// Text of tokens as they come. Made by [`Tokenizer::stream`](crate::Tokenizer::stream).
///
/// ```
/// # let json = r#"{"version":"1.0","added_tokens":[],"decoder":{"type":"ByteLevel","add_prefix_space":false,
/// # "trim_offsets":true,"use_regex":true},"model":{"type":"BPE","vocab":{"Ã":0,"©":1,"t":2},"merges":[]}}"#;
/// let tokenizer = glassbox_text::Tokenizer::from_json(json.as_bytes())?;
/// let mut stream = tokenizer.stream(true);
/// assert_eq!(stream.push(2)?.as_deref(), Some("t"));
/// assert_eq!(stream.push(0)?, None); // the first of the two bytes of é
/// assert_eq!(stream.push(1)?.as_deref(), Some("é"));
/// assert_eq!(stream.finish(), None);
/// # Ok::<(), glassbox_text::TextError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextStream {
    tokenizer: Arc<Inner>,
    skip_special: bool,
    /// Bytes that wait for more.
    pending: Vec<u8>,
    /// Tokens of a decoder that can only run on all of them.
    kept: Vec<u32>,
    /// Whether a piece was there before.
    begun: bool,
    /// How many characters, or spaces of pieces, may still be left out at the beginning.
    strip: usize,
}

impl TextStream {
    pub(crate) fn new(tokenizer: Arc<Inner>, skip_special: bool) -> TextStream {
        let strip = match &tokenizer.detokenizer {
            Some(Detokenizer { start: Start::Strip(_, count) | Start::Lead(count), .. }) => *count,
            _ => 0,
        };
        TextStream { tokenizer, skip_special, pending: Vec::new(), kept: Vec::new(), begun: false, strip }
    }

    /// Adds a token. The text that is now sure, if there is any.
    ///
    /// Decoders of a `tokenizer.json` that look at all tokens together (`WordPiece`, `CTC`) give their text at
    /// [`TextStream::finish`].
    ///
    /// # Errors
    /// When the vocabulary has no such token. The stream is as before, then.
    pub fn push(&mut self, id: u32) -> Result<Option<String>, TextError> {
        let tokenizer = Arc::clone(&self.tokenizer);
        let Some(token) = tokenizer.token(id) else {
            return Err(TextError::UnknownToken { id, size: tokenizer.tokens.len() });
        };
        if self.skip_special && token.special {
            return Ok(None);
        }
        let Some(detokenizer) = &tokenizer.detokenizer else {
            self.kept.push(id);
            return Ok(None);
        };
        let mut text = String::new();
        if self.begun && !detokenizer.between.is_empty() {
            self.settle(detokenizer, &mut text);
            text.push_str(detokenizer.between);
        }
        match &token.piece {
            Piece::Text(piece) => {
                self.settle(detokenizer, &mut text);
                let lead = matches!(detokenizer.start, Start::Lead(_)) && self.strip > 0 && !token.special;
                match piece.strip_prefix(' ').filter(|_| lead) {
                    Some(rest) => {
                        self.strip -= 1;
                        self.write(detokenizer, rest, &mut text);
                    }
                    None => self.write(detokenizer, piece, &mut text),
                }
            }
            Piece::Bytes(bytes) => {
                self.pending.extend_from_slice(bytes);
                match detokenizer.invalid {
                    Invalid::Run => {}
                    Invalid::Sequence | Invalid::Byte => self.take_sure(detokenizer, &mut text),
                }
            }
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// Ends the text: what was held back, with U+FFFD for what is no character. The stream is as new after it.
    pub fn finish(&mut self) -> Option<String> {
        let mut text = String::new();
        let tokenizer = Arc::clone(&self.tokenizer);
        match &tokenizer.detokenizer {
            Some(detokenizer) => self.settle(detokenizer, &mut text),
            // An error of the decoder was reported by `decode`; here there is no more than what it could tell.
            None => text = tokenizer.decode_whole(&self.kept, self.skip_special).unwrap_or_default(),
        }
        *self = TextStream::new(tokenizer, self.skip_special);
        (!text.is_empty()).then_some(text)
    }

    /// Writes the pending bytes that no later byte can change.
    fn take_sure(&mut self, detokenizer: &Detokenizer, text: &mut String) {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    self.write(detokenizer, valid, text);
                    return;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.write(detokenizer, std::str::from_utf8(valid).unwrap_or_default(), text);
                    let Some(wrong) = error.error_len() else {
                        self.pending = after.to_vec();
                        return;
                    };
                    self.write(detokenizer, "\u{fffd}", text);
                    rest = &after[if detokenizer.invalid == Invalid::Byte { 1 } else { wrong }..];
                }
            }
        }
    }

    /// Writes all pending bytes: no more of them come.
    fn settle(&mut self, detokenizer: &Detokenizer, text: &mut String) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        match (std::str::from_utf8(&pending), detokenizer.invalid) {
            (Ok(valid), _) => self.write(detokenizer, valid, text),
            // What `take_sure` left is the beginning of one character.
            (Err(_), Invalid::Sequence) => self.write(detokenizer, "\u{fffd}", text),
            (Err(_), Invalid::Byte | Invalid::Run) => {
                pending.iter().for_each(|_| self.write(detokenizer, "\u{fffd}", text));
            }
        }
    }

    /// Writes a piece as it stands in the text.
    fn write(&mut self, detokenizer: &Detokenizer, piece: &str, text: &mut String) {
        let first = !self.begun;
        match &detokenizer.start {
            Start::Keep => text.push_str(piece),
            Start::Lead(_) => {
                text.push_str(piece);
                self.strip = if piece.is_empty() { self.strip } else { 0 };
            }
            Start::Strip(letter, _) => {
                let mut rest = piece;
                while self.strip > 0 && !rest.is_empty() {
                    match rest.strip_prefix(*letter) {
                        Some(after) => (rest, self.strip) = (after, self.strip - 1),
                        None => self.strip = 0,
                    }
                }
                text.push_str(rest);
            }
            Start::Drop(mark) if first => text.extend(piece.chars().filter(|letter| letter != mark)),
            Start::Drop(mark) | Start::Space(mark) => {
                text.extend(piece.chars().map(|letter| if letter == *mark { ' ' } else { letter }));
            }
        }
        self.begun = true;
    }
}
