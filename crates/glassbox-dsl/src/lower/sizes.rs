//! The values of the names in dims.

use std::collections::BTreeMap;

use glassbox_ir::{Attr, Dim};

use super::{Lowerer, Package, Result, package};
use crate::error::{DslError, Place};
use crate::program::*;
use crate::source::ModelSource;

/// Each size by name: a number, or a symbol where it is free.
pub(super) struct Sizes {
    sizes: BTreeMap<String, Dim>,
    /// The integers that constant scalars are. Where a size of the package has the name, it may be another.
    constants: BTreeMap<String, i64>,
}

impl Sizes {
    /// The sizes that a program names.
    pub(super) fn new(program: &Program, model: &dyn ModelSource, package: Package) -> Result<Sizes> {
        let mut sizes = Sizes { sizes: BTreeMap::new(), constants: BTreeMap::new() };
        for declaration in &program.declarations {
            let place = || Place { file: program.file.clone(), line: declaration.name.at.line, block: String::new() };
            // A constant is a size under its own name.
            let integer = declaration.memory == Memory::Constant
                && declaration.indices.is_empty()
                && declaration.ty.dims.is_empty()
                && declaration.ty.dtype.is_integer();
            if integer && package == Package::Given {
                let value = package::constant_integer(declaration, model)
                    .map_err(|message| DslError::at(place(), declaration.name.at, message))?;
                sizes.constants.insert(declaration.name.text.clone(), value);
            }
        }
        sizes.bind(program, model)?;
        Ok(sizes)
    }

    /// The value of a name: known so far, from the package, or free.
    fn lookup(&self, name: &str, model: &dyn ModelSource) -> Option<Dim> {
        if let Some(size) = model.size(name) {
            return i64::try_from(size).ok().map(Dim::Int);
        }
        if let Some(value) = self.constants.get(name) {
            return Some(Dim::Int(*value));
        }
        if let Some(dim) = self.sizes.get(name) {
            return Some(dim.clone());
        }
        match model.metadata(name) {
            Some(Attr::Int(value)) => Some(Dim::Int(value)),
            _ => None,
        }
    }

    /// Sizes that only the extents of parameters say; what is left is free.
    fn bind(&mut self, program: &Program, model: &dyn ModelSource) -> Result<()> {
        for declaration in &program.declarations {
            for name in package::parameter_names(declaration, model) {
                let Some(info) = model.params().find(&name) else { continue };
                if info.shape.len() != declaration.ty.dims.len() {
                    continue;
                }
                for (dim, extent) in declaration.ty.dims.iter().zip(&info.shape) {
                    let IntExpr::Name(name) = dim else { continue };
                    if self.lookup(&name.text, model).is_none() {
                        self.sizes.insert(name.text.clone(), Dim::from(*extent));
                    }
                }
            }
        }
        let mut names = Vec::new();
        let mut collect = |name: &Name| names.push(name.text.clone());
        each_dim(program, &mut |dim| dim.for_each_name(&mut |name| collect(name)));
        each_size_in_statements(program, &mut |name| {
            // An undeclared name in an integer expression is a size, too.
            if program.find(&name.text).is_none() {
                names.push(name.text.clone());
            }
        });
        for name in names {
            let dim = self.lookup(&name, model).unwrap_or_else(|| Dim::symbol(&name));
            self.sizes.insert(name, dim);
        }
        Ok(())
    }

    /// The value of a size, where it is one.
    pub(super) fn get(&self, name: &str) -> Option<&Dim> {
        self.sizes.get(name)
    }

    /// The integer that a constant scalar is.
    pub(super) fn constant(&self, name: &str) -> Option<i64> {
        self.constants.get(name).copied()
    }

    /// That a name in a dim or an integer expression has no value.
    pub(super) fn nothing_says(&self, program: &Program, model: &dyn ModelSource, name: &str) -> String {
        let mut is_index = false;
        for block in &program.blocks {
            crate::check::each_statement(&block.statements, &mut |statement| {
                is_index |= matches!(&statement.kind, StatementKind::Loop { index, .. } if index.text == name);
            });
        }
        if is_index {
            return format!("`{name}` is the index of a loop, and has a value only in its body");
        }
        let said =
            self.sizes.iter().filter(|(other, dim)| dim.as_int().is_some() || input_axis(program, other).is_some());
        let settings = model.names();
        let names = said.map(|(other, _)| other.as_str()).chain(settings.iter().map(String::as_str));
        let hint = crate::check::did_you_mean(name, names);
        format!(
            "nothing says the size `{name}`: the package has no size or metadata of that name, no parameter's dim is just \
             `{name}`, and no dynamic variable's either{hint}"
        )
    }

