//! Reading programs, from text or from the tokens of a macro.
//!
//! The tokens are Rust's. A parser notes the span of every place that something is remembered to stand at, so
//! that a mistake that is found later can be pointed at, too. What is nested too deep, or too long for one expression,
//! is refused here: what comes after recurs.

mod expressions;
mod statements;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitStr, Token, braced, bracketed, parenthesized};

use glassbox_tensor::DType;

use crate::check::did_you_mean;
use crate::error::{DslError, Place};
use crate::program::*;

/// How deep brackets and statements may stand in each other.
pub const MAX_NESTING: usize = 100;
/// How many operators an integer expression may have.
pub const MAX_TERMS: usize = 1000;

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
    ///
    /// # Errors
    ///
    /// The first thing that is no program, or wrong in it, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Program, DslError> {
        let place = |line| Place { file: file.to_owned(), line, block: String::new() };
        let wrong = |error: syn::Error| DslError::new(place(error.span().start().line as u32), error.to_string());
        let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            let line = error.span().start().line as u32;
            match unclosed(text) {
                Some((line, message)) => DslError::new(place(line), message),
                None => {
                    DslError::new(place(line), "this is no token: what a name, a number or a text may be is as in Rust")
                }
            }
        })?;
        let parsed = parse_tokens(file, tokens).map_err(wrong)?;
        Ok(parsed.program)
    }
}

/// The line of a bracket, a text or a comment that isn't closed, and what to say of it.
fn unclosed(text: &str) -> Option<(u32, String)> {
    let mut open: Vec<(char, u32)> = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => match end_of_text(&rest[1..]) {
                Some(end) => end + 2,
                None => return Some((line, "the text that begins here has no `\"` at its end".to_owned())),
            },
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => end + 2,
                None => return Some((line, "the comment that begins here has no `*/` at its end".to_owned())),
            },
            '(' | '[' | '{' => {
                open.push((first, line));
                1
            }
            ')' | ']' | '}' => {
                let fits = |open: char| matches!((open, first), ('(', ')') | ('[', ']') | ('{', '}'));
                match open.pop() {
                    Some((last, _)) if fits(last) => 1,
                    Some((last, at)) => {
                        let message = format!("`{first}` can't close the `{last}` of line {at}, which is still open");
                        return Some((line, message));
                    }
                    None => return Some((line, format!("`{first}` closes nothing"))),
                }
            }
            other => other.len_utf8(),
        };
        line += rest[..length].matches('\n').count() as u32;
        rest = &rest[length..];
    }
    open.pop().map(|(bracket, line)| (line, format!("this `{bracket}` isn't closed")))
}

/// Where a text ends in which something is escaped.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(place, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(place)
    })
}

/// Reads a program in block form from tokens.
///
/// # Errors
///
/// The first thing that is no program, with its span.
pub fn parse_tokens(file: &str, tokens: TokenStream) -> syn::Result<Parsed> {
    read_all(tokens, |input| {
        let mut reader = Reader { spans: vec![Span::call_site()], nested: 0, terms: 0 };
        let program = reader.program(input, file)?;
        Ok(Parsed { program, spans: reader.spans })
    })
}

/// What `read` makes of all tokens. What is missing at their end is missed at the last of them.
///
/// # Errors
///
/// What `read` gives, tokens that it leaves over, and brackets that nest too deep.
pub fn read_all<T>(tokens: TokenStream, read: impl FnOnce(ParseStream) -> syn::Result<T>) -> syn::Result<T> {
    check_nesting(&tokens)?;
    let last = tokens.clone().into_iter().last().map_or_else(Span::call_site, |token| match token {
        TokenTree::Group(group) => group.span_close(),
        other => other.span(),
    });
    let mut group = Group::new(Delimiter::Brace, tokens);
    group.set_span(last);
    let whole = |input: ParseStream| {
        let inner;
        braced!(inner in input);
        read(&inner)
    };
    whole.parse2(TokenStream::from(TokenTree::Group(group)))
}

/// That brackets don't stand in each other too deep: what reads tokens recurs.
fn check_nesting(tokens: &TokenStream) -> syn::Result<()> {
    let mut open = vec![tokens.clone().into_iter()];
    while let Some(innermost) = open.last_mut() {
        match innermost.next() {
            None => drop(open.pop()),
            Some(TokenTree::Group(group)) if open.len() > MAX_NESTING => {
                return fail(group.span_open(), format!("more than {MAX_NESTING} brackets stand in each other here"));
            }
            Some(TokenTree::Group(group)) => open.push(group.stream().into_iter()),
            Some(_) => {}
        }
    }
    Ok(())
}

struct Reader {
    spans: Vec<Span>,
    /// How many statements are open around what is read.
    nested: usize,
    /// How many operators the expression has so far.
    terms: usize,
}

