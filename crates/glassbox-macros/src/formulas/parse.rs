//! Reading formulas.

use glassbox_dsl::check::did_you_mean;
use glassbox_dsl::parse::{MAX_TERMS, expected, no_dtype, read_all};
use glassbox_tensor::DType;
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Lit, LitInt, Token, braced, bracketed, parenthesized};

use super::{Cache, Call, Dim, For, Formulas, If, Input, Statement, Term, wrong};

/// Reads a whole program.
pub(super) fn parse(tokens: TokenStream) -> syn::Result<Formulas> {
    check_length(&tokens)?;
    read_all(tokens, program)
}

/// That no formula is so long that what reads and writes it, which recurs, runs out of stack.
fn check_length(tokens: &TokenStream) -> syn::Result<()> {
    let mut streams = vec![tokens.clone()];
    while let Some(stream) = streams.pop() {
        let mut operators = 0;
        for token in stream {
            match &token {
                TokenTree::Group(group) => streams.push(group.stream()),
                TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => operators = 0,
                TokenTree::Punct(_) => operators += 1,
                TokenTree::Ident(word) if word == "if" => operators += 1,
                _ => {}
            }
            if operators > MAX_TERMS {
                let message =
                    format!("a formula has at most {MAX_TERMS} operators; give a part of it a name with `let`");
                return wrong(token.span(), message);
            }
        }
    }
    Ok(())
}

fn program(input: ParseStream) -> syn::Result<Formulas> {
    let mut formulas = Formulas {
        model: TokenStream::new(),
        inputs: Vec::new(),
        caches: Vec::new(),
        statements: Vec::new(),
        outputs: Vec::new(),
    };
    while input.peek(Ident::peek_any) && input.peek2(Token![:]) {
        let word = input.call(Ident::parse_any)?;
        input.parse::<Token![:]>()?;
        match word.to_string().as_str() {
            "model" => formulas.model = until_comma(input)?,
            "inputs" => {
                braces(input, "the inputs in braces: `inputs: { x: f32[B] }`")?;
                let inner;
                braced!(inner in input);
                while !inner.is_empty() {
                    formulas.inputs.push(input_of(&inner)?);
                    comma(&inner)?;
                }
            }
            "state" => {
                braces(input, "the states in braces: `state: { kv: kv_cache(f16, layers=n, cap=c) }`")?;
                let inner;
                braced!(inner in input);
                while !inner.is_empty() {
                    formulas.caches.push(cache(&inner)?);
                    comma(&inner)?;
                }
            }
            other => {
                let hint = did_you_mean(other, ["model", "inputs", "state"]);
                return wrong(word.span(), format!("`{other}:` is none of `model:`, `inputs:`, `state:`{hint}"));
            }
        }
        comma(input)?;
    }
    while !input.is_empty() {
        if peek_word(input, "output") {
            input.call(Ident::parse_any)?;
            loop {
                formulas.outputs.push(name(input, "the name of a value to give out")?);
                if !input.peek(Token![,]) {
                    break;
                }
                input.parse::<Token![,]>()?;
            }
            semicolon(input)?;
            if !input.is_empty() {
                return wrong(input.span(), "`output` comes last, and once: `output a, b;`");
            }
            return Ok(formulas);
        }
        match statement(input)? {
            (Some(statement), None) => formulas.statements.push(statement),
            _ => return Err(expected(input, "`;` after this formula, and `output …;` at the end")),
        }
    }
    wrong(input.span(), "there is no `output name;` at the end, so nothing is given out")
}

fn name(input: ParseStream, what: &str) -> syn::Result<Ident> {
    if input.peek(Ident::peek_any) { input.call(Ident::parse_any) } else { Err(expected(input, what)) }
}

fn braces(input: ParseStream, what: &str) -> syn::Result<()> {
    if input.peek(syn::token::Brace) { Ok(()) } else { Err(expected(input, what)) }
}

/// The comma between parts of a list, if the list goes on.
fn comma_or_end(input: ParseStream, what: &str) -> syn::Result<()> {
    if input.is_empty() {
        return Ok(());
    }
    if !input.peek(Token![,]) {
        return Err(expected(input, what));
    }
    input.parse::<Token![,]>().map(|_| ())
}

