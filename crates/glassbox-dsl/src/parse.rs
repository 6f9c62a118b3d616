//! Reading programs, from text or from the tokens of a macro.
//!
//! The tokens are Rust's. A parser notes the span of every place that something is remembered to stand at, so
//! that a mistake that is found later can be pointed at, too.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitBool, LitFloat, LitInt, LitStr, Token, braced, bracketed, parenthesized};

use glassbox_tensor::DType;

use crate::error::{DslError, Place};
use crate::program::*;

/// How deep brackets may stand in each other.
const MOST_NESTED: usize = 100;

/// A program with the spans of its parts.
pub struct Parsed {
    /// The program.
    pub program: Program,
    /// The span of each [`At::token`].
    pub spans: Vec<Span>,
}

impl Parsed {
    /// Where something stands among the tokens.
    pub fn span(&self, at: At) -> Span {
        self.spans.get(at.token as usize).copied().unwrap_or_else(Span::call_site)
    }
}

impl Program {
    /// Reads a program in block form from text; `file` is how messages call it.
    pub fn parse(file: &str, text: &str) -> Result<Program, DslError> {
        let place = |line| Place { file: file.to_owned(), line, block: String::new() };
        check_depth(text).map_err(|line| DslError::new(place(line), "brackets are nested too deep"))?;
        let wrong = |error: syn::Error| DslError::new(place(error.span().start().line as u32), error.to_string());
        let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            let line = error.span().start().line as u32;
            DslError::new(place(line), "this is no token, or a bracket or a quote isn't closed")
        })?;
        let parsed = parse_tokens(file, tokens).map_err(wrong)?;
        Ok(parsed.program)
    }
}

/// Reads a program in block form from tokens.
pub fn parse_tokens(file: &str, tokens: TokenStream) -> syn::Result<Parsed> {
    let read = |input: ParseStream| {
        let mut reader = Reader { spans: vec![Span::call_site()] };
        let program = reader.program(input, file)?;
        Ok(Parsed { program, spans: reader.spans })
    };
    read.parse2(tokens)
}

/// The line in which brackets, as they are counted without looking at what they stand in, are nested too deep.
fn check_depth(text: &str) -> Result<(), u32> {
    let (mut depth, mut line) = (0usize, 1);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => line += 1,
            _ => {}
        }
        if depth > MOST_NESTED {
            return Err(line);
        }
    }
    Ok(())
}

struct Reader {
    spans: Vec<Span>,
}

fn fail<T>(span: Span, message: impl std::fmt::Display) -> syn::Result<T> {
    Err(syn::Error::new(span, message))
}

/// Whether the next token is the word `word`.
fn peek_word(input: ParseStream, word: &str) -> bool {
    input.fork().call(Ident::parse_any).is_ok_and(|ident| ident == word)
}

/// Whether the next element of a list is a literal and nothing more.
fn peek_whole_literal(input: ParseStream) -> bool {
    let ahead = input.fork();
    if ahead.peek(Token![-]) && ahead.parse::<Token![-]>().is_err() {
        return false;
    }
    let word = peek_word(&ahead, "inf") || peek_word(&ahead, "nan");
    let literal = if word { ahead.call(Ident::parse_any).is_ok() } else { ahead.parse::<syn::Lit>().is_ok() };
    literal && (ahead.is_empty() || ahead.peek(Token![,]))
}

fn peek_any_word(input: ParseStream) -> bool {
    input.peek(Ident::peek_any)
}

/// `@`, a name, and perhaps what stands in parentheses.
impl Reader {
    fn at(&mut self, span: Span) -> At {
        self.spans.push(span);
        At { line: span.start().line as u32, token: (self.spans.len() - 1) as u32 }
    }

    fn name(&mut self, input: ParseStream) -> syn::Result<Name> {
        if !peek_any_word(input) {
            return Err(input.error("expected a name"));
        }
        let ident = input.call(Ident::parse_any)?;
        Ok(Name { text: ident.to_string(), at: self.at(ident.span()) })
    }

    fn word(&mut self, input: ParseStream, word: &str) -> syn::Result<()> {
        let name = input.call(Ident::parse_any)?;
        if name == word { Ok(()) } else { fail(name.span(), format!("expected `{word}`")) }
    }