    /// Every free size is the whole dim of an input: nothing else could say it.
    pub(super) fn check_free(&self, program: &Program, model: &dyn ModelSource) -> Result<()> {
        let mut missing = None;
        let mut look = |name: &Name| {
            let free = self.sizes.get(&name.text).is_some_and(|dim| dim.as_int().is_none());
            if free && input_axis(program, &name.text).is_none() && missing.is_none() {
                missing = Some(name.clone());
            }
        };
        each_dim(program, &mut |dim| dim.for_each_name(&mut |name| look(name)));
        match missing {
            None => Ok(()),
            Some(name) => {
                let place = Place { file: program.file.clone(), line: name.at.line, block: String::new() };
                Err(DslError::at(place, name.at, self.nothing_says(program, model, &name.text)))
            }
        }
    }
}

/// The input, and the axis, that a free size is read from.
pub(super) fn input_axis<'p>(program: &'p Program, size: &str) -> Option<(&'p str, usize)> {
    program.declarations.iter().filter(|declaration| declaration.memory == Memory::Dynamic).find_map(|declaration| {
        let axis =
            declaration.ty.dims.iter().position(|dim| matches!(dim, IntExpr::Name(name) if name.text == size))?;
        Some((declaration.name.text.as_str(), axis))
    })
}

/// Every dim that a program writes.
fn each_dim<'p>(program: &'p Program, visit: &mut dyn FnMut(&'p IntExpr)) {
    fn statements<'p>(list: &'p [Statement], visit: &mut dyn FnMut(&'p IntExpr)) {
        for statement in list {
            match &statement.kind {
                StatementKind::Assign(_, ty) => ty.dims.iter().for_each(&mut *visit),
                StatementKind::If { then, otherwise, .. } => {
                    statements(then, visit);
                    statements(otherwise, visit);
                }
                StatementKind::Loop { body, .. } => statements(body, visit),
                StatementKind::Op(op) => {
                    for (_, argument, _) in &op.named {
                        if let Argument::Type(ty) | Argument::Tensor(ty, _) = argument {
                            ty.dims.iter().for_each(&mut *visit);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    for declaration in &program.declarations {
        declaration.ty.dims.iter().for_each(&mut *visit);
        declaration.fixed.iter().for_each(|(_, extent)| visit(extent));
    }
    for block in &program.blocks {
        statements(&block.statements, visit);
    }
}

/// Every name in an integer expression of a statement that isn't an index of a loop around it or assigned.
fn each_size_in_statements<'p>(program: &'p Program, visit: &mut dyn FnMut(&'p Name)) {
    let assigned: Vec<&str> = crate::check::assigned_names(program);
    fn list<'p>(statements: &'p [Statement], bound: &mut Vec<&'p str>, visit: &mut dyn FnMut(&'p Name)) {
        for statement in statements {
            let mut look = |expr: &'p IntExpr, bound: &[&str]| {
                expr.for_each_name(&mut |name| {
                    if !bound.contains(&name.text.as_str()) {
                        visit(name);
                    }
                });
            };
            for expr in crate::check::expressions(&statement.kind) {
                look(expr, bound);
            }
            match &statement.kind {
                StatementKind::If { then, otherwise, .. } => {
                    list(then, bound, visit);
                    list(otherwise, bound, visit);
                }
                StatementKind::Loop { index, body, .. } => {
                    bound.push(&index.text);
                    list(body, bound, visit);
                    bound.pop();
                }
                _ => {}
            }
        }
    }
    for block in &program.blocks {
        let mut bound = assigned.clone();
        list(&block.statements, &mut bound, visit);
    }
}

impl Lowerer<'_> {
    /// The dim that an expression of sizes is.
    pub(super) fn dim(&self, expr: &IntExpr) -> Result<Dim> {
        Ok(match expr {
            IntExpr::Int(value) => Dim::Int(*value),
            IntExpr::Unknown => Dim::Unknown,
            IntExpr::Name(name) => match self.sizes.get(&name.text) {
                Some(dim) => dim.clone(),
                None => {
                    let message = format!("`{}` can't stand in a dim: it is no size", name.text);
                    return Err(DslError::at(self.place(), name.at, message));
                }
            },
            IntExpr::Neg(inner) => Dim::Int(0) - self.dim(inner)?,
            IntExpr::Binary(op, left, right) => {
                let (left, right) = (self.dim(left)?, self.dim(right)?);
                match op {
                    Binary::Add => left + right,
                    Binary::Sub => left - right,
                    Binary::Mul => left * right,
                    Binary::Div => left.floor_div(&right),
                    Binary::Mod => left.modulo(&right),
                    Binary::Min => left.minimum(&right),
                    Binary::Max => left.maximum(&right),
                }
            }
        })
    }

    /// The dim, which must be a known integer.
    pub(super) fn known_dim(&self, expr: &IntExpr, of: &str) -> Result<i64> {
        let dim = self.dim(expr)?;
        dim.as_int().ok_or_else(|| {
            self.wrong(format!("a dim of `{of}` is {dim}, which isn't known before a step: give the package that size"))
        })
    }
}