fn peek_word(input: ParseStream, word: &str) -> bool {
    input.fork().call(Ident::parse_any).is_ok_and(|ident| ident == word)
}

/// A comma, which may be left out at the end.
fn comma(input: ParseStream) -> syn::Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !input.is_empty() && !peek_statement(input) {
        return Err(expected(input, "`,`"));
    }
    Ok(())
}

fn peek_statement(input: ParseStream) -> bool {
    input.peek(Token![let]) || peek_word(input, "output")
}

fn semicolon(input: ParseStream) -> syn::Result<()> {
    if !input.peek(Token![;]) {
        return Err(expected(input, "an operator or `;` after this formula"));
    }
    input.parse::<Token![;]>().map(|_| ())
}

/// Rust, as far as the next comma.
fn until_comma(input: ParseStream) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?.to_tokens(&mut tokens);
    }
    if tokens.is_empty() { Err(expected(input, "an expression of Rust")) } else { Ok(tokens) }
}

fn dtype(input: ParseStream) -> syn::Result<DType> {
    let word = name(input, "a dtype, such as `f32`")?;
    word.to_string().parse().or_else(|_| wrong(word.span(), no_dtype(&word.to_string())))
}

fn input_of(input: ParseStream) -> syn::Result<Input> {
    let name = self::name(input, "the name of an input")?;
    if !input.peek(Token![:]) {
        return Err(expected(input, "`:` and the type of the input"));
    }
    input.parse::<Token![:]>()?;
    let dtype = dtype(input)?;
    let mut dims = Vec::new();
    if input.peek(syn::token::Bracket) {
        let inner;
        bracketed!(inner in input);
        while !inner.is_empty() {
            dims.push(dim(&inner)?);
            comma_or_end(&inner, "`,` or `]` after a dim")?;
        }
    }
    Ok(Input { name, dtype, dims })
}

/// A sum of sizes.
fn dim(input: ParseStream) -> syn::Result<Dim> {
    let mut left = dim_product(input)?;
    loop {
        let op = if input.peek(Token![+]) {
            input.parse::<Token![+]>()?;
            "Add"
        } else if input.peek(Token![-]) {
            input.parse::<Token![-]>()?;
            "Sub"
        } else {
            return Ok(left);
        };
        left = Dim::Binary(op, Box::new(left), Box::new(dim_product(input)?));
    }
}

fn dim_product(input: ParseStream) -> syn::Result<Dim> {
    let mut left = dim_factor(input)?;
    loop {
        let op = if input.peek(Token![*]) {
            input.parse::<Token![*]>()?;
            "Mul"
        } else if input.peek(Token![/]) {
            input.parse::<Token![/]>()?;
            "Div"
        } else {
            return Ok(left);
        };
        left = Dim::Binary(op, Box::new(left), Box::new(dim_factor(input)?));
    }
}

fn dim_factor(input: ParseStream) -> syn::Result<Dim> {
    if input.peek(LitInt) {
        let number = input.parse::<LitInt>()?;
        return match number.base10_parse() {
            Ok(extent) if number.suffix().is_empty() => Ok(Dim::Number(extent)),
            Ok(_) => wrong(number.span(), "dims have no suffix: write the number alone"),
            Err(_) => wrong(number.span(), "no dim is as large as this"),
        };
    }
    if input.peek(syn::token::Brace) {
        let inner;
        braced!(inner in input);
        return Ok(Dim::Rust(inner.parse()?));
    }
    if input.peek(syn::token::Paren) {
        let inner;
        parenthesized!(inner in input);
        return dim(&inner);
    }
    if input.peek(Ident::peek_any) {
        return Ok(Dim::Size(input.call(Ident::parse_any)?));
    }
    Err(expected(input, "a number, the name of a size, or Rust in braces"))
}

