//! Writing formulas out as calls.

use std::collections::BTreeSet;

use glassbox_dsl::check::{Part, check_call, unknown_function};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::{Call, Dim, For, Formulas, If, Statement, Term, line_of, wrong};
use crate::emit::dtype_path;

/// The functions on caches, and attention.
const FUNCTIONS: &[&str] = &["kv_write", "kv_read", "sdpa"];

/// The expression that the formulas become.
pub(super) fn expand(dsl: &TokenStream, formulas: &Formulas) -> syn::Result<TokenStream> {
    let mut emit = Emit { dsl, graph: BTreeSet::new(), caches: BTreeSet::new() };
    let model = if formulas.model.is_empty() { quote!(#dsl::NoModel) } else { formulas.model.clone() };
    let mut lines = Vec::new();
    for input in &formulas.inputs {
        let (name, text, line) = (&input.name, input.name.to_string(), line_of(input.name.span()));
        let dtype = dtype_path(dsl, input.dtype);
        let dims = input.dims.iter().map(|dim| emit.dim(dim));
        lines.push(quote!(let #name = __f.at(#line).input(#text, #dtype, &[#(#dims),*]);));
        if !emit.graph.insert(text.clone()) {
            return wrong(name.span(), format!("two inputs are named `{text}`"));
        }
    }
    for cache in &formulas.caches {
        let (name, text) = (&cache.name, cache.name.to_string());
        let (dtype, layers, capacity) = (dtype_path(dsl, cache.dtype), &cache.layers, &cache.capacity);
        lines.push(quote!(let #name = #dsl::formulas::KvCache::new(#text, #dtype, #layers, #capacity);));
        emit.caches.insert(text);
    }
    for statement in &formulas.statements {
        lines.push(emit.statement(statement, false)?);
    }
    let mut outputs = Vec::new();
    for name in &formulas.outputs {
        let text = name.to_string();
        if !emit.graph.contains(&text) {
            return wrong(name.span(), emit.unknown(&text));
        }
        if formulas.outputs.iter().filter(|other| *other == name).count() > 1 {
            return wrong(name.span(), format!("`{text}` is given out twice; `let` gives it another name"));
        }
        outputs.push(quote!((#text, #dsl::formulas::FormulaValue::id(#name))));
    }
    let handles: Vec<Ident> = (0..outputs.len()).map(|place| format_ident!("__output_{place}")).collect();
    Ok(quote!({
        let __model = &#model;
        let __f = #dsl::Formulas::new(__model, ::core::file!());
        let __outputs = {
            let __f = &__f;
            #(#lines)*
            [#(#outputs),*]
        };
        let (__formula, [#(#handles),*]) = __f.finish(__outputs);
        (__formula, #(#handles),*)
    }))
}

struct Emit<'d> {
    dsl: &'d TokenStream,
    /// The names that are values of the graph.
    graph: BTreeSet<String>,
    /// The names that are caches.
    caches: BTreeSet<String>,
}

impl Emit<'_> {
    fn unknown(&self, name: &str) -> String {
        let near = glassbox_dsl::check::near(name, self.graph.iter().map(String::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("`{name}` is no value of the graph{hint}")
    }

    /// That what is assigned isn't there.
    fn no_variable(&self, name: &Ident) -> String {
        format!("{}, so it can't be assigned (`let` makes a new one)", self.unknown(&name.to_string()))
    }

    fn dim(&self, dim: &Dim) -> TokenStream {
        let dsl = self.dsl;
        match dim {
            Dim::Number(extent) => quote!(#dsl::formulas::Size::Known(#extent)),
            Dim::Size(name) => {
                let name = name.to_string();
                quote!(#dsl::formulas::Size::Named(#name))
            }
            Dim::Rust(rust) => quote!(#dsl::formulas::Size::Known({ #rust })),
            Dim::Binary(op, left, right) => {
                let (op, left, right) = (format_ident!("{op}"), self.dim(left), self.dim(right));
                quote!(#dsl::formulas::Size::combined(#dsl::program::Binary::#op, #left, #right))
            }
        }
    }

    /// Whether an expression is a value of the graph, and not Rust.
    fn is_graph(&self, expr: &Term) -> bool {
        match expr {
            Term::Name(name) => self.graph.contains(&name.to_string()),
            Term::Parameter(..) | Term::Call(_) => true,
            Term::Binary(_, _, left, right) => self.is_graph(left) || self.is_graph(right),
            Term::Unary(_, _, inner) | Term::Hinted(inner, _) => self.is_graph(inner),
            Term::For(_) => true,
            Term::If(choice) => {
                self.is_graph(&choice.condition)
                    || choice.then.1.as_ref().is_some_and(|value| self.is_graph(value))
                    || choice.otherwise.1.as_ref().is_some_and(|value| self.is_graph(value))
                    || !choice.then.0.is_empty()
            }
            Term::Literal(_) | Term::Rust(_) | Term::List(..) | Term::DType(..) | Term::Skipped(_) => false,
        }
    }

    fn statement(&mut self, statement: &Statement, in_body: bool) -> syn::Result<TokenStream> {
        match statement {
            Statement::Let(names, value) => {
                let outputs = names.len();
                let graph = self.is_graph(value);
                if !graph {
                    let rust = self.rust(value)?;
                    let [name] = names.as_slice() else {
                        return wrong(names[0].span(), "several names want a formula with as many results");
                    };
                    self.graph.remove(&name.to_string());
                    return Ok(quote!(let #name = #rust;));
                }
                let made = self.values(value, outputs)?;
                let texts: Vec<String> = names.iter().map(Ident::to_string).collect();
                self.graph.extend(texts.iter().filter(|text| *text != "_").cloned());
                let named = names
                    .iter()
                    .zip(&texts)
                    .filter(|(_, text)| *text != "_")
                    .map(|(name, text)| quote!(let #name = __f.name(#name, #text);));
                Ok(quote!(let [#(#names),*] = #made; #(#named)*))
            }
            Statement::Assign(name, value) => {
                if !self.graph.contains(&name.to_string()) {
                    return wrong(name.span(), self.no_variable(name));
                }
                if !in_body {
                    return wrong(
                        name.span(),
                        "only the body of a `for` assigns; elsewhere `let` gives the name to another value",
                    );
                }
                let made = self.value(value)?;
                Ok(quote!(#name = #made;))
            }
            Statement::Bare(Term::Call(call)) if call.name == "kv_write" => self.kv_write(call),
            Statement::Bare(Term::For(repeat)) => {
                let made = self.for_(repeat, 0)?;
                Ok(quote!(let [] = #made;))
            }
            Statement::Bare(Term::Call(call)) => {
                wrong(call.name.span(), format!("the result of `{}` goes nowhere: write `let name = …;`", call.name))
            }
            Statement::Bare(other) => wrong(span_of(other), "this formula goes nowhere: write `let name = …;`"),
        }
    }

    /// An expression of Rust.
    fn rust(&self, expr: &Term) -> syn::Result<TokenStream> {
        Ok(match expr {
            Term::Literal(literal) => literal.clone(),
            Term::Name(name) => quote!(#name),
            Term::Rust(rust) => quote!({ #rust }),
            Term::Binary(_, rust, left, right) => {
                let (left, right) = (self.rust(left)?, self.rust(right)?);
                quote!((#left #rust #right))
            }
            Term::Unary(_, rust, inner) => {
                let inner = self.rust(inner)?;
                quote!((#rust #inner))
            }
            Term::List(values, _) => {
                let values = values.iter().map(|value| self.rust(value)).collect::<syn::Result<Vec<_>>>()?;
                quote!(::std::vec![#(#values),*])
            }
            other => return wrong(span_of(other), "Rust is wanted here, and this is none"),
        })
    }

    /// What stands as an operand or as the value of an attribute.
    fn argument(&mut self, expr: &Term) -> syn::Result<TokenStream> {
        let dsl = self.dsl;
        Ok(match expr {
            Term::DType(dtype, _) => {
                let dtype = dtype_path(dsl, *dtype);
                quote!(#dsl::formulas::Arg::DType(#dtype))
            }
            Term::Skipped(_) => quote!(#dsl::formulas::Arg::Skipped),
            Term::Name(name) if self.caches.contains(&name.to_string()) => {
                let message = format!("`{name}` holds keys and values of many steps: `kv_read` and `kv_write` use it");
                return wrong(name.span(), message);
            }
            Term::List(values, _) => {
                if let Some(value) = values.iter().find(|value| self.is_graph(value)) {
                    let message =
                        "a list holds numbers, and this is a value of the graph; `concat` puts values together";
                    return wrong(span_of(value), message);
                }
                let values = values.iter().map(|value| self.rust(value)).collect::<syn::Result<Vec<_>>>()?;
                quote!(#dsl::formulas::Arg::list([#(#dsl::formulas::Number::from(#values)),*]))
            }
            graph if self.is_graph(graph) => {
                let value = self.value(graph)?;
                quote!(#dsl::formulas::Arg::Value(#value))
            }
            rust => {
                let rust = self.rust(rust)?;
                quote!(#dsl::formulas::Arg::from(#rust))
            }
        })
    }

    /// One value of the graph.
    fn value(&mut self, expr: &Term) -> syn::Result<TokenStream> {
        if let Term::Name(name) = expr {
            return if self.graph.contains(&name.to_string()) {
                Ok(quote!(#name))
            } else {
                wrong(name.span(), self.unknown(&name.to_string()))
            };
        }
        let values = self.values(expr, 1)?;
        Ok(quote!({ let [__value] = #values; __value }))
    }

    /// Values of the graph, as an array of so many.
    fn values(&mut self, expr: &Term, outputs: usize) -> syn::Result<TokenStream> {
        let one = |span: Span| {
            if outputs == 1 { Ok(()) } else { wrong(span, format!("this gives one value, not {outputs}")) }
        };
        match expr {
            Term::Call(call) => self.call(call, outputs),
            Term::For(repeat) => self.for_(repeat, outputs),
            Term::If(choice) => self.if_(choice, outputs),
            Term::Hinted(inner, hints) => {
                let made = self.values(inner, outputs)?;
                let hints = hints.iter().map(|(name, advice)| {
                    let name = name.to_string();
                    quote!(__f.hint(__made[0], #name, #advice);)
                });
                Ok(quote!({ let __made = #made; #(#hints)* __made }))
            }
            Term::Name(name) => {
                one(name.span())?;
                let value = self.value(expr)?;
                Ok(quote!([#value]))
            }
            Term::Parameter(key, span) => {
                one(*span)?;
                let line = line_of(*span);
                Ok(quote!([__f.at(#line).parameter(#key)]))
            }
            Term::Binary(op, _, left, right) => {
                one(span_of(expr))?;
                let line = line_of(span_of(expr));
                let (left, right) = (self.argument(left)?, self.argument(right)?);
                Ok(
                    quote!([{ let __arguments = ::std::vec![#left, #right]; __f.at(#line).op1(#op, __arguments, ::std::vec![]) }]),
                )
            }
            Term::Unary(op, _, inner) => {
                one(span_of(expr))?;
                let line = line_of(span_of(expr));
                let inner = self.argument(inner)?;
                Ok(
                    quote!([{ let __arguments = ::std::vec![#inner]; __f.at(#line).op1(#op, __arguments, ::std::vec![]) }]),
                )
            }
            other => wrong(span_of(other), "a value of the graph is wanted here"),
        }
    }

    fn call(&mut self, call: &Call, outputs: usize) -> syn::Result<TokenStream> {
        let (name, span) = (call.name.to_string(), call.name.span());
        match name.as_str() {
            "kv_write" => return wrong(span, "`kv_write` gives no value: it stands alone"),
            "kv_read" => return self.kv_read(call, outputs),
            "sdpa" => return self.sdpa(call, outputs),
            _ => {}
        }
        let names: Vec<String> = call.named.iter().map(|(name, _)| name.to_string()).collect();
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let operands = call.arguments.iter().filter(|argument| !matches!(argument, Term::DType(..))).count();
        if let Some(message) = unknown_function(&name, FUNCTIONS) {
            return wrong(span, message);
        }
        if let Err((part, message)) = check_call(&name, operands, &named, outputs) {
            // Of the operands dtypes aren't counted.
            let values = || call.arguments.iter().filter(|argument| !matches!(argument, Term::DType(..)));
            let span = match part {
                Part::Named(place) => call.named.get(place).map(|(name, _)| name.span()),
                Part::Operand(place) => values().nth(place).map(span_of),
                Part::Name | Part::Result(_) => None,
            };
            return wrong(span.unwrap_or(call.name.span()), message);
        }
        let line = line_of(span);
        let arguments =
            call.arguments.iter().map(|argument| self.argument(argument)).collect::<syn::Result<Vec<_>>>()?;
        let mut pairs = Vec::new();
        for ((_, argument), name) in call.named.iter().zip(&names) {
            let argument = self.argument(argument)?;
            pairs.push(quote!((#name, #argument)));
        }
        Ok(quote!({
            let __arguments = ::std::vec![#(#arguments),*];
            let __named = ::std::vec![#(#pairs),*];
            __f.at(#line).op::<#outputs>(#name, __arguments, __named)
        }))
    }

    /// The arguments of a function that takes a cache first and the rest by name.
    fn cache_call(&mut self, call: &Call, wanted: &[&str]) -> syn::Result<(TokenStream, Vec<TokenStream>)> {
        let span = call.name.span();
        let cache = match call.arguments.as_slice() {
            [Term::Name(name)] if self.caches.contains(&name.to_string()) => quote!(&#name),
            [other] => return wrong(span_of(other), format!("`{}` wants a cache that `state:` declares", call.name)),
            _ => return wrong(span, format!("`{}` takes a cache, and {} by name", call.name, wanted.join(", "))),
        };
        if let Some((name, _)) = call.named.iter().find(|(name, _)| !wanted.contains(&name.to_string().as_str())) {
            return wrong(name.span(), format!("`{}` takes {} by name, not `{name}`", call.name, wanted.join(", ")));
        }
        let mut given = Vec::new();
        for name in wanted {
            let Some((_, value)) = call.named.iter().find(|(other, _)| other == name) else {
                return wrong(span, format!("`{}` wants `{name}=`", call.name));
            };
            given.push(match *name {
                "layer" if self.is_graph(value) => {
                    return wrong(
                        span_of(value),
                        "the layer must be known when the graph is built: an integer of Rust",
                    );
                }
                "layer" => self.rust(value)?,
                "step" => self.argument(value)?,
                _ => self.value(value)?,
            });
        }
        Ok((cache, given))
    }

    fn kv_write(&mut self, call: &Call) -> syn::Result<TokenStream> {
        let line = line_of(call.name.span());
        let (cache, given) = self.cache_call(call, &["layer", "step", "k", "v"])?;
        let [layer, step, k, v] = given.as_slice() else { return wrong(call.name.span(), "four are wanted") };
        Ok(quote! {{
            let (__step, __k, __v) = (#step, #k, #v);
            __f.at(#line).kv_write(#cache, #layer, __step, __k, __v);
        }})
    }

    fn kv_read(&mut self, call: &Call, outputs: usize) -> syn::Result<TokenStream> {
        if outputs != 2 {
            return wrong(call.name.span(), "`kv_read` gives keys and values: write `let (k, v) = kv_read(…);`");
        }
        let line = line_of(call.name.span());
        let (cache, given) = self.cache_call(call, &["layer", "step"])?;
        let [layer, step] = given.as_slice() else { return wrong(call.name.span(), "two are wanted") };
        Ok(quote!({ let __step = #step; __f.at(#line).kv_read(#cache, #layer, __step) }))
    }

    fn sdpa(&mut self, call: &Call, outputs: usize) -> syn::Result<TokenStream> {
        let span = call.name.span();
        if outputs != 1 || !call.named.is_empty() || !(3..=4).contains(&call.arguments.len()) {
            return wrong(span, "`sdpa(q, k, v)` or `sdpa(q, k, v, mask)` is wanted, which gives one value");
        }
        let line = line_of(span);
        let values = call.arguments.iter().map(|argument| self.value(argument)).collect::<syn::Result<Vec<_>>>()?;
        let (q, k, v) = (&values[0], &values[1], &values[2]);
        let mask = match values.get(3) {
            Some(mask) => quote!(::core::option::Option::Some(#mask)),
            None => quote!(::core::option::Option::None),
        };
        Ok(quote!([{ let (__q, __k, __v, __mask) = (#q, #k, #v, #mask); __f.at(#line).sdpa(__q, __k, __v, __mask) }]))
    }

    /// The variables of around that a body assigns, in the order of their first assignment.
    fn carried(&self, body: &[Statement]) -> Vec<Ident> {
        let mut carried: Vec<Ident> = Vec::new();
        let mut own: Vec<String> = Vec::new();
        for statement in body {
            match statement {
                Statement::Let(names, _) => own.extend(names.iter().map(Ident::to_string)),
                Statement::Assign(name, _) if !own.contains(&name.to_string()) && !carried.contains(name) => {
                    carried.push(name.clone());
                }
                _ => {}
            }
        }
        carried
    }

    fn for_(&mut self, repeat: &For, outputs: usize) -> syn::Result<TokenStream> {
        let carried = self.carried(&repeat.body);
        let line = line_of(repeat.span);
        if let Some(name) = carried.iter().find(|name| !self.graph.contains(&name.to_string())) {
            return wrong(name.span(), self.no_variable(name));
        }
        if outputs != carried.len() {
            let names: Vec<String> = carried.iter().map(|name| format!("`{name}`")).collect();
            let gives = if names.is_empty() { "no variable".to_owned() } else { names.join(", ") };
            return wrong(
                repeat.span,
                format!("the body of this `for` assigns {gives}, so it gives {} here, not {outputs}", carried.len()),
            );
        }
        let index = &repeat.index;
        let over_graph = self.is_graph(&repeat.start) || self.is_graph(&repeat.end);
        let around = (self.graph.clone(), self.caches.clone());
        let bounds = if over_graph {
            (self.argument(&repeat.start)?, self.argument(&repeat.end)?)
        } else {
            (self.rust(&repeat.start)?, self.rust(&repeat.end)?)
        };
        if over_graph {
            self.graph.insert(index.to_string());
        } else {
            self.graph.remove(&index.to_string());
        }
        let body =
            repeat.body.iter().map(|statement| self.statement(statement, true)).collect::<syn::Result<Vec<_>>>()?;
        (self.graph, self.caches) = around;
        let (start, end) = bounds;
        if !over_graph {
            return Ok(quote! {{
                #(let mut #carried = #carried;)*
                for #index in (#start)..(#end) { #(#body)* }
                [#(#carried),*]
            }});
        }
        Ok(quote! {{
            let (__start, __end) = (#start, #end);
            __f.at(#line).repeat(__start, __end, [#(#carried),*], |#index, [#(mut #carried),*]| {
                #(#body)*
                [#(#carried),*]
            })
        }})
    }

    fn side(&mut self, side: &(Vec<Statement>, Option<Term>), outputs: usize, span: Span) -> syn::Result<TokenStream> {
        let around = (self.graph.clone(), self.caches.clone());
        let mut lines = Vec::new();
        for statement in &side.0 {
            if let Statement::Assign(name, _) = statement {
                return wrong(
                    name.span(),
                    "an `if` gives a value and assigns nothing: write `let x = if … { … } else { … };`",
                );
            }
            lines.push(self.statement(statement, false)?);
        }
        let Some(value) = &side.1 else {
            return wrong(span, "each side of an `if` ends with its value, without a semicolon");
        };
        let value = if self.is_graph(value) {
            self.values(value, outputs)?
        } else {
            return wrong(span_of(value), "each side of an `if` gives a value of the graph");
        };
        (self.graph, self.caches) = around;
        Ok(quote!({ #(#lines)* #value }))
    }

    fn if_(&mut self, choice: &If, outputs: usize) -> syn::Result<TokenStream> {
        let line = line_of(choice.span);
        if !self.is_graph(&choice.condition) {
            let condition = self.rust(&choice.condition)?;
            let then = self.side(&choice.then, outputs, choice.span)?;
            let otherwise = self.side(&choice.otherwise, outputs, choice.span)?;
            return Ok(quote!(if #condition { #then } else { #otherwise }));
        }
        let condition = self.value(&choice.condition)?;
        let then = self.side(&choice.then, outputs, choice.span)?;
        let otherwise = self.side(&choice.otherwise, outputs, choice.span)?;
        Ok(quote! {{
            let __condition = #condition;
            __f.at(#line).select(__condition, || #then, || #otherwise)
        }})
    }
}

/// A place to point at.
fn span_of(expr: &Term) -> Span {
    match expr {
        Term::Name(name) => name.span(),
        Term::Call(call) => call.name.span(),
        Term::Parameter(_, span) | Term::DType(_, span) | Term::List(_, span) | Term::Skipped(span) => *span,
        Term::Binary(_, _, left, _) => span_of(left),
        Term::Unary(_, rust, _) | Term::Literal(rust) | Term::Rust(rust) => {
            rust.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
        }
        Term::For(repeat) => repeat.span,
        Term::If(choice) => choice.span,
        Term::Hinted(inner, _) => span_of(inner),
    }
}
