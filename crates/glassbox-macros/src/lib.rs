//! The `graph!` macro: a front of `glassbox-dsl`, and nothing more.
//!
//! The block form is read by the parser that reads text, checked, and written out as the Rust that builds the same
//! program by hand. The expression form becomes calls of `glassbox_dsl::formulas`.

mod emit;
mod formulas;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

/// `graph! { … }`, for crates that depend on `glassbox-dsl`: a program in block form or in expression form.
#[proc_macro]
pub fn graph(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&quote!(::glassbox_dsl), tokens.into()).into()
}

/// `graph! { … }`: use it through the crate that re-exports it with the path of `glassbox-dsl` in front.
///
/// The first group is that path; what follows is the program.
#[proc_macro]
pub fn __graph(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let mut tokens = TokenStream::from(tokens).into_iter();
    let dsl = match tokens.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => group.stream(),
        _ => return quote!(::core::compile_error!("use `graph!`")).into(),
    };
    let program: TokenStream = tokens.collect();
    expand(&dsl, program).into()
}

fn expand(dsl: &TokenStream, program: TokenStream) -> TokenStream {
    if formulas::is_formulas(&program) { formulas::expand(dsl, program) } else { block_form(dsl, program) }
}

fn block_form(dsl: &TokenStream, tokens: TokenStream) -> TokenStream {
    let parsed = match glassbox_dsl::parse::parse_tokens("", tokens) {
        Ok(parsed) => parsed,
        Err(error) => return error.to_compile_error(),
    };
    let checked = glassbox_dsl::check::check(&parsed.program);
    match checked.and_then(|()| glassbox_dsl::check::check_values(&parsed.program)) {
        Ok(()) => emit::program(dsl, &parsed.program),
        Err(error) => mistake(parsed.span(error.token()), &error.message),
    }
}

/// An error at a token.
fn mistake(span: Span, message: &str) -> TokenStream {
    quote_spanned!(span=> ::core::compile_error!(#message))
}