fn cache(input: ParseStream) -> syn::Result<Cache> {
    let name = self::name(input, "the name of a state")?;
    if !input.peek(Token![:]) {
        return Err(expected(input, "`:` and `kv_cache(dtype, layers=…, cap=…)`"));
    }
    input.parse::<Token![:]>()?;
    let kind = self::name(input, "`kv_cache(dtype, layers=…, cap=…)`")?;
    if kind != "kv_cache" {
        return wrong(
            kind.span(),
            format!("`{kind}` is no kind of state; there is `kv_cache(dtype, layers=…, cap=…)`"),
        );
    }
    if !input.peek(syn::token::Paren) {
        return Err(expected(input, "`(dtype, layers=…, cap=…)` after `kv_cache`"));
    }
    let inner;
    parenthesized!(inner in input);
    let dtype = dtype(&inner)?;
    let (mut layers, mut capacity) = (None, None);
    while !inner.is_empty() {
        comma_or_end(&inner, "`,`")?;
        if inner.is_empty() {
            break;
        }
        let word = self::name(&inner, "`layers=` or `cap=`")?;
        if !inner.peek(Token![=]) {
            return Err(expected(&inner, format!("`=` after `{word}`")));
        }
        inner.parse::<Token![=]>()?;
        let value = until_comma(&inner)?;
        match word.to_string().as_str() {
            "layers" => layers = Some(value),
            "cap" => capacity = Some(value),
            other => return wrong(word.span(), format!("`kv_cache` takes `layers=` and `cap=`, not `{other}=`")),
        }
    }
    match (layers, capacity) {
        (Some(layers), Some(capacity)) => Ok(Cache { name, dtype, layers, capacity }),
        (None, _) => wrong(kind.span(), "`kv_cache` wants `layers=`, how many layers it is for"),
        (_, None) => wrong(kind.span(), "`kv_cache` wants `cap=`, how many steps it holds at most"),
    }
}

/// A statement, or the expression that a block ends with.
fn statement(input: ParseStream) -> syn::Result<(Option<Statement>, Option<Term>)> {
    if input.peek(Token![let]) {
        input.parse::<Token![let]>()?;
        let mut names = Vec::new();
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            while !inner.is_empty() {
                names.push(name(&inner, "the name of a value")?);
                comma_or_end(&inner, "`,` or `)` after a name")?;
            }
        } else {
            names.push(name(input, "the name of a value, or several in parentheses")?);
        }
        if !input.peek(Token![=]) {
            return Err(expected(input, "`=` and a formula"));
        }
        input.parse::<Token![=]>()?;
        let value = expr(input)?;
        semicolon(input)?;
        return Ok((Some(Statement::Let(names, value)), None));
    }
    if input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==]) {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        let value = expr(input)?;
        semicolon(input)?;
        return Ok((Some(Statement::Assign(name, value)), None));
    }
    let value = expr(input)?;
    if input.is_empty() && !matches!(value, Term::For(_)) {
        return Ok((None, Some(value)));
    }
    if input.peek(Token![;]) {
        semicolon(input)?;
    } else if !matches!(value, Term::For(_) | Term::If(_)) {
        return Err(expected(input, "an operator or `;` after this formula"));
    }
    Ok((Some(Statement::Bare(value)), None))
}

fn block(input: ParseStream) -> syn::Result<(Vec<Statement>, Option<Term>)> {
    braces(input, "`{` and the body")?;
    let inner;
    braced!(inner in input);
    let mut statements = Vec::new();
    while !inner.is_empty() {
        match statement(&inner)? {
            (Some(statement), _) => statements.push(statement),
            (None, value) => return Ok((statements, value)),
        }
    }
    Ok((statements, None))
}

/// An expression with what follows it: pipes and hints.
pub(super) fn expr(input: ParseStream) -> syn::Result<Term> {
    let mut value = or(input)?;
    loop {
        if input.peek(Token![|]) && input.peek2(Token![>]) {
            input.parse::<Token![|]>()?;
            input.parse::<Token![>]>()?;
            let name = self::name(input, "an op after `|>`")?;
            let mut call = if input.peek(syn::token::Paren) {
                arguments(name, input)?
            } else {
                Call { name, arguments: Vec::new(), named: Vec::new() }
            };
            call.arguments.insert(0, value);
            value = Term::Call(call);
        } else if input.peek(Token![@]) {
            input.parse::<Token![@]>()?;
            braces(input, "hints in braces: `@ { fuse: true }`")?;
            let inner;
            braced!(inner in input);
            let mut hints = Vec::new();
            while !inner.is_empty() {
                let name = self::name(&inner, "the name of a hint")?;
                if !inner.peek(Token![:]) {
                    return Err(expected(&inner, "`:` and the value of the hint"));
                }
                inner.parse::<Token![:]>()?;
                if hints.iter().any(|(other, _)| *other == name) {
                    return wrong(name.span(), format!("the hint `{name}` is given twice"));
                }
                hints.push((name, until_comma(&inner)?));
                comma_or_end(&inner, "`,` or `}` after a hint")?;
            }
            value = Term::Hinted(Box::new(value), hints);
        } else {
            return Ok(value);
        }
    }
}