/// A mistake at a place.
pub(crate) fn fail<T>(span: Span, message: impl std::fmt::Display) -> syn::Result<T> {
    Err(syn::Error::new(span, message))
}

/// That something else is wanted than what comes next.
pub fn expected(input: ParseStream, what: impl std::fmt::Display) -> syn::Error {
    let found = match input.cursor().token_tree() {
        None => "but nothing comes here".to_owned(),
        Some((TokenTree::Group(group), _)) => {
            let bracket = match group.delimiter() {
                Delimiter::Parenthesis => "`(`",
                Delimiter::Brace => "`{`",
                Delimiter::Bracket => "`[`",
                Delimiter::None => "something",
            };
            return syn::Error::new(group.span_open(), format!("expected {what}, found {bracket}"));
        }
        Some((TokenTree::Literal(literal), _)) if literal.to_string().len() > 40 => "found a long literal".to_owned(),
        Some((token, _)) => format!("found `{token}`"),
    };
    syn::Error::new(input.span(), format!("expected {what}, {found}"))
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

impl Reader {
    fn at(&mut self, span: Span) -> At {
        self.spans.push(span);
        At { line: span.start().line as u32, token: (self.spans.len() - 1) as u32 }
    }

    /// A name; `what` it is the name of.
    fn name(&mut self, input: ParseStream, what: &str) -> syn::Result<Name> {
        if !peek_any_word(input) {
            return Err(expected(input, what));
        }
        let ident = input.call(Ident::parse_any)?;
        Ok(Name { text: ident.to_string(), at: self.at(ident.span()) })
    }

    fn word(&mut self, input: ParseStream, word: &str) -> syn::Result<()> {
        if !peek_word(input, word) {
            return Err(expected(input, format!("`{word}`")));
        }
        input.call(Ident::parse_any).map(|_| ())
    }

    fn names(&mut self, input: ParseStream, what: &str) -> syn::Result<Vec<Name>> {
        let mut names = vec![self.name(input, what)?];
        while input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            names.push(self.name(input, what)?);
        }
        Ok(names)
    }

    fn span(&self, name: &Name) -> Span {
        self.spans.get(name.at.token as usize).copied().unwrap_or_else(Span::call_site)
    }

    fn program(&mut self, input: ParseStream, file: &str) -> syn::Result<Program> {
        let mut program = Program::new(file);
        while !input.is_empty() {
            let word = self.name(input, "a section (dynamic, volatile, constant, persistent) or a `block`")?;
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
                    let hint = did_you_mean(other, ["dynamic", "volatile", "constant", "persistent", "block"]);
                    let message = format!(
                        "`{other}` is neither a section (dynamic, volatile, constant, persistent) nor a `block`{hint}"
                    );
                    return fail(self.span(&word), message);
                }
            };
            if !input.peek(syn::token::Brace) {
                return Err(expected(input, format!("the declarations in braces: `{} {{ name: type; }}`", word.text)));
            }
            let inner;
            braced!(inner in input);
            while !inner.is_empty() {
                program.declarations.push(self.declaration(&inner, memory)?);
            }
        }
        Ok(program)
    }

    fn declaration(&mut self, input: ParseStream, memory: Memory) -> syn::Result<Declaration> {
        let name = self.name(input, "the name of a variable")?;
        let mut indices = Vec::new();
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            indices = self.names(&inner, "the name of an index")?;
            end(&inner, "`,` or `)` after an index")?;
        }
        if !input.peek(Token![:]) {
            return Err(expected(input, format!("`:` and the type of `{}`", name.text)));
        }
        input.parse::<Token![:]>()?;
        let ty = self.ty(input)?;
        let mut declaration = Declaration { indices, ..Declaration::new(memory, name, ty) };
        while input.peek(Token![@]) {
            input.parse::<Token![@]>()?;
            self.attribute(input, &mut declaration)?;
        }
        if !input.peek(Token![;]) {
            return Err(expected(input, format!("`;` after the declaration of `{}`", declaration.name.text)));
        }
        input.parse::<Token![;]>()?;
        Ok(declaration)
    }

    fn attribute(&mut self, input: ParseStream, declaration: &mut Declaration) -> syn::Result<()> {
        let word = self.name(input, "the name of an attribute")?;
        let span = self.span(&word);
        let marks = &mut declaration.marks;
        let (twice, mark, example) = match word.text.as_str() {
            "init" => (declaration.init.is_some(), &mut marks.init, "(0)"),
            "ref" => (declaration.reference.is_some(), &mut marks.reference, "(\"name\")"),
            "pattern" => (declaration.pattern.is_some(), &mut marks.pattern, "(\"W.{l}\")"),
            "table" => (declaration.table, &mut marks.table, ""),
            "auto_dim" => (!declaration.auto_dim.is_empty(), &mut marks.auto_dim, "(i, j)"),
            "fixed" => (!declaration.fixed.is_empty(), &mut marks.fixed, "(i=8)"),
            other => {
                let hint = did_you_mean(other, ["init", "ref", "pattern", "table", "auto_dim", "fixed"]);
                let message = format!(
                    "no attribute is named `@{other}`; there are @init, @ref, @pattern, @table, @auto_dim, @fixed{hint}"
                );
                return fail(span, message);
            }
        };
        if twice {
            return fail(span, format!("`@{}` is given twice", word.text));
        }
        *mark = word.at;
        if word.text == "table" {
            if input.peek(syn::token::Paren) {
                return Err(syn::Error::new(input.span(), "`@table` takes nothing in parentheses"));
            }
            declaration.table = true;
            return Ok(());
        }
        if !input.peek(syn::token::Paren) {
            return fail(span, format!("`@{0}` wants its argument in parentheses: `@{0}{example}`", word.text));
        }
        let inner;
        parenthesized!(inner in input);
        match word.text.as_str() {
            "init" => declaration.init = Some(self.literal(&inner)?),
            "ref" => declaration.reference = Some(text(&inner, "the name of a parameter, in quotes")?),
            "pattern" => declaration.pattern = Some(text(&inner, "the names of parameters, in quotes: `\"W.{l}\"`")?),
            "auto_dim" => declaration.auto_dim = self.names(&inner, "the name of an index")?,
            _ => loop {
                let index = self.name(&inner, "the name of an index")?;
                if !inner.peek(Token![=]) {
                    return Err(expected(&inner, format!("`=` and the extent of `{}`", index.text)));
                }
                inner.parse::<Token![=]>()?;
                declaration.fixed.push((index, self.whole_expr(&inner)?));
                if inner.is_empty() {
                    break;
                }
                comma(&inner, "`,` or `)` after an extent")?;
            },
        }
        end(&inner, format!("`)` after the argument of `@{}`", word.text))
    }

    fn ty(&mut self, input: ParseStream) -> syn::Result<Ty> {
        let name = self.name(input, "a dtype, such as `f32`")?;
        let Ok(dtype) = name.text.parse::<DType>() else { return fail(self.span(&name), no_dtype(&name.text)) };
        let dims = self.dims(input)?;
        Ok(Ty { dtype, dims, at: name.at })
    }

    fn dims(&mut self, input: ParseStream) -> syn::Result<Vec<IntExpr>> {
        let mut dims = Vec::new();
        if input.peek(syn::token::Bracket) {
            let inner;
            bracketed!(inner in input);
            while !inner.is_empty() {
                if inner.peek(Token![?]) {
                    inner.parse::<Token![?]>()?;
                    dims.push(IntExpr::Unknown);
                } else {
                    dims.push(self.whole_expr(&inner)?);
                }
                if !inner.is_empty() {
                    comma(&inner, "`,` or `]` after a dim")?;
                }
            }
        }
        Ok(dims)
    }

    fn block(&mut self, input: ParseStream) -> syn::Result<Block> {
        let name = self.name(input, "the name of a block")?;
        if !input.peek(syn::token::Brace) {
            return Err(expected(input, format!("the statements of block `{}` in braces", name.text)));
        }
        Ok(Block { name, statements: self.statements(input)? })
    }
}