    fn names(&mut self, input: ParseStream) -> syn::Result<Vec<Name>> {
        let mut names = vec![self.name(input)?];
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            names.push(self.name(input)?);
        }
        Ok(names)
    }

    fn program(&mut self, input: ParseStream, file: &str) -> syn::Result<Program> {
        let mut program = Program::new(file);
        while !input.is_empty() {
            let word = self.name(input)?;
            let memory = match word.text.as_str() {
                "dynamic" => Memory::Dynamic,
                "volatile" => Memory::Volatile,
                "constant" => Memory::Constant,
                "persistent" => Memory::Persistent,
                "block" => {
                    program.blocks.push(self.block(input)?);
                    continue;
                }
                other => {
                    let message = format!(
                        "`{other}` is neither a section (dynamic, volatile, constant, persistent) nor a `block`"
                    );
                    return fail(self.span(&word), message);
                }
            };
            let inner;
            braced!(inner in input);
            while !inner.is_empty() {
                program.declarations.push(self.declaration(&inner, memory)?);
            }
        }
        Ok(program)
    }

    fn span(&self, name: &Name) -> Span {
        self.spans.get(name.at.token as usize).copied().unwrap_or_else(Span::call_site)
    }

    fn declaration(&mut self, input: ParseStream, memory: Memory) -> syn::Result<Declaration> {
        let name = self.name(input)?;
        let mut indices = Vec::new();
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            indices = self.names(&inner)?;
            end(&inner, "`,` or `)`")?;
        }
        if !input.peek(Token![:]) {
            return Err(input.error(format!("expected `:` and the type of `{}`", name.text)));
        }
        input.parse::<Token![:]>()?;
        let ty = self.ty(input)?;
        let mut declaration = Declaration { indices, ..Declaration::new(memory, name, ty) };
        while input.peek(Token![@]) {
            input.parse::<Token![@]>()?;
            self.attribute(input, &mut declaration)?;
        }
        semicolon(input)?;
        Ok(declaration)
    }

    fn attribute(&mut self, input: ParseStream, declaration: &mut Declaration) -> syn::Result<()> {
        let word = self.name(input)?;
        let span = self.span(&word);
        let twice = match word.text.as_str() {
            "init" => declaration.init.is_some(),
            "ref" => declaration.reference.is_some(),
            "pattern" => declaration.pattern.is_some(),
            "table" => declaration.table,
            "auto_dim" => !declaration.auto_dim.is_empty(),
            "fixed" => !declaration.fixed.is_empty(),
            other => {
                let message = format!(
                    "no attribute is named `@{other}`; there are @init, @ref, @pattern, @table, @auto_dim, @fixed"
                );
                return fail(span, message);
            }
        };
        if twice {
            return fail(span, format!("`@{}` is given twice", word.text));
        }
        if word.text == "table" {
            declaration.table = true;
            return Ok(());
        }
        if !input.peek(syn::token::Paren) {
            return fail(span, format!("`@{}` wants its argument in parentheses", word.text));
        }
        let inner;
        parenthesized!(inner in input);
        match word.text.as_str() {
            "init" => declaration.init = Some(self.literal(&inner)?),
            "ref" => declaration.reference = Some(inner.parse::<LitStr>()?.value()),
            "pattern" => declaration.pattern = Some(inner.parse::<LitStr>()?.value()),
            "auto_dim" => declaration.auto_dim = self.names(&inner)?,
            _ => loop {
                let index = self.name(&inner)?;
                inner.parse::<Token![=]>()?;
                declaration.fixed.push((index, self.expr(&inner)?));
                if inner.is_empty() {
                    break;
                }
                inner.parse::<Token![,]>()?;
            },
        }
        end(&inner, "`)`")
    }

    fn ty(&mut self, input: ParseStream) -> syn::Result<Ty> {
        let name = self.name(input)?;
        let Ok(dtype) = name.text.parse::<DType>() else {
            return fail(self.span(&name), format!("`{}` is no dtype; there are f32, i64, bool and others", name.text));
        };
        let dims = self.dims(input)?;
        Ok(Ty { dtype, dims, at: name.at })
    }

    fn dims(&mut self, input: ParseStream) -> syn::Result<Vec<Expr>> {
        let mut dims = Vec::new();
        if input.peek(syn::token::Bracket) {
            let inner;
            bracketed!(inner in input);
            while !inner.is_empty() {
                if inner.peek(Token![?]) {
                    inner.parse::<Token![?]>()?;
                    dims.push(Expr::Unknown);
                } else {
                    dims.push(self.expr(&inner)?);
                }
                if !inner.is_empty() {
                    inner.parse::<Token![,]>()?;
                }
            }
        }
        Ok(dims)
    }

    /// A sum.
    fn expr(&mut self, input: ParseStream) -> syn::Result<Expr> {
        let mut left = self.product(input)?;
        loop {
            let op = if input.peek(Token![+]) {
                input.parse::<Token![+]>()?;
                Binary::Add
            } else if input.peek(Token![-]) {
                input.parse::<Token![-]>()?;
                Binary::Sub
            } else {
                return Ok(left);
            };
            left = Expr::binary(op, left, self.product(input)?);
        }
    }

    fn product(&mut self, input: ParseStream) -> syn::Result<Expr> {
        let mut left = self.factor(input)?;
        loop {
            let op = if input.peek(Token![*]) {
                input.parse::<Token![*]>()?;
                Binary::Mul
            } else if input.peek(Token![/]) {
                input.parse::<Token![/]>()?;
                Binary::Div
            } else if input.peek(Token![%]) {
                input.parse::<Token![%]>()?;
                Binary::Mod
            } else {
                return Ok(left);
            };
            left = Expr::binary(op, left, self.factor(input)?);
        }
    }

    fn factor(&mut self, input: ParseStream) -> syn::Result<Expr> {
        if input.peek(Token![-]) {
            let mut negative = 0usize;
            while input.peek(Token![-]) {
                input.parse::<Token![-]>()?;
                negative += 1;
            }
            let inner = self.factor(input)?;
            return Ok(if negative % 2 == 1 { Expr::negative(inner) } else { inner });
        }
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            let expr = self.expr(&inner)?;
            end(&inner, "`)`")?;
            return Ok(expr);
        }
        if input.peek(LitInt) {
            let literal = input.parse::<LitInt>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            return literal.base10_parse::<i64>().map(Expr::Int);
        }
        if input.peek(LitFloat) {
            return Err(input.error("an integer expression can't have a float"));
        }
        if !peek_any_word(input) {
            return Err(input.error("expected an integer, a name, `min(a, b)`, `max(a, b)` or a parenthesis"));
        }
        let name = self.name(input)?;
        let op = match name.text.as_str() {
            "min" => Binary::Min,
            "max" => Binary::Max,
            _ => return Ok(Expr::Name(name)),
        };
        if !input.peek(syn::token::Paren) {
            return Ok(Expr::Name(name));
        }
        let inner;
        parenthesized!(inner in input);
        let left = self.expr(&inner)?;
        inner.parse::<Token![,]>()?;
        let right = self.expr(&inner)?;
        end(&inner, "`)`")?;
        Ok(Expr::binary(op, left, right))
    }

    fn literal(&mut self, input: ParseStream) -> syn::Result<Literal> {
        let negative = input.peek(Token![-]);
        if negative {
            input.parse::<Token![-]>()?;
        }
        if input.peek(LitInt) {
            let literal = input.parse::<LitInt>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            let value = literal.base10_parse::<i128>()?;
            return Ok(Literal::Int(if negative { -value } else { value }));
        }
        if input.peek(LitFloat) {
            let literal = input.parse::<LitFloat>()?;
            plain_suffix(literal.suffix(), literal.span())?;
            let value = literal.base10_parse::<f64>()?;
            return Ok(Literal::Float(if negative { -value } else { value }));
        }
        if peek_word(input, "inf") {
            self.name(input)?;
            return Ok(Literal::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        if negative {
            return Err(input.error("expected a number or `inf` after `-`"));
        }
        if peek_word(input, "nan") {
            self.name(input)?;
            return Ok(Literal::Float(f64::NAN));
        }
        if input.peek(LitBool) {
            return Ok(Literal::Bool(input.parse::<LitBool>()?.value));
        }
        if input.peek(LitStr) {
            return Ok(Literal::Text(input.parse::<LitStr>()?.value()));
        }
        Err(input.error("expected a literal: a number, `inf`, `-inf`, `nan`, `true`, `false` or a string"))
    }

    fn list(&mut self, input: ParseStream) -> syn::Result<Vec<Literal>> {
        let inner;
        bracketed!(inner in input);
        let mut literals = Vec::new();
        while !inner.is_empty() {
            literals.push(self.literal(&inner)?);
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
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
                    integers.extend(i64::try_from(value).map(Expr::Int));
                }
                literals.push(literal);
            } else {
                integers.push(self.expr(&inner)?);
            }
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
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
    fn argument(&mut self, input: ParseStream) -> syn::Result<(Argument, At)> {
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
        if !peek_any_word(input) {
            return Err(input.error("expected a variable, an entry of a table, a literal, a list or `_`"));
        }
        let name = self.name(input)?;
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
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
            }
        }
        Ok(indices)
    }

    fn index(&mut self, input: ParseStream) -> syn::Result<Index> {
        let start = if input.peek(Token![..]) { None } else { Some(self.expr(input)?) };
        if !input.peek(Token![..]) {
            return match start {
                Some(at) => Ok(Index::At(at)),
                None => Err(input.error("expected an index or a slice")),
            };
        }
        if input.peek(Token![..=]) {
            return Err(input.error("slices are half-open: write `a..b`, without `=`"));
        }
        input.parse::<Token![..]>()?;
        let end = if input.is_empty() || input.peek(Token![,]) { None } else { Some(self.expr(input)?) };
        Ok(Index::Slice(start, end))
    }

    fn region(&mut self, input: ParseStream) -> syn::Result<Region> {
        let name = self.name(input)?;
        let indices = if input.peek(syn::token::Bracket) { Some(self.indices(input)?) } else { None };
        Ok(Region { name, indices })
    }

    fn block(&mut self, input: ParseStream) -> syn::Result<Block> {
        let name = self.name(input)?;
        Ok(Block { name, statements: self.statements(input)? })
    }

    fn statements(&mut self, input: ParseStream) -> syn::Result<Vec<Statement>> {
        let inner;
        braced!(inner in input);
        let mut statements = Vec::new();
        while !inner.is_empty() {
            let at = self.at(inner.span());
            let kind = self.statement(&inner)?;
            statements.push(Statement { kind, at });
        }
        Ok(statements)
    }

    fn statement(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        let word = self.name(input)?;
        let kind = match word.text.as_str() {
            "assign" => {
                let name = self.name(input)?;
                input.parse::<Token![:]>()?;
                StatementKind::Assign(name, self.ty(input)?)
            }
            "op" => StatementKind::Op(self.op(input)?),
            "transfer" => {
                let (from, at) = self.argument(input)?;
                arrow(input)?;
                StatementKind::Transfer(from, at, self.name(input)?)
            }
            "branch" => {
                let first = self.name(input)?;
                let then = if peek_any_word(input) { Some(self.name(input)?) } else { None };
                let otherwise = if then.is_some() && peek_any_word(input) { Some(self.name(input)?) } else { None };
                match then {
                    Some(then) => StatementKind::Branch { condition: Some(first), then, otherwise },
                    None => StatementKind::Branch { condition: None, then: first, otherwise: None },
                }
            }
            "if" => {
                let condition = self.name(input)?;
                let then = self.statements(input)?;
                let mut otherwise = Vec::new();
                if peek_word(input, "else") {
                    self.word(input, "else")?;
                    if peek_word(input, "if") {
                        let at = self.at(input.span());
                        let kind = self.statement(input)?;
                        otherwise.push(Statement { kind, at });
                    } else {
                        otherwise = self.statements(input)?;
                    }
                }
                return Ok(StatementKind::If { condition, then, otherwise });
            }
            "loop" => return self.loop_(input),
            "return" => StatementKind::Return,
            "barrier" => StatementKind::Barrier,
            "dep" => {
                let after = self.dependence(input, "after")?;
                let before = self.dependence(input, "before")?;
                StatementKind::Dep { after, before }
            }
            "yield" => StatementKind::Yield(self.names(input)?),
            "await" => StatementKind::Await(self.names(input)?),
            "cache" => self.cache(input)?,
            other => {
                let message = format!(
                    "no statement begins with `{other}`; there are assign, op, transfer, branch, if, loop, return, barrier, dep, yield, await and cache"
                );
                return fail(self.span(&word), message);
            }
        };
        semicolon(input)?;
        Ok(kind)
    }

    fn loop_(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        let name = self.name(input)?;
        let inner;
        parenthesized!(inner in input);
        let index = self.name(&inner)?;
        self.word(&inner, "in")?;
        let start = self.expr(&inner)?;
        if inner.peek(Token![..=]) {
            return Err(inner.error("the bounds of a loop are half-open: write `a..b`, without `=`"));
        }
        inner.parse::<Token![..]>()?;
        let end_bound = self.expr(&inner)?;
        end(&inner, "`)`")?;
        Ok(StatementKind::Loop { name, index, start, end: end_bound, body: self.statements(input)? })
    }

    /// `after(x)`, where `x` may be `cache.read` and such.
    fn dependence(&mut self, input: ParseStream, word: &str) -> syn::Result<Name> {
        self.word(input, word)?;
        let inner;
        parenthesized!(inner in input);
        let mut name = self.name(&inner)?;
        if inner.peek(Token![.]) {
            inner.parse::<Token![.]>()?;
            name.text = format!("{}.{}", name.text, self.name(&inner)?.text);
        }
        end(&inner, "`)`")?;
        Ok(name)
    }

    fn cache(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        input.parse::<Token![.]>()?;
        let word = self.name(input)?;
        Ok(match word.text.as_str() {
            "read" => {
                let region = self.region(input)?;
                arrow(input)?;
                StatementKind::CacheRead(region, self.name(input)?)
            }
            "write" => {
                let (from, at) = self.argument(input)?;
                arrow(input)?;
                StatementKind::CacheWrite(from, at, self.region(input)?)
            }
            "reset" => StatementKind::CacheReset(self.region(input)?),
            "increment" | "decrement" => {
                let negative = word.text == "decrement";
                let ahead = input.fork();
                let alone = ahead.call(Ident::parse_any).is_ok() && ahead.peek(Token![;]);
                let by = if alone { None } else { Some(self.expr(input)?) };
                StatementKind::CacheAdd { name: self.name(input)?, by, negative }
            }
            other => {
                let message =
                    format!("`cache.{other}` doesn't exist; there are read, write, reset, increment and decrement");
                return fail(self.span(&word), message);
            }
        })
    }

    fn op(&mut self, input: ParseStream) -> syn::Result<Op> {
        let mut op = Op::new(self.name(input)?);
        if !input.peek(syn::token::Paren) {
            return Err(input.error(format!("expected the operands of `{}` in parentheses", op.name.text)));
        }
        let inner;
        parenthesized!(inner in input);
        while !inner.is_empty() {
            if peek_any_word(&inner) && inner.peek2(Token![=]) {
                let name = self.name(&inner)?;
                inner.parse::<Token![=]>()?;
                op.named.push((name, self.argument(&inner)?.0));
            } else {
                let (argument, at) = self.argument(&inner)?;
                if !op.named.is_empty() {
                    return fail(self.spans[at.token as usize], "operands by place come before what has a name");
                }
                op.operands.push((argument, at));
            }
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
            }
        }
        if input.peek(Token![>>]) {
            arrow(input)?;
            loop {
                if input.peek(Token![_]) {
                    input.parse::<Token![_]>()?;
                    op.targets.push(None);
                } else {
                    op.targets.push(Some(self.name(input)?));
                }
                if !input.peek(Token![,]) {
                    break;
                }
                input.parse::<Token![,]>()?;
            }
        }
        if input.peek(Token![@]) {
            input.parse::<Token![@]>()?;
            let inner;
            braced!(inner in input);
            while !inner.is_empty() {
                let name = self.name(&inner)?;
                inner.parse::<Token![:]>()?;
                op.hints.push((name, self.literal(&inner)?));
                if !inner.is_empty() {
                    inner.parse::<Token![,]>()?;
                }
            }
        }
        Ok(op)
    }
}

fn arrow(input: ParseStream) -> syn::Result<()> {
    if !input.peek(Token![>>]) {
        return Err(input.error("expected `>>` and where it goes"));
    }
    input.parse::<Token![>>]>().map(|_| ())
}

fn semicolon(input: ParseStream) -> syn::Result<()> {
    if !input.peek(Token![;]) {
        return Err(input.error("expected `;` at the end of the statement"));
    }
    input.parse::<Token![;]>().map(|_| ())
}

fn end(input: ParseStream, expected: &str) -> syn::Result<()> {
    if input.is_empty() { Ok(()) } else { Err(input.error(format!("expected {expected}"))) }
}

fn plain_suffix(suffix: &str, span: Span) -> syn::Result<()> {
    if suffix.is_empty() {
        Ok(())
    } else {
        fail(span, "numbers have no suffix here: their dtype is that of their place")
    }
}
