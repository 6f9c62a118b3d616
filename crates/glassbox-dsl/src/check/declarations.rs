//! Declarations and their attributes.

use super::{Checker, What, each_statement};
use crate::error::DslError;
use crate::lower::literal_tensor;
use crate::program::*;

impl<'p> Checker<'p> {
    /// Every name once, every attribute where it belongs.
    pub(super) fn declarations(&mut self) -> Result<(), DslError> {
        let program = self.program;
        for declaration in &program.declarations {
            self.new_name(&declaration.name)?;
            self.declaration(declaration)?;
            self.names.insert(&declaration.name.text, What::Declared(declaration));
        }
        for block in &program.blocks {
            self.path = vec![&block.name.text];
            let mut assigned = Vec::new();
            each_statement(&block.statements, &mut |statement| {
                if let StatementKind::Assign(name, ty) = &statement.kind {
                    assigned.push((name, ty));
                }
            });
            for (name, ty) in assigned {
                self.new_name(name)?;
                self.names.insert(&name.text, What::Assigned(ty));
            }
        }
        self.path.clear();
        for declaration in &program.declarations {
            if declaration.ty.dims.contains(&Expr::Unknown) {
                let message = format!("`{}`: `?` stands only in what `assign` declares", declaration.name.text);
                return Err(self.wrong(declaration.ty.at, message));
            }
            for dim in declaration.ty.dims.iter().chain(declaration.fixed.iter().map(|(_, extent)| extent)) {
                self.dim(dim)?;
            }
        }
        for (name, what) in self.names.clone() {
            if let What::Assigned(ty) = what {
                let _ = name;
                ty.dims.iter().try_for_each(|dim| self.dim(dim))?;
            }
        }
        Ok(())
    }

    /// A dim is made of sizes; a variable can't be one, but for a constant integer.
    pub(super) fn dim(&self, dim: &Expr) -> Result<(), DslError> {
        let mut wrong = Ok(());
        dim.for_each_name(&mut |name| {
            let fits = match self.names.get(name.text.as_str()) {
                None => true,
                Some(What::Declared(found)) => {
                    found.memory == Memory::Constant
                        && found.indices.is_empty()
                        && found.ty.dims.is_empty()
                        && found.ty.dtype.is_integer()
                }
                Some(What::Assigned(_)) => false,
            };
            if !fits && wrong.is_ok() {
                let message =
                    format!("`{}` can't stand in a dim: of variables only constant integer scalars can", name.text);
                wrong = Err(self.wrong(name.at, message));
            }
        });
        wrong
    }

    fn declaration(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let wrong = |message: String| Err(self.wrong(name.at, message));
        for (place, index) in declaration.indices.iter().enumerate() {
            if declaration.indices[..place].iter().any(|other| other.text == index.text) {
                return Err(self.wrong(index.at, format!("`{}` has the index `{}` twice", name.text, index.text)));
            }
        }
        let persistent = declaration.memory == Memory::Persistent;
        if declaration.memory == Memory::Dynamic {
            let given = [
                (declaration.init.is_some(), "@init"),
                (declaration.reference.is_some(), "@ref"),
                (declaration.pattern.is_some(), "@pattern"),
            ];
            if let Some((_, attribute)) = given.iter().find(|(given, _)| *given) {
                return wrong(format!(
                    "`{}` is dynamic, so it is inserted at each step, and takes no `{attribute}`",
                    name.text
                ));
            }
            if !declaration.indices.is_empty() {
                return wrong(format!("`{}` is dynamic, and can't be a table", name.text));
            }
        }
        if declaration.memory == Memory::Constant && declaration.init.is_some() {
            return wrong(format!("`{}` is a constant of the package, and takes no `@init`", name.text));
        }
        if !persistent && (declaration.table || !declaration.auto_dim.is_empty() || !declaration.fixed.is_empty()) {
            return wrong(format!(
                "`{}` isn't persistent, so it takes no `@table`, `@auto_dim` or `@fixed`",
                name.text
            ));
        }
        if persistent && declaration.pattern.is_some() {
            return wrong(format!(
                "`{}` is persistent: `@pattern` is for volatile and constant tables of parameters",
                name.text
            ));
        }
        if declaration.reference.is_some() && (declaration.pattern.is_some() || !declaration.indices.is_empty()) {
            return wrong(format!("`{}` has indices, so `@ref` can't name all of it", name.text));
        }
        if declaration.reference.is_some() && declaration.init.is_some() {
            return wrong(format!("`{}` can't begin both as `@ref` and as `@init`", name.text));
        }
        if declaration.pattern.is_some() || (!persistent && !declaration.indices.is_empty()) {
            self.pattern(declaration)?;
        }
        if persistent {
            self.table(declaration)?;
        }
        if let Some(init) = &declaration.init
            && let Err(message) = literal_tensor(std::slice::from_ref(init), declaration.ty.dtype, &[])
        {
            return wrong(format!("`@init` of `{}`: {message}", name.text));
        }
        Ok(())
    }