/// That a word is no dtype.
pub fn no_dtype(word: &str) -> String {
    let common = match word {
        "float" | "float32" | "single" => "; did you mean `f32`?",
        "double" | "float64" => "; did you mean `f64`?",
        "half" | "float16" => "; did you mean `f16`?",
        "int" | "int32" => "; did you mean `i32`?",
        "long" | "int64" | "usize" | "isize" => "; did you mean `i64`?",
        "boolean" => "; did you mean `bool`?",
        _ => &did_you_mean(word, DType::ALL.iter().map(|dtype| dtype.name())),
    };
    format!("`{word}` is no dtype; there are f32, f16, bf16, i64, i32, bool and others{common}")
}

/// A string.
fn text(input: ParseStream, what: &str) -> syn::Result<String> {
    if input.peek(LitStr) { Ok(input.parse::<LitStr>()?.value()) } else { Err(expected(input, what)) }
}

fn comma(input: ParseStream, what: impl std::fmt::Display) -> syn::Result<()> {
    if !input.peek(Token![,]) {
        return Err(expected(input, what));
    }
    input.parse::<Token![,]>().map(|_| ())
}

fn end(input: ParseStream, what: impl std::fmt::Display) -> syn::Result<()> {
    if input.is_empty() { Ok(()) } else { Err(expected(input, what)) }
}
