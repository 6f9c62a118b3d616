//! Characters to tokens, one at a time.
//!
//! A token borrows from the text, unless it is quoted and has escapes. White space and comments (`//`
//! to the end of the line) stand between tokens. Refuses characters that begin no token, strings that
//! don't end, and escapes that mean nothing.

use std::borrow::Cow;
use std::fmt;

use super::error::{ParseError, Problem};

/// What a value is called in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Label<'a> {
    /// By its name.
    Name(Cow<'a, str>),
    /// By a number, where it has no name.
    Number(u64),
}

/// The smallest piece of a text that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A word: keywords, ops, attributes, dtypes, symbols of dims, and `_`.
    Word(&'a str),
    /// Digits, perhaps with a fraction, an exponent, or `0x` before hexadecimal digits. No sign.
    Number(&'a str),
    /// A quoted text.
    Text(Cow<'a, str>),
    /// `%name`, `%"name"` or `%12`.
    Value(Label<'a>),
    /// `@name` or `@"name"`.
    State(Cow<'a, str>),
    /// One of [`MARKS`].
    Mark(&'static str),
    /// The end of the text.
    End,
}

/// The tokens of punctuation; a longer one before its beginning. `@` that no name follows is one too.
const MARKS: &[&str] = &["->", "(", ")", "{", "}", "[", "]", "<", ">", ",", ":", "=", "+", "-", "*", "?", "|"];

/// The place in a text from which the next token is read.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

/// Whether a character can stand in a name that isn't quoted.
fn is_bare(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_./:#-".contains(character)
}

/// Whether the name of a value or state can be printed without quotes. A colon at the end would be
/// taken for the one before a type.
pub(super) fn is_bare_name(name: &str) -> bool {
    let only_digits = name.chars().all(|character| character.is_ascii_digit());
    name.chars().all(is_bare) && !only_digits && !name.ends_with(':')
}

/// Whether a text is one [`Token::Word`].
pub(super) fn is_word(text: &str) -> bool {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(word) && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, offset: 0 }
    }

    /// The next token, and the offset of its first byte.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), ParseError> {
        self.skip();
        let start = self.offset;
        let Some(first) = self.rest().chars().next() else { return Ok((start, Token::End)) };
        let token = match first {
            'a'..='z' | 'A'..='Z' | '_' => {
                Token::Word(self.take_while(|character| character.is_ascii_alphanumeric() || character == '_'))
            }
            '0'..='9' => Token::Number(self.number()),
            '"' => Token::Text(self.quoted()?),
            '%' => {
                self.offset += 1;
                Token::Value(self.label(start)?)
            }
            '@' => {
                self.offset += 1;
                match self.rest().chars().next() {
                    Some(next) if next == '"' || is_bare(next) => Token::State(self.name()?),
                    _ => Token::Mark("@"),
                }
            }
            _ => match MARKS.iter().find(|mark| self.rest().starts_with(**mark)) {
                Some(mark) => {
                    self.offset += mark.len();
                    Token::Mark(mark)
                }
                None => {
                    let message = format!("the character {first:?} means nothing here");
                    return Err(self.error(start, message));
                }
            },
        };
        Ok((start, token))
    }

    /// Where the token ends that was read last.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn error(&self, offset: usize, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, offset, Problem::Invalid(message.into()))
    }

    /// Passes over white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.offset += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.offset += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !keep(character)).unwrap_or(rest.len());
        self.offset += end;
        &rest[..end]
    }

    /// Digits; what they spell is judged where the number is used.
    fn number(&mut self) -> &'a str {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let digits = |from: usize, is_digit: fn(&u8) -> bool| {
            let tail = bytes.get(from..).unwrap_or_default();
            from + tail.iter().position(|byte| !is_digit(byte)).unwrap_or(tail.len())
        };
        let end = if rest.starts_with("0x") {
            digits(2, u8::is_ascii_hexdigit)
        } else {
            let mut end = digits(0, u8::is_ascii_digit);
            if bytes.get(end) == Some(&b'.') {
                end = digits(end + 1, u8::is_ascii_digit);
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                let exponent = digits(signed, u8::is_ascii_digit);
                if exponent > signed {
                    end = exponent;
                }
            }
            end
        };
        self.offset += end;
        &rest[..end]
    }

    fn label(&mut self, start: usize) -> Result<Label<'a>, ParseError> {
        let quoted = self.rest().starts_with('"');
        let name = self.name()?;
        if quoted || !name.chars().all(|character| character.is_ascii_digit()) {
            return Ok(Label::Name(name));
        }
        match name.parse() {
            Ok(number) => Ok(Label::Number(number)),
            Err(_) => Err(self.error(start, format!("the number of a value, `%{name}`, is too large"))),
        }
    }

    /// A name, bare or quoted; never empty.
    fn name(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let start = self.offset;
        let name = if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            let name = self.take_while(is_bare);
            let kept = name.trim_end_matches(':');
            self.offset -= name.len() - kept.len();
            Cow::Borrowed(kept)
        };
        if name.is_empty() {
            return Err(self.error(start, "a name is empty; leave out the name, or write it after the `%` or `@`"));
        }
        Ok(name)
    }

    /// A text in quotes, with the escapes that Rust has.
    fn quoted(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let start = self.offset;
        let content = start + 1;
        let mut escaped = String::new();
        let mut copied = content;
        let mut place = content;
        loop {
            let rest = self.text.get(place..).unwrap_or_default();
            let Some(stop) = rest.find(['"', '\\']) else {
                return Err(self.error(start, "the string has no end"));
            };
            place += stop;
            let so_far = &self.text[copied..place];
            if rest[stop..].starts_with('"') {
                self.offset = place + 1;
                if copied == content {
                    return Ok(Cow::Borrowed(so_far));
                }
                escaped.push_str(so_far);
                return Ok(Cow::Owned(escaped));
            }
            escaped.push_str(so_far);
            let (character, length) = self.escape(place)?;
            escaped.push(character);
            place += length;
            copied = place;
        }
    }

    /// The character that the escape at `place` stands for, and the length of the escape.
    fn escape(&self, place: usize) -> Result<(char, usize), ParseError> {
        let rest = &self.text[place + 1..];
        let simple = match rest.chars().next() {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('0') => Some('\0'),
            Some(same @ ('\\' | '"' | '\'')) => Some(same),
            _ => None,
        };
        if let Some(character) = simple {
            return Ok((character, 2));
        }
        let digits = rest.strip_prefix("u{").and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
        let code = digits.filter(|digits| digits.len() <= 6).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match (digits, code.and_then(char::from_u32)) {
            (Some(digits), Some(character)) => Ok((character, digits.len() + 4)),
            _ => Err(self.error(place, r#"no such escape; there are \n \r \t \0 \\ \" \' and \u{1f600}"#)),
        }
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Label::Name(name) => f.write_str(&shortened(name)),
            Label::Number(number) => write!(f, "{number}"),
        }
    }
}

/// How a message calls what it found.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{}`", shortened(word)),
            Token::Number(number) => write!(f, "the number `{}`", shortened(number)),
            Token::Text(text) => write!(f, "the string {:?}", shortened(text)),
            Token::Value(label) => write!(f, "the value `%{label}`"),
            Token::State(name) => write!(f, "the state `@{}`", shortened(name)),
            Token::Mark(mark) => write!(f, "`{mark}`"),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

/// A text short enough for a message.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
