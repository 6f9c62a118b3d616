//! Integer expressions, literals, operands and places.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{LitBool, LitFloat, LitInt, LitStr, Token, bracketed, parenthesized};

use glassbox_tensor::DType;

use super::{MAX_TERMS, Reader, comma, end, expected, fail, peek_any_word, peek_whole_literal, peek_word};
use crate::program::*;

impl Reader {
    /// An integer expression that stands alone.
    pub(super) fn whole_expr(&mut self, input: ParseStream) -> syn::Result<IntExpr> {
        self.terms = 0;
        self.expr(input)
    }

    /// Notes an operator, of which there may be so many.
    fn operator(&mut self, span: Span) -> syn::Result<()> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return fail(span, format!("an integer expression has at most {MAX_TERMS} operators; this is one more"));
        }
        Ok(())
    }

    /// A sum.
    fn expr(&mut self, input: ParseStream) -> syn::Result<IntExpr> {
        let mut left = self.product(input)?;
        loop {
            let op = if input.peek(Token![+]) {
                Binary::Add
            } else if input.peek(Token![-]) {
                Binary::Sub
            } else {
                return Ok(left);
            };
            self.operator(input.span())?;
            input.parse::<proc_macro2::Punct>()?;
            left = IntExpr::binary(op, left, self.product(input)?);
        }
    }

    fn product(&mut self, input: ParseStream) -> syn::Result<IntExpr> {
        let mut left = self.factor(input)?;
        loop {
            let op = if input.peek(Token![*]) {
                Binary::Mul
            } else if input.peek(Token![/]) {
                Binary::Div
            } else if input.peek(Token![%]) {
                Binary::Mod
            } else {
                return Ok(left);
            };
            self.operator(input.span())?;
            input.parse::<proc_macro2::Punct>()?;
            left = IntExpr::binary(op, left, self.factor(input)?);
        }
    }

    fn factor(&mut self, input: ParseStream) -> syn::Result<IntExpr> {
        if input.peek(Token![-]) {
            let mut negative = false;
            while input.peek(Token![-]) {
                self.operator(input.span())?;
                input.parse::<Token![-]>()?;
                negative = !negative;
            }
            let inner = self.factor(input)?;
            return Ok(if negative { IntExpr::negative(inner) } else { inner });
        }
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            let expr = self.expr(&inner)?;
            end(&inner, "an operator or `)`")?;
            return Ok(expr);
        }
        if input.peek(LitInt) {
            let literal = input.parse::<LitInt>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            return match literal.base10_parse::<i64>() {
                Ok(value) => Ok(IntExpr::Int(value)),
                Err(_) => fail(literal.span(), "this doesn't fit i64, in which integer expressions are computed"),
            };
        }
        if input.peek(LitFloat) {
            return fail(
                input.span(),
                "an integer expression can't have a float: write an integer, or the name of one",
            );
        }
        if !peek_any_word(input) {
            return Err(expected(input, "an integer, a name, `min(a, b)`, `max(a, b)` or a parenthesis"));
        }
        let name = self.name(input, "a name")?;
        let op = match name.text.as_str() {
            "min" => Binary::Min,
            "max" => Binary::Max,
            _ if input.peek(syn::token::Paren) => {
                let message = format!(
                    "`{}(…)` is no integer expression; of functions there are `min(a, b)`, `max(a, b)`",
                    name.text
                );
                return fail(self.span(&name), message);
            }
            _ => return Ok(IntExpr::Name(name)),
        };
        if !input.peek(syn::token::Paren) {
            return Ok(IntExpr::Name(name));
        }
        self.operator(self.span(&name))?;
        let inner;
        parenthesized!(inner in input);
        let left = self.expr(&inner)?;
        comma(&inner, format!("`,`: `{}` takes two integers", name.text))?;
        let right = self.expr(&inner)?;
        end(&inner, format!("`)`: `{}` takes two integers", name.text))?;
        Ok(IntExpr::binary(op, left, right))
    }

    pub(super) fn literal(&mut self, input: ParseStream) -> syn::Result<Literal> {
        let negative = input.peek(Token![-]);
        if negative {
            input.parse::<Token![-]>()?;
        }
        if input.peek(LitInt) {
            let literal = input.parse::<LitInt>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            return match literal.base10_parse::<i128>() {
                Ok(value) => Ok(Literal::Int(if negative { -value } else { value })),
                Err(_) => fail(literal.span(), "no dtype has integers as large as this"),
            };
        }
        if input.peek(LitFloat) {
            let literal = input.parse::<LitFloat>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            let value = literal.base10_parse::<f64>()?;
            if value.is_infinite() {
                return fail(literal.span(), "no dtype has floats as large as this; infinity is written `inf`");
            }
            return Ok(Literal::Float(if negative { -value } else { value }));
        }
        if peek_word(input, "inf") {
            self.name(input, "`inf`")?;
            return Ok(Literal::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        if negative {
            return Err(expected(input, "a number or `inf` after `-`"));
        }
        if peek_word(input, "nan") {
            self.name(input, "`nan`")?;
            return Ok(Literal::Float(f64::NAN));
        }
        if input.peek(LitBool) {
            return Ok(Literal::Bool(input.parse::<LitBool>()?.value));
        }
        if input.peek(LitStr) {
            return Ok(Literal::Text(input.parse::<LitStr>()?.value()));
        }
        Err(expected(input, "a literal (a number, `inf`, `-inf`, `nan`, `true`, `false` or a string)"))
    }

    fn list(&mut self, input: ParseStream) -> syn::Result<Vec<Literal>> {
        let inner;
        bracketed!(inner in input);
        let mut literals = Vec::new();
        while !inner.is_empty() {
            literals.push(self.literal(&inner)?);
            if !inner.is_empty() {
                comma(&inner, "`,` or `]` after a literal")?;
            }
        }
        Ok(literals)
    }

    /// A list of literals, or of integer expressions.
    fn list_of_any(&mut self, input: ParseStream) -> syn::Result<Argument> {
        let span = input.span();
        let inner;
        bracketed!(inner in input);
        let (mut literals, mut integers) = (Vec::new(), Vec::new());
        let mut count = 0;
        while !inner.is_empty() {
            count += 1;
            if peek_whole_literal(&inner) {
                let literal = self.literal(&inner)?;
                if let Literal::Int(value) = literal {
                    integers.extend(i64::try_from(value).map(IntExpr::Int));
                }
                literals.push(literal);
            } else {
                integers.push(self.whole_expr(&inner)?);
            }
            if !inner.is_empty() {
                comma(&inner, "`,` or `]` after an element")?;
            }
        }
        if literals.len() == count {
            Ok(Argument::List(literals))
        } else if integers.len() == count {
            Ok(Argument::Integers(integers))
        } else {
            fail(span, "a list is either of literals or of integer expressions")
        }
    }

    /// An operand, or the value of an attribute.
    pub(super) fn argument(&mut self, input: ParseStream) -> syn::Result<(Argument, At)> {
        let at = self.at(input.span());
        if input.peek(syn::token::Bracket) {
            return Ok((self.list_of_any(input)?, at));
        }
        let literal =
            input.peek(Token![-]) || input.peek(syn::Lit) || peek_word(input, "inf") || peek_word(input, "nan");
        if literal {
            return Ok((Argument::Literal(self.literal(input)?), at));
        }
        if input.peek(Token![_]) {
            input.parse::<Token![_]>()?;
            return Ok((Argument::Skipped, at));
        }
        let name = self.name(input, "a variable, an entry of a table, a literal, a list or `_`")?;
        if let Ok(dtype) = name.text.parse::<DType>() {
            if !input.peek(syn::token::Bracket) {
                return Ok((Argument::DType(dtype), at));
            }
            let ty = Ty { dtype, dims: self.dims(input)?, at };
            if input.peek(syn::token::Bracket) {
                return Ok((Argument::Tensor(ty, self.list(input)?), at));
            }
            return Ok((Argument::Type(ty), at));
        }
        if !input.peek(syn::token::Bracket) {
            return Ok((Argument::Name(name), at));
        }
        let mut indices = Vec::new();
        for index in self.indices(input)? {
            match index {
                Index::At(expr) => indices.push(expr),
                Index::Slice(..) => {
                    let message = format!("`{}` can't be sliced here: read a slice with `cache.read` first", name.text);
                    return fail(self.span(&name), message);
                }
            }
        }
        Ok((Argument::Entry(name, indices), at))
    }

    fn indices(&mut self, input: ParseStream) -> syn::Result<Vec<Index>> {
        let inner;
        bracketed!(inner in input);
        let mut indices = Vec::new();
        while !inner.is_empty() {
            indices.push(self.index(&inner)?);
            if inner.peek(Token![:]) {
                return fail(inner.span(), "a slice is written `a..b`, not with `:`");
            }
            if !inner.is_empty() {
                comma(&inner, "`,` or `]` after an index")?;
            }
        }
        Ok(indices)
    }

    fn index(&mut self, input: ParseStream) -> syn::Result<Index> {
        let start = if input.peek(Token![..]) { None } else { Some(self.whole_expr(input)?) };
        if !input.peek(Token![..]) {
            return match start {
                Some(at) => Ok(Index::At(at)),
                None => Err(expected(input, "an index or a slice")),
            };
        }
        if input.peek(Token![..=]) {
            return fail(input.span(), "slices are half-open: write `a..b`, without `=`");
        }
        input.parse::<Token![..]>()?;
        let end = if input.is_empty() || input.peek(Token![,]) { None } else { Some(self.whole_expr(input)?) };
        Ok(Index::Slice(start, end))
    }

    pub(super) fn region(&mut self, input: ParseStream) -> syn::Result<CacheSlice> {
        let name = self.name(input, "a persistent variable")?;
        let indices = if input.peek(syn::token::Bracket) { Some(self.indices(input)?) } else { None };
        Ok(CacheSlice { name, indices })
    }
}

fn plain_suffix(suffix: &str, span: Span) -> syn::Result<()> {
    if suffix.is_empty() {
        Ok(())
    } else {
        fail(span, format!("numbers have no suffix here: leave out `{suffix}`; their dtype is that of their place"))
    }
}
