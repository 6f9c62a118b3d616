//! Statements.

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Token, braced, parenthesized};

use super::{MAX_NESTING, Reader, comma, end, expected, fail, peek_any_word, peek_word};
use crate::check::did_you_mean;
use crate::program::*;

/// What statements begin with.
const STATEMENTS: [&str; 12] =
    ["assign", "op", "transfer", "branch", "if", "loop", "return", "barrier", "dep", "yield", "await", "cache"];

/// What `cache.` goes on with.
const CACHE: [&str; 5] = ["read", "write", "reset", "increment", "decrement"];

impl Reader {
    pub(super) fn statements(&mut self, input: ParseStream) -> syn::Result<Vec<Statement>> {
        let inner;
        braced!(inner in input);
        let mut statements = Vec::new();
        while !inner.is_empty() {
            statements.push(self.nested_statement(&inner)?);
        }
        Ok(statements)
    }

    fn nested_statement(&mut self, input: ParseStream) -> syn::Result<Statement> {
        self.nested += 1;
        if self.nested > MAX_NESTING {
            return fail(input.span(), format!("more than {MAX_NESTING} statements stand in each other here"));
        }
        let at = self.at(input.span());
        let kind = self.statement(input)?;
        self.nested -= 1;
        Ok(Statement { kind, at })
    }

    fn statement(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        let word = self.name(input, "a statement")?;
        let kind = match word.text.as_str() {
            "assign" => {
                let name = self.name(input, "the name of a variable")?;
                if !input.peek(Token![:]) {
                    return Err(expected(input, format!("`:` and the type of `{}`", name.text)));
                }
                input.parse::<Token![:]>()?;
                StatementKind::Assign(name, self.ty(input)?)
            }
            "op" => StatementKind::Op(self.op(input)?),
            "transfer" => {
                let (from, at) = self.argument(input)?;
                arrow(input)?;
                StatementKind::Transfer(from, at, self.name(input, "the variable to write")?)
            }
            "branch" => {
                let first = self.name(input, "a block, or a condition and a block")?;
                let then = if peek_any_word(input) { Some(self.name(input, "a block")?) } else { None };
                let otherwise =
                    if then.is_some() && peek_any_word(input) { Some(self.name(input, "a block")?) } else { None };
                match then {
                    Some(then) => StatementKind::Branch { condition: Some(first), then, otherwise },
                    None => StatementKind::Branch { condition: None, then: first, otherwise: None },
                }
            }
            "if" => return self.if_(input),
            "loop" => return self.loop_(input),
            "return" => StatementKind::Return,
            "barrier" => StatementKind::Barrier,
            "dep" => {
                let after = self.dependence(input, "after")?;
                let before = self.dependence(input, "before")?;
                StatementKind::Dep { after, before }
            }
            "yield" => StatementKind::Yield(self.names(input, "a variable")?),
            "await" => StatementKind::Await(self.names(input, "a variable")?),
            "cache" => self.cache(input)?,
            _ => return fail(self.span(&word), no_statement(&word.text, input)),
        };
        if !input.peek(Token![;]) {
            return Err(expected(input, format!("`;` at the end of `{}`", word.text)));
        }
        input.parse::<Token![;]>()?;
        Ok(kind)
    }

    fn if_(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        let condition = self.name(input, "a condition: the name of a bool")?;
        if !input.peek(syn::token::Brace) {
            let message = format!(
                "`{{` after `{}`: a condition is the name of a bool, which `op less`, `op equal` and others make",
                condition.text
            );
            return Err(expected(input, message));
        }
        let then = self.statements(input)?;
        let mut otherwise = Vec::new();
        if peek_word(input, "else") {
            self.word(input, "else")?;
            if peek_word(input, "if") {
                otherwise.push(self.nested_statement(input)?);
            } else if input.peek(syn::token::Brace) {
                otherwise = self.statements(input)?;
            } else {
                return Err(expected(input, "`{` or `if` after `else`"));
            }
        }
        Ok(StatementKind::If { condition, then, otherwise })
    }

    fn loop_(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        let name = self.name(input, "the name of the loop: `loop layers (l in 0..n) { … }`")?;
        if !input.peek(syn::token::Paren) {
            return Err(expected(input, format!("`(`: `loop {} (i in a..b) {{ … }}`", name.text)));
        }
        let inner;
        parenthesized!(inner in input);
        let index = self.name(&inner, "the name of the index")?;
        self.word(&inner, "in")?;
        let start = self.whole_expr(&inner)?;
        if inner.peek(Token![..=]) {
            return fail(inner.span(), "the bounds of a loop are half-open: write `a..b`, without `=`");
        }
        if !inner.peek(Token![..]) {
            return Err(expected(&inner, "`..` between the bounds"));
        }
        inner.parse::<Token![..]>()?;
        let end_bound = self.whole_expr(&inner)?;
        end(&inner, "`)` after the bounds")?;
        if !input.peek(syn::token::Brace) {
            return Err(expected(input, format!("the body of the loop `{}` in braces", name.text)));
        }
        Ok(StatementKind::Loop { name, index, start, end: end_bound, body: self.statements(input)? })
    }

    /// `after(x)`, where `x` may be `cache.read` and such.
    fn dependence(&mut self, input: ParseStream, word: &str) -> syn::Result<Name> {
        if !peek_word(input, word) {
            return Err(expected(input, format!("`{word}(…)`: `dep after(x) before(y);`")));
        }
        self.word(input, word)?;
        if !input.peek(syn::token::Paren) {
            return Err(expected(input, format!("`(` and what is meant after `{word}`")));
        }
        let inner;
        parenthesized!(inner in input);
        let mut name = self.name(&inner, "what a statement writes, its op or its loop")?;
        if inner.peek(Token![.]) {
            inner.parse::<Token![.]>()?;
            name.text = format!("{}.{}", name.text, self.name(&inner, "read, write, reset or such")?.text);
        }
        end(&inner, format!("`)`: `{word}` names one statement"))?;
        Ok(name)
    }