    /// The braces of a pattern name exactly the indices.
    fn pattern(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let wrong = |message: String| Err(self.wrong(name.at, message));
        let Some(pattern) = &declaration.pattern else {
            let index = declaration.indices.first().map_or("l", |index| index.text.as_str());
            return wrong(format!(
                "`{0}` has indices, so it wants a `@pattern`, such as `@pattern(\"{0}.{{{index}}}\")`",
                name.text
            ));
        };
        if declaration.indices.is_empty() {
            return wrong(format!("`{0}` has a `@pattern`, so it wants indices: `{0}(l): …`", name.text));
        }
        if declaration.init.is_some() {
            return wrong(format!("`{}` is a table of parameters, and takes no `@init`", name.text));
        }
        let mut named = Vec::new();
        let mut rest = pattern.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            let close = rest[open..].find('}').map(|close| open + close);
            match close.filter(|_| rest[open..].starts_with('{')) {
                Some(close) => {
                    named.push(&rest[open + 1..close]);
                    rest = &rest[close + 1..];
                }
                None => return wrong(format!("`@pattern` of `{}`: a brace isn't closed in {pattern:?}", name.text)),
            }
        }
        if let Some(other) = named.iter().find(|named| !declaration.indices.iter().any(|index| index.text == **named)) {
            return wrong(format!("`@pattern` of `{}`: `{{{other}}}` is no index of it", name.text));
        }
        if let Some(index) = declaration.indices.iter().find(|index| !named.contains(&index.text.as_str())) {
            let message = format!("`@pattern` of `{}` doesn't name the index `{}`", name.text, index.text);
            return Err(self.wrong(index.at, message));
        }
        Ok(())
    }

    /// What is said of the indices of a state.
    fn table(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let wrong = |message: String| Err(self.wrong(name.at, message));
        let is_index = |other: &Name| declaration.indices.iter().any(|index| index.text == other.text);
        for (place, auto) in declaration.auto_dim.iter().enumerate() {
            if !is_index(auto) {
                return Err(self.wrong(auto.at, format!("`@auto_dim`: `{}` is no index of `{}`", auto.text, name.text)));
            }
            if declaration.auto_dim[..place].iter().any(|other| other.text == auto.text) {
                return Err(self.wrong(auto.at, format!("`@auto_dim` names `{}` twice", auto.text)));
            }
        }
        for (place, (fixed, _)) in declaration.fixed.iter().enumerate() {
            if !is_index(fixed) {
                return Err(self.wrong(fixed.at, format!("`@fixed`: `{}` is no index of `{}`", fixed.text, name.text)));
            }
            if declaration.fixed[..place].iter().any(|(other, _)| other.text == fixed.text) {
                return Err(self.wrong(fixed.at, format!("`@fixed` names `{}` twice", fixed.text)));
            }
        }
        if declaration.auto_dim.len() > declaration.ty.dims.len() {
            return wrong(format!(
                "`{}` has {} dims, so at most so many can grow; `@auto_dim` names {}",
                name.text,
                declaration.ty.dims.len(),
                declaration.auto_dim.len()
            ));
        }
        let auto = |index: &Name| declaration.auto_dim.iter().any(|auto| auto.text == index.text);
        let cells = declaration.indices.iter().filter(|index| !auto(index)).count();
        if declaration.indices.is_empty() && declaration.table {
            return wrong(format!("`{0}` is a `@table`, so it wants indices: `{0}(i): …`", name.text));
        }
        if cells > 0 && !declaration.table {
            let what = if declaration.auto_dim.is_empty() { "`@table` or `@auto_dim`" } else { "`@table`" };
            return wrong(format!("`{}` has indices that nothing explains: it wants {what}", name.text));
        }
        if cells == 0 && declaration.table && !declaration.indices.is_empty() {
            return wrong(format!("`{}` is a `@table`, but every index of it is in `@auto_dim`", name.text));
        }
        if let Some(index) = declaration.indices.iter().skip(cells).find(|index| !auto(index)) {
            let message = format!(
                "the indices of cells come first in `{}`: `{}` stands after one of `@auto_dim`",
                name.text, index.text
            );
            return Err(self.wrong(index.at, message));
        }
        Ok(())
    }
}
