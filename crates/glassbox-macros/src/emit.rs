//! A program in block form as the Rust that builds it.

use glassbox_dsl::program::*;
use glassbox_tensor::DType;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The expression that makes `program`; `dsl` is the path of the crate that defines programs.
pub(crate) fn program(dsl: &TokenStream, program: &Program) -> TokenStream {
    let emit = Emit { dsl };
    let declarations = program.declarations.iter().map(|declaration| emit.declaration(declaration));
    let blocks = program.blocks.iter().map(|block| {
        let (name, statements) = (emit.name(&block.name), emit.statements(&block.statements));
        quote!(.block(#dsl::program::Block { name: #name, statements: #statements }))
    });
    quote!(#dsl::Program::new(::core::file!())#(.declare(#declarations))*#(#blocks)*)
}

struct Emit<'d> {
    dsl: &'d TokenStream,
}

impl Emit<'_> {
    fn name(&self, name: &Name) -> TokenStream {
        let (dsl, text, line) = (self.dsl, &name.text, name.at.line);
        quote!(#dsl::program::Name::from((#text, #line)))
    }

    fn dtype(&self, dtype: DType) -> TokenStream {
        dtype_path(self.dsl, dtype)
    }

    fn ty(&self, ty: &Ty) -> TokenStream {
        let (dsl, line, dtype) = (self.dsl, ty.at.line, self.dtype(ty.dtype));
        let dims = ty.dims.iter().map(|dim| self.expr(dim));
        quote!(#dsl::program::Ty::new(#dtype, [#(#dims),*]).at(#line))
    }

    fn expr(&self, expr: &IntExpr) -> TokenStream {
        let dsl = self.dsl;
        match expr {
            IntExpr::Int(value) => quote!(#dsl::program::IntExpr::Int(#value)),
            IntExpr::Unknown => quote!(#dsl::program::IntExpr::Unknown),
            IntExpr::Name(name) => {
                let name = self.name(name);
                quote!(#dsl::program::IntExpr::Name(#name))
            }
            IntExpr::Neg(inner) => {
                let inner = self.expr(inner);
                quote!(#dsl::program::IntExpr::negative(#inner))
            }
            IntExpr::Binary(op, left, right) => {
                let op = variant(*op);
                let (left, right) = (self.expr(left), self.expr(right));
                quote!(#dsl::program::IntExpr::binary(#dsl::program::Binary::#op, #left, #right))
            }
        }
    }

    fn literal(&self, literal: &Literal) -> TokenStream {
        let dsl = self.dsl;
        match literal {
            Literal::Bool(value) => quote!(#dsl::program::Literal::Bool(#value)),
            Literal::Int(value) => quote!(#dsl::program::Literal::Int(#value)),
            Literal::Float(value) => {
                let bits = value.to_bits();
                if value.is_finite() {
                    quote!(#dsl::program::Literal::Float(#value))
                } else {
                    quote!(#dsl::program::Literal::Float(f64::from_bits(#bits)))
                }
            }
            Literal::Text(text) => quote!(#dsl::program::Literal::from(#text)),
        }
    }

    fn literals(&self, literals: &[Literal]) -> TokenStream {
        let literals = literals.iter().map(|literal| self.literal(literal));
        quote!(::std::vec![#(#literals),*])
    }

    fn declaration(&self, declaration: &Declaration) -> TokenStream {
        let (dsl, memory) = (self.dsl, variant(declaration.memory));
        let (name, ty) = (self.name(&declaration.name), self.ty(&declaration.ty));
        let mut made = quote!(#dsl::program::Declaration::new(#dsl::program::Memory::#memory, #name, #ty));
        for index in &declaration.indices {
            let index = self.name(index);
            made = quote!(#made.index(#index));
        }
        if let Some(init) = &declaration.init {
            let init = self.literal(init);
            made = quote!(#made.init(#init));
        }
        if let Some(reference) = &declaration.reference {
            made = quote!(#made.reference(#reference));
        }
        if let Some(pattern) = &declaration.pattern {
            made = quote!(#made.pattern(#pattern));
        }
        if declaration.table {
            made = quote!(#made.table());
        }
        for auto in &declaration.auto_dim {
            let auto = self.name(auto);
            made = quote!(#made.auto_dim(#auto));
        }
        for (index, extent) in &declaration.fixed {
            let (index, extent) = (self.name(index), self.expr(extent));
            made = quote!(#made.fixed(#index, #extent));
        }
        made
    }

    fn statements(&self, statements: &[Statement]) -> TokenStream {
        let dsl = self.dsl;
        let statements = statements.iter().map(|statement| {
            let (line, kind) = (statement.at.line, self.kind(&statement.kind));
            quote!(#dsl::program::Statement::new(#line, #kind))
        });
        quote!(::std::vec![#(#statements),*])
    }

    fn argument(&self, argument: &Argument) -> TokenStream {
        let dsl = self.dsl;
        match argument {
            Argument::Skipped => quote!(#dsl::program::Argument::Skipped),
            Argument::Name(name) => {
                let name = self.name(name);
                quote!(#dsl::program::Argument::Name(#name))
            }
            Argument::Entry(name, indices) => {
                let name = self.name(name);
                let indices = indices.iter().map(|index| self.expr(index));
                quote!(#dsl::program::Argument::Entry(#name, ::std::vec![#(#indices),*]))
            }
            Argument::Literal(literal) => {
                let literal = self.literal(literal);
                quote!(#dsl::program::Argument::Literal(#literal))
            }
            Argument::List(literals) => {
                let literals = self.literals(literals);
                quote!(#dsl::program::Argument::List(#literals))
            }
            Argument::Integers(integers) => {
                let integers = integers.iter().map(|integer| self.expr(integer));
                quote!(#dsl::program::Argument::Integers(::std::vec![#(#integers),*]))
            }
            Argument::DType(dtype) => {
                let dtype = self.dtype(*dtype);
                quote!(#dsl::program::Argument::DType(#dtype))
            }
            Argument::Type(ty) => {
                let ty = self.ty(ty);
                quote!(#dsl::program::Argument::Type(#ty))
            }
            Argument::Tensor(ty, literals) => {
                let (ty, literals) = (self.ty(ty), self.literals(literals));
                quote!(#dsl::program::Argument::Tensor(#ty, #literals))
            }
        }
    }

    fn at(&self, at: At) -> TokenStream {
        let (dsl, line) = (self.dsl, at.line);
        quote!(#dsl::program::At::line(#line))
    }

    fn region(&self, region: &CacheSlice) -> TokenStream {
        let (dsl, name) = (self.dsl, self.name(&region.name));
        let option = |expr: &Option<IntExpr>| match expr {
            Some(expr) => {
                let expr = self.expr(expr);
                quote!(::core::option::Option::Some(#expr))
            }
            None => quote!(::core::option::Option::None),
        };
        match &region.indices {
            None => quote!(#dsl::program::CacheSlice::whole(#name)),
            Some(indices) => {
                let indices = indices.iter().map(|index| match index {
                    Index::At(expr) => {
                        let expr = self.expr(expr);
                        quote!(#dsl::program::Index::At(#expr))
                    }
                    Index::Slice(start, end) => {
                        let (start, end) = (option(start), option(end));
                        quote!(#dsl::program::Index::Slice(#start, #end))
                    }
                });
                quote!(#dsl::program::CacheSlice::of(#name, [#(#indices),*]))
            }
        }
    }

    fn names(&self, names: &[Name]) -> TokenStream {
        let names = names.iter().map(|name| self.name(name));
        quote!(::std::vec![#(#names),*])
    }

    fn kind(&self, kind: &StatementKind) -> TokenStream {
        let dsl = self.dsl;
        let kinds = quote!(#dsl::program::StatementKind);
        let option = |name: &Option<Name>| match name {
            Some(name) => {
                let name = self.name(name);
                quote!(::core::option::Option::Some(#name))
            }
            None => quote!(::core::option::Option::None),
        };
        match kind {
            StatementKind::Assign(name, ty) => {
                let (name, ty) = (self.name(name), self.ty(ty));
                quote!(#kinds::Assign(#name, #ty))
            }
            StatementKind::Op(op) => self.op(op),
            StatementKind::Transfer(from, at, to) => {
                let (from, at, to) = (self.argument(from), self.at(*at), self.name(to));
                quote!(#kinds::Transfer(#from, #at, #to))
            }
            StatementKind::Branch { condition, then, otherwise } => {
                let (condition, then, otherwise) = (option(condition), self.name(then), option(otherwise));
                quote!(#kinds::Branch { condition: #condition, then: #then, otherwise: #otherwise })
            }
            StatementKind::If { condition, then, otherwise } => {
                let (condition, then) = (self.name(condition), self.statements(then));
                let otherwise = self.statements(otherwise);
                quote!(#kinds::If { condition: #condition, then: #then, otherwise: #otherwise })
            }
            StatementKind::Loop { name, index, start, end, body } => {
                let (name, index, body) = (self.name(name), self.name(index), self.statements(body));
                let (start, end) = (self.expr(start), self.expr(end));
                quote!(#kinds::Loop { name: #name, index: #index, start: #start, end: #end, body: #body })
            }
            StatementKind::Return => quote!(#kinds::Return),
            StatementKind::Barrier => quote!(#kinds::Barrier),
            StatementKind::Dep { after, before } => {
                let (after, before) = (self.name(after), self.name(before));
                quote!(#kinds::Dep { after: #after, before: #before })
            }
            StatementKind::Yield(names) => {
                let names = self.names(names);
                quote!(#kinds::Yield(#names))
            }
            StatementKind::Await(names) => {
                let names = self.names(names);
                quote!(#kinds::Await(#names))
            }
            StatementKind::CacheRead(region, to) => {
                let (region, to) = (self.region(region), self.name(to));
                quote!(#kinds::CacheRead(#region, #to))
            }
            StatementKind::CacheWrite(from, at, region) => {
                let (from, at, region) = (self.argument(from), self.at(*at), self.region(region));
                quote!(#kinds::CacheWrite(#from, #at, #region))
            }
            StatementKind::CacheAdd { name, by, negative } => {
                let name = self.name(name);
                let by = match by {
                    Some(by) => {
                        let by = self.expr(by);
                        quote!(::core::option::Option::Some(#by))
                    }
                    None => quote!(::core::option::Option::None),
                };
                quote!(#kinds::CacheAdd { name: #name, by: #by, negative: #negative })
            }
            StatementKind::CacheReset(region) => {
                let region = self.region(region);
                quote!(#kinds::CacheReset(#region))
            }
        }
    }

    fn op(&self, op: &Op) -> TokenStream {
        let (dsl, name) = (self.dsl, self.name(&op.name));
        let mut made = quote!(#dsl::program::Op::new(#name));
        for (argument, at) in &op.operands {
            let (argument, at) = (self.argument(argument), self.at(*at));
            made = quote!(#made.operand_at(#argument, #at));
        }
        for (name, argument, at) in &op.named {
            let (name, argument, at) = (self.name(name), self.argument(argument), self.at(*at));
            made = quote!(#made.named_at(#name, #argument, #at));
        }
        for target in &op.targets {
            made = match target {
                Some(name) => {
                    let name = self.name(name);
                    quote!(#made.to(#name))
                }
                None => quote!(#made.unwanted()),
            };
        }
        for (name, value) in &op.hints {
            let (name, value) = (self.name(name), self.literal(value));
            made = quote!(#made.hint(#name, #value));
        }
        made
    }
}

/// The path of a dtype.
pub(crate) fn dtype_path(dsl: &TokenStream, dtype: DType) -> TokenStream {
    match dtype {
        DType::Block(format) => {
            let format = variant(format);
            quote!(#dsl::DType::Block(#dsl::BlockFormat::#format))
        }
        plain => {
            let plain = variant(plain);
            quote!(#dsl::DType::#plain)
        }
    }
}

/// The name of a variant, as `Debug` writes it.
fn variant(of: impl std::fmt::Debug) -> Ident {
    Ident::new(&format!("{of:?}"), Span::call_site())
}