    fn cache(&mut self, input: ParseStream) -> syn::Result<StatementKind> {
        if !input.peek(Token![.]) {
            return Err(expected(input, "`.` after `cache`: `cache.read`, `cache.write`, `cache.increment` and such"));
        }
        input.parse::<Token![.]>()?;
        let word = self.name(input, "read, write, reset, increment or decrement")?;
        Ok(match word.text.as_str() {
            "read" => {
                let region = self.region(input)?;
                arrow(input)?;
                StatementKind::CacheRead(region, self.name(input, "the variable to write")?)
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
                let alone = ahead.call(Ident::parse_any).is_ok() && (ahead.peek(Token![;]) || ahead.is_empty());
                let by = if alone { None } else { Some(self.whole_expr(input)?) };
                StatementKind::CacheAdd { name: self.name(input, "the variable that counts")?, by, negative }
            }
            other => {
                let hint = did_you_mean(other, CACHE);
                let message =
                    format!("`cache.{other}` doesn't exist; there are read, write, reset, increment, decrement{hint}");
                return fail(self.span(&word), message);
            }
        })
    }

    fn op(&mut self, input: ParseStream) -> syn::Result<Op> {
        let mut op = Op::new(self.name(input, "the name of an op")?);
        if !input.peek(syn::token::Paren) {
            return Err(expected(input, format!("the operands of `{}` in parentheses", op.name.text)));
        }
        let inner;
        parenthesized!(inner in input);
        while !inner.is_empty() {
            if peek_any_word(&inner) && inner.peek2(Token![=]) && !inner.peek2(Token![==]) {
                let name = self.name(&inner, "an attribute")?;
                inner.parse::<Token![=]>()?;
                let (argument, at) = self.argument(&inner)?;
                op.named.push((name, argument, at));
            } else {
                let (argument, at) = self.argument(&inner)?;
                if !op.named.is_empty() {
                    return fail(self.spans[at.token as usize], "operands by place come before what has a name");
                }
                op.operands.push((argument, at));
            }
            if inner.peek(syn::token::Paren) {
                return fail(inner.span(), "ops don't stand in each other: write this one to a variable before");
            }
            if !inner.is_empty() {
                let what =
                    "`,` or `)`: operands are variables, entries of tables and literals; an `op` computes others";
                comma(&inner, what)?;
            }
        }
        if input.peek(Token![>>]) {
            arrow(input)?;
            loop {
                if input.peek(Token![_]) {
                    input.parse::<Token![_]>()?;
                    op.targets.push(None);
                } else {
                    op.targets.push(Some(self.name(input, "the variable to write, or `_`")?));
                }
                if !input.peek(Token![,]) {
                    break;
                }
                input.parse::<Token![,]>()?;
            }
        } else if !input.peek(Token![@]) && !input.peek(Token![;]) {
            return Err(expected(input, format!("`>>` and where the result of `{}` goes", op.name.text)));
        }
        if input.peek(Token![@]) {
            self.hints(input, &mut op)?;
        }
        Ok(op)
    }

    fn hints(&mut self, input: ParseStream, op: &mut Op) -> syn::Result<()> {
        input.parse::<Token![@]>()?;
        if !input.peek(syn::token::Brace) {
            return Err(expected(input, "hints in braces: `@ { fuse: true }`"));
        }
        let inner;
        braced!(inner in input);
        while !inner.is_empty() {
            let name = self.name(&inner, "the name of a hint")?;
            if !inner.peek(Token![:]) {
                return Err(expected(&inner, format!("`:` and the value of the hint `{}`", name.text)));
            }
            inner.parse::<Token![:]>()?;
            if op.hints.iter().any(|(other, _)| other.text == name.text) {
                return fail(self.span(&name), format!("the hint `{}` is given twice", name.text));
            }
            op.hints.push((name, self.literal(&inner)?));
            if !inner.is_empty() {
                comma(&inner, "`,` or `}` after a hint")?;
            }
        }
        Ok(())
    }
}

/// That no statement begins so, with what is perhaps meant.
fn no_statement(word: &str, next: ParseStream) -> String {
    let instead = match word {
        "let" | "var" | "const" => "; a variable is declared with `assign name: type;`".to_owned(),
        "for" | "while" => "; write `loop name (i in a..b) { … }`".to_owned(),
        "break" | "continue" => "; `return;` ends the block, from inside a loop, too".to_owned(),
        "call" | "goto" | "jump" => "; `branch b;` calls block `b` and comes back".to_owned(),
        "else" => " without an `if` right before it".to_owned(),
        _ if next.peek(Token![=]) => "; `op … >> name;` and `transfer … >> name;` write variables".to_owned(),
        _ if glassbox_ir::ops::find(word).is_some() => format!("; write `op {word}(…) >> …;`"),
        _ => did_you_mean(word, STATEMENTS),
    };
    if instead.is_empty() {
        return format!("no statement begins with `{word}`; there are {}", STATEMENTS.join(", "));
    }
    format!("no statement begins with `{word}`{instead}")
}

fn arrow(input: ParseStream) -> syn::Result<()> {
    if !input.peek(Token![>>]) {
        return Err(expected(input, "`>>` and where it goes"));
    }
    input.parse::<Token![>>]>().map(|_| ())
}
