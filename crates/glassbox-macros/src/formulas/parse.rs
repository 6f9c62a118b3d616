//! Reading formulas.

use glassbox_tensor::DType;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Lit, LitInt, Token, braced, bracketed, parenthesized};

use super::{Cache, Call, Dim, Expr, For, Formulas, If, Input, Statement, wrong};

/// Reads a whole program.
pub(super) fn parse(tokens: TokenStream) -> syn::Result<Formulas> {
    program.parse2(tokens)
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
                let inner;
                braced!(inner in input);
                while !inner.is_empty() {
                    formulas.inputs.push(input_of(&inner)?);
                    comma(&inner)?;
                }
            }
            "state" => {
                let inner;
                braced!(inner in input);
                while !inner.is_empty() {
                    formulas.caches.push(cache(&inner)?);
                    comma(&inner)?;
                }
            }
            other => return wrong(word.span(), format!("`{other}:` is none of `model:`, `inputs:`, `state:`")),
        }
        comma(input)?;
    }
    while !input.is_empty() {
        if peek_word(input, "output") {
            input.call(Ident::parse_any)?;
            loop {
                formulas.outputs.push(input.call(Ident::parse_any)?);
                if !input.peek(Token![,]) {
                    break;
                }
                input.parse::<Token![,]>()?;
            }
            semicolon(input)?;
            if !input.is_empty() {
                return Err(input.error("`output` comes last"));
            }
            return Ok(formulas);
        }
        match statement(input)? {
            (Some(statement), None) => formulas.statements.push(statement),
            _ => return Err(input.error("expected `;`")),
        }
    }
    wrong(Span::call_site(), "there is no `output …;` at the end")
}

fn peek_word(input: ParseStream, word: &str) -> bool {
    input.fork().call(Ident::parse_any).is_ok_and(|ident| ident == word)
}

/// A comma, which may be left out at the end.
fn comma(input: ParseStream) -> syn::Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !input.is_empty() && !peek_statement(input) {
        return Err(input.error("expected `,`"));
    }
    Ok(())
}

fn peek_statement(input: ParseStream) -> bool {
    input.peek(Token![let]) || peek_word(input, "output")
}

fn semicolon(input: ParseStream) -> syn::Result<()> {
    if !input.peek(Token![;]) {
        return Err(input.error("expected `;`"));
    }
    input.parse::<Token![;]>().map(|_| ())
}

/// Rust, as far as the next comma.
fn until_comma(input: ParseStream) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?.to_tokens(&mut tokens);
    }
    if tokens.is_empty() { Err(input.error("expected an expression")) } else { Ok(tokens) }
}

fn dtype(input: ParseStream) -> syn::Result<DType> {
    let word = input.call(Ident::parse_any)?;
    word.to_string()
        .parse()
        .or_else(|_| wrong(word.span(), format!("`{word}` is no dtype; there are f32, i64, bool and others")))
}

