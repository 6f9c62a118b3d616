//! Reading dims and types.
//!
//! Dims are evaluated as they are read, by the arithmetic of [`Dim`], so that what is read is in
//! canonical form whatever form it was written in. Refuses dims that are no number, and negative ones.

use glassbox_tensor::DType;

use super::error::{Problem, nearest};
use super::lex::{Token, shortened};
use super::parser::{Parsed, Parser, did_you_mean};
use crate::dim::Dim;
use crate::types::{Shape, TensorType, Type};

impl Parser<'_> {
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
        const EXPECTED: &str = "a dim: a number, a symbol, `?`, or `floordiv`, `mod`, `min`, `max` or `broadcast` \
                                of two";
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
                    "broadcast" => Dim::broadcast,
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
}
