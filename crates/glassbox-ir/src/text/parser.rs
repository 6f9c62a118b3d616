//! The reader of tokens that all grammars share.
//!
//! Looks one token ahead. Keeps the limit on nesting, and takes no more memory than the text has
//! characters, in proportion. What dims and types are is in [`types`](super::types), what literals and
//! attributes are in [`values`](super::values).

use std::borrow::Cow;
use std::collections::HashMap;

use glassbox_tensor::Tensor;

use super::ParseOptions;
use super::error::{ParseError, Problem};
use super::lex::{Lexer, Token, shortened};

/// How deep regions, types, dims and values may stand in each other.
pub(super) const DEEPEST: usize = 128;

/// Tokens, with the next one known.
pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) lexer: Lexer<'a>,
    /// The next token.
    pub(super) token: Token<'a>,
    /// Where it begins.
    pub(super) start: usize,
    depth: usize,
    pub(super) options: ParseOptions<'a>,
    /// The `data` section, by hash.
    pub(super) data: HashMap<u128, Cow<'a, str>>,
    /// The tensors made of it.
    pub(super) tensors: HashMap<u128, Tensor>,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, options: ParseOptions<'a>) -> Parsed<Parser<'a>> {
        let mut lexer = Lexer::new(text);
        let (start, token) = lexer.next()?;
        let (data, tensors) = (HashMap::new(), HashMap::new());
        Ok(Parser { text, lexer, token, start, depth: 0, options, data, tensors })
    }

    /// The next token, which is passed.
    pub(super) fn advance(&mut self) -> Parsed<Token<'a>> {
        let (start, token) = self.lexer.next()?;
        self.start = start;
        Ok(std::mem::replace(&mut self.token, token))
    }

    pub(super) fn error(&self, offset: usize, problem: Problem) -> ParseError {
        ParseError::at(self.text, offset, problem)
    }

    pub(super) fn invalid(&self, offset: usize, message: impl Into<String>) -> ParseError {
        self.error(offset, Problem::Invalid(message.into()))
    }

    /// The error that something else was to stand here.
    pub(super) fn expected(&self, expected: impl Into<String>) -> ParseError {
        let found = self.token.to_string();
        self.error(self.start, Problem::Expected { found, expected: expected.into() })
    }

    pub(super) fn at(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(found) if *found == mark)
    }

    /// Whether `mark` follows the next token.
    pub(super) fn followed_by(&self, mark: &str) -> bool {
        matches!(self.lexer.clone().next(), Ok((_, Token::Mark(found))) if found == mark)
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if *found == word)
    }

    /// Passes `mark` where it stands here.
    pub(super) fn take(&mut self, mark: &str) -> Parsed<bool> {
        let here = self.at(mark);
        if here {
            self.advance()?;
        }
        Ok(here)
    }

    /// Passes `word` where it stands here.
    pub(super) fn take_word(&mut self, word: &str) -> Parsed<bool> {
        let here = self.at_word(word);
        if here {
            self.advance()?;
        }
        Ok(here)
    }

    pub(super) fn expect(&mut self, mark: &str) -> Parsed<()> {
        if self.take(mark)? { Ok(()) } else { Err(self.expected(format!("`{mark}`"))) }
    }

    pub(super) fn word(&mut self, what: &str) -> Parsed<&'a str> {
        match self.token {
            Token::Word(word) => {
                self.advance()?;
                Ok(word)
            }
            _ => Err(self.expected(what)),
        }
    }

    pub(super) fn string(&mut self, what: &str) -> Parsed<Cow<'a, str>> {
        if !matches!(self.token, Token::Text(_)) {
            return Err(self.expected(what));
        }
        match self.advance()? {
            Token::Text(text) => Ok(text),
            _ => Err(self.expected(what)),
        }
    }

    /// A natural number.
    pub(super) fn natural(&mut self, what: &str) -> Parsed<u64> {
        let Token::Number(digits) = self.token else { return Err(self.expected(what)) };
        let number = digits
            .parse()
            .map_err(|_| self.invalid(self.start, format!("`{}` is not a number in 0..2^64", shortened(digits))))?;
        self.advance()?;
        Ok(number)
    }

    /// One level of nesting more, which [`Parser::leave`] ends.
    pub(super) fn enter(&mut self, start: usize) -> Parsed<()> {
        if self.depth >= DEEPEST {
            return Err(self.error(start, Problem::Limit { what: "the nesting here", limit: DEEPEST }));
        }
        self.depth += 1;
        Ok(())
    }

    /// The end of what [`Parser::enter`] began.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Reads something that may contain itself.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.enter(self.start)?;
        let result = read(self);
        self.leave();
        result
    }

    /// `item, item` up to the mark `end`, which is passed.
    pub(super) fn list<T>(&mut self, end: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        if self.take(end)? {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.take(end)? {
                return Ok(items);
            }
            if !self.take(",")? {
                return Err(self.expected(format!("`,` or `{end}`")));
            }
        }
    }
}

/// The hint that names what may be meant.
pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