fn input_of(input: ParseStream) -> syn::Result<Input> {
    let name = input.call(Ident::parse_any)?;
    input.parse::<Token![:]>()?;
    let dtype = dtype(input)?;
    let mut dims = Vec::new();
    if input.peek(syn::token::Bracket) {
        let inner;
        bracketed!(inner in input);
        while !inner.is_empty() {
            dims.push(dim(&inner)?);
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
            }
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
        return Ok(Dim::Number(input.parse::<LitInt>()?.base10_parse()?));
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
    Err(input.error("expected a number, the name of a size, or Rust in braces"))
}

fn cache(input: ParseStream) -> syn::Result<Cache> {
    let name = input.call(Ident::parse_any)?;
    input.parse::<Token![:]>()?;
    let kind = input.call(Ident::parse_any)?;
    if kind != "kv_cache" {
        return wrong(
            kind.span(),
            format!("`{kind}` is no kind of state; there is `kv_cache(dtype, layers=…, cap=…)`"),
        );
    }
    let inner;
    parenthesized!(inner in input);
    let dtype = dtype(&inner)?;
    let (mut layers, mut capacity) = (None, None);
    while !inner.is_empty() {
        inner.parse::<Token![,]>()?;
        if inner.is_empty() {
            break;
        }
        let word = inner.call(Ident::parse_any)?;
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
        (None, _) => wrong(kind.span(), "`kv_cache` wants `layers=`"),
        (_, None) => wrong(kind.span(), "`kv_cache` wants `cap=`"),
    }
}

/// A statement, or the expression that a block ends with.
fn statement(input: ParseStream) -> syn::Result<(Option<Statement>, Option<Expr>)> {
    if input.peek(Token![let]) {
        input.parse::<Token![let]>()?;
        let mut names = Vec::new();
        if input.peek(syn::token::Paren) {
            let inner;
            parenthesized!(inner in input);
            while !inner.is_empty() {
                names.push(inner.call(Ident::parse_any)?);
                if !inner.is_empty() {
                    inner.parse::<Token![,]>()?;
                }
            }
        } else {
            names.push(input.call(Ident::parse_any)?);
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
    if input.is_empty() && !matches!(value, Expr::For(_)) {
        return Ok((None, Some(value)));
    }
    if input.peek(Token![;]) {
        semicolon(input)?;
    } else if !matches!(value, Expr::For(_) | Expr::If(_)) {
        return Err(input.error("expected `;`"));
    }
    Ok((Some(Statement::Bare(value)), None))
}

fn block(input: ParseStream) -> syn::Result<(Vec<Statement>, Option<Expr>)> {
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
pub(super) fn expr(input: ParseStream) -> syn::Result<Expr> {
    let mut value = or(input)?;
    loop {
        if input.peek(Token![|]) && input.peek2(Token![>]) {
            input.parse::<Token![|]>()?;
            input.parse::<Token![>]>()?;
            let name = input.call(Ident::parse_any)?;
            let mut call = if input.peek(syn::token::Paren) {
                arguments(name, input)?
            } else {
                Call { name, arguments: Vec::new(), named: Vec::new() }
            };
            call.arguments.insert(0, value);
            value = Expr::Call(call);
        } else if input.peek(Token![@]) {
            input.parse::<Token![@]>()?;
            let inner;
            braced!(inner in input);
            let mut hints = Vec::new();
            while !inner.is_empty() {
                let name = inner.call(Ident::parse_any)?;
                inner.parse::<Token![:]>()?;
                hints.push((name, until_comma(&inner)?));
                if !inner.is_empty() {
                    inner.parse::<Token![,]>()?;
                }
            }
            value = Expr::Hinted(Box::new(value), hints);
        } else {
            return Ok(value);
        }
    }
}

fn binary(op: &'static str, rust: TokenStream, left: Expr, right: Expr) -> Expr {
    Expr::Binary(op, rust, Box::new(left), Box::new(right))
}

fn or(input: ParseStream) -> syn::Result<Expr> {
    let mut left = and(input)?;
    while input.peek(Token![||]) {
        input.parse::<Token![||]>()?;
        left = binary("or", quote!(||), left, and(input)?);
    }
    Ok(left)
}

fn and(input: ParseStream) -> syn::Result<Expr> {
    let mut left = comparison(input)?;
    while input.peek(Token![&&]) {
        input.parse::<Token![&&]>()?;
        left = binary("and", quote!(&&), left, comparison(input)?);
    }
    Ok(left)
}

fn comparison(input: ParseStream) -> syn::Result<Expr> {
    let left = sum(input)?;
    let (op, rust) = if input.peek(Token![==]) {
        input.parse::<Token![==]>()?;
        ("equal", quote!(==))
    } else if input.peek(Token![!=]) {
        input.parse::<Token![!=]>()?;
        let equal = binary("equal", quote!(==), left, sum(input)?);
        return Ok(Expr::Unary("not", quote!(!), Box::new(equal)));
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

fn sum(input: ParseStream) -> syn::Result<Expr> {
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

fn product(input: ParseStream) -> syn::Result<Expr> {
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

fn unary(input: ParseStream) -> syn::Result<Expr> {
    if input.peek(Token![-]) {
        input.parse::<Token![-]>()?;
        if input.peek(Lit) {
            let literal = input.parse::<Lit>()?;
            return Ok(Expr::Literal(quote!(-#literal)));
        }
        if peek_word(input, "inf") {
            input.call(Ident::parse_any)?;
            return Ok(Expr::Literal(quote!(f64::NEG_INFINITY)));
        }
        return Ok(Expr::Unary("neg", quote!(-), Box::new(unary(input)?)));
    }
    if input.peek(Token![!]) {
        input.parse::<Token![!]>()?;
        return Ok(Expr::Unary("not", quote!(!), Box::new(unary(input)?)));
    }
    primary(input)
}

fn primary(input: ParseStream) -> syn::Result<Expr> {
    if input.peek(Lit) {
        return Ok(Expr::Literal(input.parse::<Lit>()?.to_token_stream()));
    }
    if input.peek(Token![_]) {
        return Ok(Expr::Skipped(input.parse::<Token![_]>()?.span));
    }
    if input.peek(syn::token::Paren) {
        let inner;
        parenthesized!(inner in input);
        let value = expr(&inner)?;
        return if inner.is_empty() { Ok(value) } else { Err(inner.error("expected `)`")) };
    }
    if input.peek(syn::token::Bracket) {
        let span = input.span();
        let inner;
        bracketed!(inner in input);
        let mut values = Vec::new();
        while !inner.is_empty() {
            values.push(expr(&inner)?);
            if !inner.is_empty() {
                inner.parse::<Token![,]>()?;
            }
        }
        return Ok(Expr::List(values, span));
    }
    if input.peek(syn::token::Brace) {
        let inner;
        braced!(inner in input);
        return Ok(Expr::Rust(inner.parse()?));
    }
    if input.peek(Token![for]) {
        return for_(input);
    }
    if input.peek(Token![if]) {
        return if_(input);
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected a formula: a name, a call, a number, a list, or Rust in braces"));
    }
    let name = input.call(Ident::parse_any)?;
    if name == "model" && input.peek(syn::token::Bracket) {
        let inner;
        bracketed!(inner in input);
        return Ok(Expr::Parameter(inner.parse()?, name.span()));
    }
    if input.peek(syn::token::Paren) {
        return arguments(name, input).map(Expr::Call);
    }
    match name.to_string().as_str() {
        "inf" => return Ok(Expr::Literal(quote!(f64::INFINITY))),
        "nan" => return Ok(Expr::Literal(quote!(f64::NAN))),
        text => {
            if let Ok(dtype) = text.parse() {
                return Ok(Expr::DType(dtype));
            }
        }
    }
    Ok(Expr::Name(name))
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
            return Err(inner.error("what stands by place comes before what has a name"));
        }
        if !inner.is_empty() {
            inner.parse::<Token![,]>()?;
        }
    }
    Ok(call)
}

fn for_(input: ParseStream) -> syn::Result<Expr> {
    let span = input.parse::<Token![for]>()?.span;
    let index = input.call(Ident::parse_any)?;
    input.parse::<Token![in]>()?;
    let start = sum(input)?;
    if input.peek(Token![..=]) {
        return Err(input.error("bounds are half-open: write `a..b`, without `=`"));
    }
    input.parse::<Token![..]>()?;
    let end = bound(input)?;
    let (body, value) = block(input)?;
    match value {
        None => Ok(Expr::For(Box::new(For { index, start, end, body, span }))),
        Some(_) => wrong(span, "the value of a `for` is what its body assigns: write `x = …;`, with a semicolon"),
    }
}

/// A formula before a block: a brace begins the block, and isn't Rust.
fn bound(input: ParseStream) -> syn::Result<Expr> {
    sum(input)
}

fn if_(input: ParseStream) -> syn::Result<Expr> {
    let span = input.parse::<Token![if]>()?.span;
    let condition = or(input)?;
    let then = block(input)?;
    if !input.peek(Token![else]) {
        return wrong(span, "an `if` gives a value, so it wants an `else`");
    }
    input.parse::<Token![else]>()?;
    let otherwise = if input.peek(Token![if]) { (Vec::new(), Some(if_(input)?)) } else { block(input)? };
    Ok(Expr::If(Box::new(If { condition, then, otherwise, span })))
}