fn binary(op: &'static str, rust: TokenStream, left: Term, right: Term) -> Term {
    Term::Binary(op, rust, Box::new(left), Box::new(right))
}

fn or(input: ParseStream) -> syn::Result<Term> {
    let mut left = and(input)?;
    while input.peek(Token![||]) {
        input.parse::<Token![||]>()?;
        left = binary("or", quote!(||), left, and(input)?);
    }
    Ok(left)
}

fn and(input: ParseStream) -> syn::Result<Term> {
    let mut left = comparison(input)?;
    while input.peek(Token![&&]) {
        input.parse::<Token![&&]>()?;
        left = binary("and", quote!(&&), left, comparison(input)?);
    }
    Ok(left)
}

fn comparison(input: ParseStream) -> syn::Result<Term> {
    let left = sum(input)?;
    let (op, rust) = if input.peek(Token![==]) {
        input.parse::<Token![==]>()?;
        ("equal", quote!(==))
    } else if input.peek(Token![!=]) {
        input.parse::<Token![!=]>()?;
        let equal = binary("equal", quote!(==), left, sum(input)?);
        return Ok(Term::Unary("not", quote!(!), Box::new(equal)));
    } else if input.peek(Token![<=]) {
        input.parse::<Token![<=]>()?;
        ("less_or_equal", quote!(<=))
    } else if input.peek(Token![>=]) {
        input.parse::<Token![>=]>()?;
        ("greater_or_equal", quote!(>=))
    } else if input.peek(Token![<]) {
        input.parse::<Token![<]>()?;
        ("less", quote!(<))
    } else if input.peek(Token![>]) {
        input.parse::<Token![>]>()?;
        ("greater", quote!(>))
    } else {
        return Ok(left);
    };
    Ok(binary(op, rust, left, sum(input)?))
}

fn sum(input: ParseStream) -> syn::Result<Term> {
    let mut left = product(input)?;
    loop {
        let (op, rust) = if input.peek(Token![+]) {
            input.parse::<Token![+]>()?;
            ("add", quote!(+))
        } else if input.peek(Token![-]) {
            input.parse::<Token![-]>()?;
            ("sub", quote!(-))
        } else {
            return Ok(left);
        };
        left = binary(op, rust, left, product(input)?);
    }
}

fn product(input: ParseStream) -> syn::Result<Term> {
    let mut left = unary(input)?;
    loop {
        let (op, rust) = if input.peek(Token![*]) {
            input.parse::<Token![*]>()?;
            ("mul", quote!(*))
        } else if input.peek(Token![/]) {
            input.parse::<Token![/]>()?;
            ("div", quote!(/))
        } else if input.peek(Token![%]) {
            input.parse::<Token![%]>()?;
            ("mod", quote!(%))
        } else {
            return Ok(left);
        };
        left = binary(op, rust, left, unary(input)?);
    }
}

