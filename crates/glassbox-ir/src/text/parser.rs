//! The reader of tokens that the grammars of graphs and examples share: dims, types, literals.
//!
//! Looks one token ahead. Keeps the limit on nesting, and takes no more memory than the text has
//! characters, in proportion.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use glassbox_tensor::{Class, DType, Tensor};

use super::ParseOptions;
use super::data::{data_hash, tensor_of_data};
use super::error::{ParseError, Problem, nearest};
use super::lex::{Lexer, Token, shortened};
use super::literal::{pack, parse_element};
use crate::attr::{Attr, AttrKind};
use crate::dim::Dim;
use crate::types::{Shape, TensorType, Type};

/// How deep regions, types, dims and values may stand in each other.
pub(super) const DEEPEST: usize = 128;

/// Tokens, with the next one known.
pub(super) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The next token.
    pub(super) token: Token<'a>,
    /// Where it begins.
    pub(super) start: usize,
    depth: usize,
    options: ParseOptions<'a>,
    /// The `data` section, by hash.
    data: HashMap<u128, Cow<'a, str>>,
    /// The tensors made of it.
    tensors: HashMap<u128, Tensor>,
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

    /// A sum of products of numbers, symbols and functions; or `?`.
    pub(super) fn dim(&mut self) -> Parsed<Dim> {
        if self.take("?")? {
            return Ok(Dim::Unknown);
        }
        self.nested(Self::sum)
    }

    fn sum(&mut self) -> Parsed<Dim> {
        let start = self.start;
        let mut negative = self.take("-")?;
        let mut sum = Dim::Int(0);
        loop {
            sum = sum + self.product(negative)?;
            self.check_dim(start, &sum)?;
            negative = self.at("-");
            if !self.take("-")? && !self.take("+")? {
                return Ok(sum);
            }
        }
    }

    /// Factors; the first, where it is a number, takes the sign, so that the least integer can be read.
    fn product(&mut self, negative: bool) -> Parsed<Dim> {
        let start = self.start;
        let mut product = match self.token {
            Token::Number(digits) => {
                let sign = if negative { "-" } else { "" };
                let value = format!("{sign}{digits}").parse().map_err(|_| {
                    let digits = shortened(digits);
                    self.invalid(start, format!("`{sign}{digits}` is not an integer in [-2^63, 2^63)"))
                })?;
                self.advance()?;
                Dim::Int(value)
            }
            _ if negative => Dim::Int(-1) * self.factor()?,
            _ => self.factor()?,
        };
        while self.take("*")? {
            product = product * self.factor()?;
            self.check_dim(start, &product)?;
        }
        Ok(product)
    }

    fn factor(&mut self) -> Parsed<Dim> {
        const EXPECTED: &str = "a dim: a number, a symbol, `?`, or `floordiv`, `mod`, `min` or `max` of two";
        let start = self.start;
        match &self.token {
            Token::Number(_) => self.product(false),
            Token::Text(_) => Ok(Dim::symbol(&self.string(EXPECTED)?)),
            Token::Word(word) => {
                let function: fn(&Dim, &Dim) -> Dim = match *word {
                    "floordiv" => Dim::floor_div,
                    "mod" => Dim::modulo,
                    "min" => Dim::minimum,
                    "max" => Dim::maximum,
                    name => {
                        let symbol = Dim::symbol(name);
                        self.advance()?;
                        return Ok(symbol);
                    }
                };
                self.advance()?;
                self.expect("(")?;
                let left = self.nested(Self::sum)?;
                self.expect(",")?;
                let right = self.nested(Self::sum)?;
                self.expect(")")?;
                let result = function(&left, &right);
                self.check_dim(start, &result)?;
                Ok(result)
            }
            Token::Mark("(") => {
                self.advance()?;
                let inner = self.nested(Self::sum)?;
                self.expect(")")?;
                Ok(inner)
            }
            _ => Err(self.expected(EXPECTED)),
        }
    }

    fn check_dim(&self, start: usize, dim: &Dim) -> Parsed<()> {
        if dim.is_unknown() {
            let message = "the dim is no number: it divides by zero, leaves the range of i64, or is too large";
            return Err(self.invalid(start, message));
        }
        Ok(())
    }

    pub(super) fn dtype(&mut self) -> Parsed<DType> {
        let (start, name) = (self.start, self.word("a dtype, such as `f32`")?);
        self.dtype_named(start, name)
    }

    fn dtype_named(&self, start: usize, name: &str) -> Parsed<DType> {
        name.parse().map_err(|_| {
            let names = DType::ALL.iter().map(|dtype| dtype.name());
            let hint = did_you_mean(nearest(name, names));
            self.error(start, Problem::Unknown { what: "dtype", name: shortened(name).into_owned(), hint })
        })
    }

    /// `f32[2, B]`, `f32[*]`, `seq<..>`, `opt<..>`.
    pub(super) fn ty(&mut self) -> Parsed<Type> {
        match self.token {
            Token::Word(word @ ("seq" | "opt")) => {
                self.advance()?;
                self.expect("<")?;
                let element = self.nested(Self::ty)?;
                self.expect(">")?;
                Ok(if word == "seq" { Type::sequence(element) } else { Type::optional(element) })
            }
            Token::Word(_) => Ok(self.tensor_type()?.into()),
            _ => Err(self.expected("a type, such as `f32[2, B]`")),
        }
    }

    pub(super) fn tensor_type(&mut self) -> Parsed<TensorType> {
        let dtype = self.dtype()?;
        self.expect("[")?;
        if self.take("*")? {
            self.expect("]")?;
            return Ok(TensorType { dtype, shape: Shape::Unranked });
        }
        let dims = self.list("]", |parser| {
            let (start, dim) = (parser.start, parser.dim()?);
            match dim {
                Dim::Int(value) if value < 0 => Err(parser.invalid(start, format!("the dim {value} is negative"))),
                dim => Ok(dim),
            }
        })?;
        Ok(TensorType { dtype, shape: Shape::Ranked(dims) })
    }

    /// The spelling of a literal: an optional sign, then digits or a word.
    fn spelling(&mut self, what: &str) -> Parsed<Cow<'a, str>> {
        let negative = self.take("-")?;
        let spelling = match self.token {
            Token::Number(text) | Token::Word(text) => text,
            _ => return Err(self.expected(what)),
        };
        self.advance()?;
        Ok(if negative { Cow::Owned(format!("-{spelling}")) } else { Cow::Borrowed(spelling) })
    }

    /// The bits of one element.
    fn element(&mut self, dtype: DType) -> Parsed<u64> {
        let start = self.start;
        if dtype.is_float() && self.take_word("bits")? {
            return self.bits(dtype);
        }
        let spelling = self.spelling(&format!("a value of {dtype}"))?;
        parse_element(dtype, &spelling).map_err(|message| self.invalid(start, message))
    }

    /// `(0x7fc00001)`, as many bits as the dtype has.
    fn bits(&mut self, dtype: DType) -> Parsed<u64> {
        self.expect("(")?;
        let start = self.start;
        let digits = match self.token {
            Token::Number(number) => number.strip_prefix("0x"),
            _ => None,
        };
        let Some(digits) = digits else { return Err(self.expected("bits, such as `0x7fc00001`")) };
        let width = dtype.bits().unwrap_or(64);
        let value = u64::from_str_radix(digits, 16).ok().filter(|value| width == 64 || value >> width == 0);
        let Some(value) = value else {
            return Err(self.invalid(start, format!("`0x{}` are not the {width} bits of {dtype}", shortened(digits))));
        };
        self.advance()?;
        self.expect(")")?;
        Ok(value)
    }

    /// A tensor: dtype, dims and contents, such as `f32[2] [1, 2]`.
    pub(super) fn tensor(&mut self) -> Parsed<Tensor> {
        let start = self.start;
        let dtype = self.dtype()?;
        self.expect("[")?;
        let dims = self.list("]", |parser| {
            let (start, dim) = (parser.start, parser.natural("a number, the extent of an axis of the tensor")?);
            usize::try_from(dim).map_err(|_| parser.invalid(start, "the dim is too large for this machine"))
        })?;
        self.contents(start, dtype, Some(dims))
    }

    /// What follows the dtype and dims of a tensor. Without `dims`, a vector of as many elements as are
    /// written.
    pub(super) fn contents(&mut self, start: usize, dtype: DType, dims: Option<Vec<usize>>) -> Parsed<Tensor> {
        if let (Some(dims), true) = (&dims, self.at_word("data")) {
            return self.data(start, dtype, dims);
        }
        if dtype == DType::String {
            let strings = self.elements(dims.as_deref(), |parser| Ok(parser.string("a string")?.into_owned()))?;
            let dims = dims.unwrap_or_else(|| vec![strings.len()]);
            return Tensor::from_strings(&dims, strings).map_err(|error| self.invalid(start, error.to_string()));
        }
        let elements = self.elements(dims.as_deref(), |parser| parser.element(dtype))?;
        let dims = dims.unwrap_or_else(|| vec![elements.len()]);
        let expected = glassbox_tensor::layout::element_count(&dims);
        if expected != Some(elements.len()) {
            let count = elements.len();
            return Err(
                self.invalid(start, format!("{dtype}{dims:?} doesn't have the {count} elements that are written"))
            );
        }
        let empty = elements.is_empty() && dtype.class() == Class::Block;
        let bytes = if empty { Ok(Vec::new()) } else { pack(dtype, &elements) };
        let bytes = bytes.map_err(|message| self.invalid(start, message))?;
        Tensor::from_bytes(dtype, &dims, bytes).map_err(|error| self.invalid(start, error.to_string()))
    }

    /// `[element, element]`, or for a scalar one element alone.
    fn elements<T>(
        &mut self,
        dims: Option<&[usize]>,
        mut element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        if self.take("[")? {
            return self.list("]", element);
        }
        match dims {
            Some([]) => Ok(vec![element(self)?]),
            _ => Err(self.expected("the elements of the tensor, in `[` and `]`, or its `data`")),
        }
    }

    /// `data("0123...")`.
    fn data(&mut self, start: usize, dtype: DType, dims: &[usize]) -> Parsed<Tensor> {
        self.advance()?;
        self.expect("(")?;
        let hash = self.hash()?;
        self.expect(")")?;
        let tensor = match self.tensors.get(&hash) {
            Some(tensor) => tensor.clone(),
            None => {
                let tensor = self.find_data(start, hash, dtype, dims)?;
                let found = data_hash(&tensor).map_err(|error| self.invalid(start, error.to_string()))?;
                if found != hash {
                    let message = format!("the data of {dtype}{dims:?} has the hash {found:032x}, not {hash:032x}");
                    return Err(self.invalid(start, message));
                }
                self.tensors.insert(hash, tensor.clone());
                tensor
            }
        };
        if tensor.dtype() != dtype || tensor.shape() != dims {
            let message = format!("the data is {}{:?}, not {dtype}{dims:?}", tensor.dtype(), tensor.shape());
            return Err(self.invalid(start, message));
        }
        Ok(tensor)
    }

    fn find_data(&self, start: usize, hash: u128, dtype: DType, dims: &[usize]) -> Parsed<Tensor> {
        if let Some(text) = self.data.get(&hash) {
            let bytes = BASE64.decode(text.as_bytes());
            let bytes = bytes.map_err(|error| self.invalid(start, format!("data {hash:032x}: {error}")))?;
            let tensor = tensor_of_data(dtype, dims, &bytes);
            return tensor.map_err(|message| self.invalid(start, format!("data {hash:032x}: {message}")));
        }
        let resolved = self.options.resolve.and_then(|resolve| resolve(hash));
        resolved.ok_or_else(|| self.error(start, Problem::MissingData { hash }))
    }

    fn hash(&mut self) -> Parsed<u128> {
        let start = self.start;
        let text = self.string("the hash of the data, in quotes")?;
        let right = text.len() == 32 && text.chars().all(|digit| digit.is_ascii_hexdigit());
        let hash = u128::from_str_radix(&text, 16).ok().filter(|_| right);
        hash.ok_or_else(|| self.invalid(start, "a hash has 32 hexadecimal digits"))
    }

    /// Reads the `data` section behind the graph that begins here, and comes back.
    pub(super) fn read_data_ahead(&mut self) -> Parsed<()> {
        let (lexer, token, start) = (self.lexer.clone(), self.token.clone(), self.start);
        let mut depth = 0usize;
        loop {
            match self.advance()? {
                Token::Mark("{") => depth += 1,
                Token::Mark("}") => depth = depth.saturating_sub(1),
                Token::End => break,
                _ => continue,
            }
            if depth == 0 {
                break;
            }
        }
        if self.at_word("data") {
            self.data = self.data_section()?;
        }
        (self.lexer, self.token, self.start) = (lexer, token, start);
        Ok(())
    }

    /// `data { "hash" = base64 "..." ... }`
    pub(super) fn data_section(&mut self) -> Parsed<HashMap<u128, Cow<'a, str>>> {
        let mut data = HashMap::new();
        self.advance()?;
        self.expect("{")?;
        while !self.take("}")? {
            let start = self.start;
            let hash = self.hash()?;
            self.expect("=")?;
            if !self.take_word("base64")? {
                return Err(self.expected("`base64`"));
            }
            let bytes = self.string("the bytes as base64, in quotes")?;
            if data.insert(hash, bytes).is_some() {
                return Err(self.error(start, Problem::Duplicate { what: "data", name: format!("{hash:032x}") }));
            }
        }
        Ok(data)
    }

    /// The value of an attribute of this kind.
    pub(super) fn attr(&mut self, kind: AttrKind) -> Parsed<Attr> {
        Ok(match kind {
            AttrKind::Bool => match self.token {
                Token::Word(word @ ("true" | "false")) => {
                    self.advance()?;
                    Attr::Bool(word == "true")
                }
                _ => return Err(self.expected("`true` or `false`")),
            },
            AttrKind::Int => Attr::Int(self.element(DType::I64)?.cast_signed()),
            AttrKind::Float => Attr::Float(f64::from_bits(self.element(DType::F64)?)),
            AttrKind::Str => Attr::Str(self.string("a string")?.into_owned()),
            AttrKind::Enum(members) => {
                let start = self.start;
                let value = self.string(&format!("one of {members:?}"))?;
                if !members.contains(&value.as_ref()) {
                    return Err(self.invalid(start, format!("{:?} is not one of {members:?}", shortened(&value))));
                }
                Attr::Str(value.into_owned())
            }
            AttrKind::Ints => {
                self.expect("[")?;
                Attr::Ints(self.list("]", |parser| Ok(parser.element(DType::I64)?.cast_signed()))?)
            }
            AttrKind::Floats => {
                self.expect("[")?;
                Attr::Floats(self.list("]", |parser| Ok(f64::from_bits(parser.element(DType::F64)?)))?)
            }
            AttrKind::Strs => {
                self.expect("[")?;
                Attr::Strs(self.list("]", |parser| Ok(parser.string("a string")?.into_owned()))?)
            }
            AttrKind::DType => Attr::DType(self.dtype()?),
            AttrKind::Type => Attr::Type(self.ty()?),
            AttrKind::Tensor => Attr::Tensor(self.tensor()?),
        })
    }
}

/// The hint that names what may be meant.
pub(super) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}
