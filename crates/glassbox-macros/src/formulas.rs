//! The expression form: formulas, read and written out as the calls that compute them.
//!
//! Which names are values of the graph is known here: inputs, what `let` binds to a formula, and the carried
//! variables of loops. Everything else is Rust, and stays as it is: so a `for` over Rust's integers is Rust's own loop,
//! and one over values of the graph a loop of the graph.

mod emit;
mod parse;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Ident;

/// A number, text or truth value: Rust's literals, `inf` and `nan`.
pub(crate) enum Term {
    /// A literal, negated or not.
    Literal(TokenStream),
    /// A name.
    Name(Ident),
    /// Rust in braces, that isn't looked at.
    Rust(TokenStream),
    /// `[1, 2]`
    List(Vec<Term>, Span),
    /// A dtype.
    DType(glassbox_tensor::DType, Span),
    /// `_`
    Skipped(Span),
    /// `model[key]`
    Parameter(TokenStream, Span),
    /// `f(a, b, axis=1)`
    Call(Call),
    /// `a + b`: the op, and the operator for Rust.
    Binary(&'static str, TokenStream, Box<Term>, Box<Term>),
    /// `-a`, `!a`: the op, and the operator for Rust.
    Unary(&'static str, TokenStream, Box<Term>),
    /// `for l in a..b { … }`
    For(Box<For>),
    /// `if c { … } else { … }`
    If(Box<If>),
    /// `… @ { fuse: true }`
    Hinted(Box<Term>, Vec<(Ident, TokenStream)>),
}

/// A use of an op, or of one of the functions on caches.
pub(crate) struct Call {
    name: Ident,
    arguments: Vec<Term>,
    named: Vec<(Ident, Term)>,
}

/// A loop.
pub(crate) struct For {
    index: Ident,
    start: Term,
    end: Term,
    body: Vec<Statement>,
    span: Span,
}

/// A choice.
pub(crate) struct If {
    condition: Term,
    then: (Vec<Statement>, Option<Term>),
    otherwise: (Vec<Statement>, Option<Term>),
    span: Span,
}

/// A statement.
pub(crate) enum Statement {
    /// `let x = …;`, or with several names.
    Let(Vec<Ident>, Term),
    /// `x = …;`
    Assign(Ident, Term),
    /// `kv_write(…);`
    Bare(Term),
}

/// An input.
pub(crate) struct Input {
    name: Ident,
    dtype: glassbox_tensor::DType,
    dims: Vec<Dim>,
}

/// The extent of an axis of an input.
pub(crate) enum Dim {
    /// A number.
    Number(usize),
    /// The name of a size.
    Size(Ident),
    /// Rust in braces.
    Rust(TokenStream),
    /// Two together.
    Binary(&'static str, Box<Dim>, Box<Dim>),
}

/// `kv: kv_cache(f16, layers=n, cap=c)`
pub(crate) struct Cache {
    name: Ident,
    dtype: glassbox_tensor::DType,
    layers: TokenStream,
    capacity: TokenStream,
}

/// A whole program in expression form.
pub(crate) struct Formulas {
    model: TokenStream,
    inputs: Vec<Input>,
    caches: Vec<Cache>,
    statements: Vec<Statement>,
    outputs: Vec<Ident>,
}

/// Whether a program is in expression form: it begins with `model:`, `inputs:`, `state:`, or with a formula.
pub(crate) fn is_formulas(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter();
    let Some(TokenTree::Ident(first)) = tokens.next() else { return false };
    match first.to_string().as_str() {
        "let" | "output" | "for" | "if" => true,
        // No program in block form begins with a word and a colon.
        _ => matches!(tokens.next(), Some(TokenTree::Punct(colon)) if colon.as_char() == ':'),
    }
}

/// The expression that a program in expression form becomes: the formula, then a handle for each output.
pub(crate) fn expand(dsl: &TokenStream, tokens: TokenStream) -> TokenStream {
    let made = parse::parse(tokens).and_then(|formulas| emit::expand(dsl, &formulas));
    made.unwrap_or_else(|error| error.to_compile_error())
}

fn wrong<T>(span: Span, message: impl std::fmt::Display) -> syn::Result<T> {
    Err(syn::Error::new(span, message))
}

/// A call at a place, so that what is wrong with it is shown there.
fn line_of(span: Span) -> TokenStream {
    let line = span.start().line as u32;
    quote_spanned!(span=> #line)
}