fn unary(input: ParseStream) -> syn::Result<Term> {
    if input.peek(Token![-]) {
        input.parse::<Token![-]>()?;
        if input.peek(Lit) {
            let literal = input.parse::<Lit>()?;
            return Ok(Term::Literal(quote!(-#literal)));
        }
        if peek_word(input, "inf") {
            input.call(Ident::parse_any)?;
            return Ok(Term::Literal(quote!(f64::NEG_INFINITY)));
        }
        return Ok(Term::Unary("neg", quote!(-), Box::new(unary(input)?)));
    }
    if input.peek(Token![!]) {
        input.parse::<Token![!]>()?;
        return Ok(Term::Unary("not", quote!(!), Box::new(unary(input)?)));
    }
    primary(input)
}

fn primary(input: ParseStream) -> syn::Result<Term> {
    if input.peek(Lit) {
        return Ok(Term::Literal(input.parse::<Lit>()?.to_token_stream()));
    }
    if input.peek(Token![_]) {
        return Ok(Term::Skipped(input.parse::<Token![_]>()?.span));
    }
    if input.peek(syn::token::Paren) {
        let inner;
        parenthesized!(inner in input);
        let value = expr(&inner)?;
        return if inner.is_empty() { Ok(value) } else { Err(expected(&inner, "an operator or `)`")) };
    }
    if input.peek(syn::token::Bracket) {
        let span = input.span();
        let inner;
        bracketed!(inner in input);
        let mut values = Vec::new();
        while !inner.is_empty() {
            values.push(expr(&inner)?);
            comma_or_end(&inner, "`,` or `]` in a list")?;
        }
        return Ok(Term::List(values, span));
    }
    if input.peek(syn::token::Brace) {
        let inner;
        braced!(inner in input);
        return Ok(Term::Rust(inner.parse()?));
    }
    if input.peek(Token![for]) {
        return for_(input);
    }
    if input.peek(Token![if]) {
        return if_(input);
    }
    if !input.peek(Ident::peek_any) {
        return Err(expected(input, "a formula: a name, a call, a number, a list, or Rust in braces"));
    }
    let name = input.call(Ident::parse_any)?;
    if name == "model" && input.peek(syn::token::Bracket) {
        let inner;
        bracketed!(inner in input);
        return Ok(Term::Parameter(inner.parse()?, name.span()));
    }
    if input.peek(syn::token::Paren) {
        return arguments(name, input).map(Term::Call);
    }
    match name.to_string().as_str() {
        "inf" => return Ok(Term::Literal(quote!(f64::INFINITY))),
        "nan" => return Ok(Term::Literal(quote!(f64::NAN))),
        text => {
            if let Ok(dtype) = text.parse() {
                return Ok(Term::DType(dtype, name.span()));
            }
        }
    }
    Ok(Term::Name(name))
}

fn arguments(name: Ident, input: ParseStream) -> syn::Result<Call> {
    let inner;
    parenthesized!(inner in input);
    let mut call = Call { name, arguments: Vec::new(), named: Vec::new() };
    while !inner.is_empty() {
        if inner.peek(Ident::peek_any) && inner.peek2(Token![=]) && !inner.peek2(Token![==]) {
            let name = inner.call(Ident::parse_any)?;
            inner.parse::<Token![=]>()?;
            call.named.push((name, expr(&inner)?));
        } else if call.named.is_empty() {
            call.arguments.push(expr(&inner)?);
        } else {
            return wrong(inner.span(), "what stands by place comes before what has a name");
        }
        comma_or_end(&inner, "an operator, `,` or `)`")?;
    }
    Ok(call)
}

fn for_(input: ParseStream) -> syn::Result<Term> {
    let span = input.parse::<Token![for]>()?.span;
    let index = name(input, "the name of the index: `for l in 0..n { … }`")?;
    if !input.peek(Token![in]) {
        return Err(expected(input, "`in` and the bounds: `for l in 0..n { … }`"));
    }
    input.parse::<Token![in]>()?;
    let start = sum(input)?;
    if input.peek(Token![..=]) {
        return wrong(input.span(), "bounds are half-open: write `a..b`, without `=`");
    }
    if !input.peek(Token![..]) {
        return Err(expected(input, "`..` between the bounds"));
    }
    input.parse::<Token![..]>()?;
    let end = bound(input)?;
    let (body, value) = block(input)?;
    match value {
        None => Ok(Term::For(Box::new(For { index, start, end, body, span }))),
        Some(_) => wrong(span, "the value of a `for` is what its body assigns: write `x = …;`, with a semicolon"),
    }
}

/// A formula before a block: a brace begins the block, and isn't Rust.
fn bound(input: ParseStream) -> syn::Result<Term> {
    sum(input)
}

fn if_(input: ParseStream) -> syn::Result<Term> {
    let span = input.parse::<Token![if]>()?.span;
    let condition = or(input)?;
    let then = block(input)?;
    if !input.peek(Token![else]) {
        return wrong(span, "an `if` gives a value, so it wants an `else`");
    }
    input.parse::<Token![else]>()?;
    let otherwise = if input.peek(Token![if]) { (Vec::new(), Some(if_(input)?)) } else { block(input)? };
    Ok(Term::If(Box::new(If { condition, then, otherwise, span })))
}
