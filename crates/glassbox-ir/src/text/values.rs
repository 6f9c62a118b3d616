//! Reading literals: elements, tensors, the data of long tensors, attributes.
//!
//! The elements that are written, or the bytes, must be those that the dims ask for; nothing is allocated
//! for dims alone. Data is held against the hash that it is named by.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use glassbox_tensor::{Class, DType, Tensor};

use super::data::{data_hash, tensor_of_data};
use super::error::Problem;
use super::lex::{Token, shortened};
use super::literal::{pack, parse_element};
use super::parser::{Parsed, Parser};
use crate::attr::{Attr, AttrKind};

impl<'a> Parser<'a> {
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
            AttrKind::Str | AttrKind::State => Attr::Str(self.string("a string")?.into_owned()),
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
    /// The value of a hint, whose kind is that of its literal.
    pub(super) fn advice(&mut self) -> Parsed<Attr> {
        for (word, empty) in [
            ("ints", Attr::Ints(Vec::new())),
            ("floats", Attr::Floats(Vec::new())),
            ("strings", Attr::Strs(Vec::new())),
        ] {
            if self.take_word(word)? {
                self.expect("[")?;
                self.expect("]")?;
                return Ok(empty);
            }
        }
        let start = self.start;
        if !self.take("[")? {
            return self.single_advice();
        }
        let items = self.list("]", Self::single_advice)?;
        let (mut ints, mut floats, mut strings) = (Vec::new(), Vec::new(), Vec::new());
        let count = items.len();
        for item in items {
            match item {
                Attr::Int(value) => ints.push(value),
                Attr::Float(value) => floats.push(value),
                Attr::Str(value) => strings.push(value),
                _ => {}
            }
        }
        match (ints.len(), floats.len(), strings.len()) {
            (0, 0, 0) if count == 0 => Err(self
                .invalid(start, "nothing says what an empty list is of: write `ints []`, `floats []` or `strings []`")),
            (found, ..) if found == count => Ok(Attr::Ints(ints)),
            (_, found, _) if found == count => Ok(Attr::Floats(floats)),
            (.., found) if found == count => Ok(Attr::Strs(strings)),
            _ => Err(self.invalid(
                start,
                "a list in a hint is of integers, of floats (`1.0`) or of strings, not of several kinds",
            )),
        }
    }

    fn single_advice(&mut self) -> Parsed<Attr> {
        let start = self.start;
        match self.token {
            Token::Text(_) => self.attr(AttrKind::Str),
            Token::Word("true" | "false") => self.attr(AttrKind::Bool),
            Token::Word("inf" | "nan" | "bits") => self.attr(AttrKind::Float),
            Token::Word(_) if !self.followed_by("[") && !self.followed_by("<") => self.attr(AttrKind::DType),
            Token::Word(_) => {
                let ty = self.ty()?;
                let sizes = ty.as_tensor().and_then(|tensor| tensor.shape.sizes());
                match sizes {
                    Some(sizes) if !self.at(",") && !self.at("}") && !self.at("]") => {
                        Ok(Attr::Tensor(self.contents(start, ty.dtype(), Some(sizes))?))
                    }
                    _ => Ok(Attr::Type(ty)),
                }
            }
            _ => {
                let spelling = self.spelling("the value of a hint, such as `true`, `8`, `0.5` or `\"text\"`")?;
                let float = spelling.contains(['.', 'e', 'E', 'n']) && !spelling.contains('x');
                let dtype = if float { DType::F64 } else { DType::I64 };
                let bits = parse_element(dtype, &spelling).map_err(|message| self.invalid(start, message))?;
                Ok(if float { Attr::Float(f64::from_bits(bits)) } else { Attr::Int(bits.cast_signed()) })
            }
        }
    }
}
