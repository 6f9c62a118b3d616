//! Declarations and their attributes.

use super::{Checker, What, did_you_mean, each_statement};
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
            if declaration.ty.dims.contains(&IntExpr::Unknown) {
                let message = format!("`{}`: `?` stands only in what `assign` declares", declaration.name.text);
                return Err(self.wrong(declaration.ty.at, message));
            }
            for dim in declaration.ty.dims.iter().chain(declaration.fixed.iter().map(|(_, extent)| extent)) {
                self.dim(dim)?;
            }
        }
        for what in self.names.values() {
            if let What::Assigned(ty) = what {
                ty.dims.iter().try_for_each(|dim| self.dim(dim))?;
            }
        }
        Ok(())
    }

    /// A dim is made of sizes; a variable can't be one, but for a constant integer.
    pub(super) fn dim(&self, dim: &IntExpr) -> Result<(), DslError> {
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
                let message = format!(
                    "`{}` can't stand in a dim: a dim is made of integers, sizes and constant integer scalars",
                    name.text
                );
                wrong = Err(self.wrong(name.at, message));
            }
        });
        wrong
    }

    fn declaration(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let marks = declaration.marks.or(name.at);
        let wrong = |at: At, message: String| Err(self.wrong(at, message));
        for (place, index) in declaration.indices.iter().enumerate() {
            if declaration.indices[..place].iter().any(|other| other.text == index.text) {
                return wrong(index.at, format!("`{}` has the index `{}` twice", name.text, index.text));
            }
        }
        let persistent = declaration.memory == Memory::Persistent;
        let given = [
            (declaration.init.is_some(), "@init", marks.init),
            (declaration.reference.is_some(), "@ref", marks.reference),
            (declaration.pattern.is_some(), "@pattern", marks.pattern),
            (declaration.table, "@table", marks.table),
            (!declaration.auto_dim.is_empty(), "@auto_dim", marks.auto_dim),
            (!declaration.fixed.is_empty(), "@fixed", marks.fixed),
        ];
        let given = || given.iter().filter(|(given, ..)| *given);
        if declaration.memory == Memory::Dynamic {
            if let Some((_, attribute, at)) = given().next() {
                let message = format!(
                    "`{}` is dynamic: its value is inserted before each step, so it takes no `{attribute}`",
                    name.text
                );
                return wrong(*at, message);
            }
            if let Some(index) = declaration.indices.first() {
                let message = format!(
                    "`{}` is dynamic, and can't have indices; dims stand after the dtype: `{}: {}[…]`",
                    name.text, name.text, declaration.ty.dtype
                );
                return wrong(index.at, message);
            }
        }
        if declaration.memory == Memory::Constant && declaration.init.is_some() {
            let message = format!(
                "`{}` is constant: its value is in the package, so it takes no `@init`; a volatile variable may have one",
                name.text
            );
            return wrong(marks.init, message);
        }
        let of_states = given().find(|(_, attribute, _)| matches!(*attribute, "@table" | "@auto_dim" | "@fixed"));
        if let (false, Some((_, attribute, at))) = (persistent, of_states) {
            let message = format!("`{}` takes no `{attribute}`, which is for persistent variables", name.text);
            return wrong(*at, message);
        }
        if persistent && declaration.pattern.is_some() {
            let message = format!(
                "`{}` is persistent, and takes no `@pattern`, which is for volatile and constant tables of parameters",
                name.text
            );
            return wrong(marks.pattern, message);
        }
        if declaration.reference.is_some() && (declaration.pattern.is_some() || !declaration.indices.is_empty()) {
            let instead = if persistent { "`@init` gives all cells a value" } else { "`@pattern` names each" };
            let message = format!("`{}` has indices, so one `@ref` can't name all of it; {instead}", name.text);
            return wrong(marks.reference, message);
        }
        if declaration.reference.is_some() && declaration.init.is_some() {
            let message = format!("`{}` can't begin both as its `@ref` and as its `@init`: leave one out", name.text);
            return wrong(marks.init, message);
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
            return wrong(marks.init, format!("`@init` of `{}`: {message}", name.text));
        }
        Ok(())
    }

    /// The braces of a pattern name exactly the indices.
    fn pattern(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let marks = declaration.marks.or(name.at);
        let wrong = |message: String| Err(self.wrong(marks.pattern, message));
        let Some(pattern) = &declaration.pattern else {
            let index = declaration.indices.first().map_or("l", |index| index.text.as_str());
            let message = format!(
                "`{0}` has indices, so it wants a `@pattern`, such as `@pattern(\"{0}.{{{index}}}\")`",
                name.text
            );
            return Err(self.wrong(name.at, message));
        };
        if declaration.indices.is_empty() {
            return wrong(format!("`{0}` has a `@pattern`, so it wants indices: `{0}(l): …`", name.text));
        }
        if declaration.init.is_some() {
            let message = format!("`{}` is a table of parameters, and takes no `@init`", name.text);
            return Err(self.wrong(marks.init, message));
        }
        let indices = || {
            let quoted: Vec<String> = declaration.indices.iter().map(|index| format!("`{}`", index.text)).collect();
            quoted.join(", ")
        };
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
            return wrong(format!(
                "`@pattern` of `{}`: `{{{other}}}` is none of its indices ({})",
                name.text,
                indices()
            ));
        }
        if let Some(index) = declaration.indices.iter().find(|index| !named.contains(&index.text.as_str())) {
            let message = format!(
                "`@pattern` of `{}` doesn't name the index `{}`: write `{{{}}}` into it",
                name.text, index.text, index.text
            );
            return Err(self.wrong(index.at, message));
        }
        Ok(())
    }

    /// That an attribute names what is no index.
    fn no_index(&self, attribute: &str, index: &Name, declaration: &Declaration) -> String {
        let known = declaration.indices.iter().map(|index| index.text.as_str());
        let hint = if declaration.indices.is_empty() {
            format!("; it has none: write `{}({})`", declaration.name.text, index.text)
        } else {
            did_you_mean(&index.text, known)
        };
        format!("`{attribute}`: `{}` is no index of `{}`{hint}", index.text, declaration.name.text)
    }

    /// What is said of the indices of a state.
    fn table(&self, declaration: &Declaration) -> Result<(), DslError> {
        let name = &declaration.name;
        let marks = declaration.marks.or(name.at);
        let is_index = |other: &Name| declaration.indices.iter().any(|index| index.text == other.text);
        for (place, auto) in declaration.auto_dim.iter().enumerate() {
            if !is_index(auto) {
                return Err(self.wrong(auto.at, self.no_index("@auto_dim", auto, declaration)));
            }
            if declaration.auto_dim[..place].iter().any(|other| other.text == auto.text) {
                return Err(self.wrong(auto.at, format!("`@auto_dim` names `{}` twice", auto.text)));
            }
        }
        for (place, (fixed, _)) in declaration.fixed.iter().enumerate() {
            if !is_index(fixed) {
                return Err(self.wrong(fixed.at, self.no_index("@fixed", fixed, declaration)));
            }
            if declaration.fixed[..place].iter().any(|(other, _)| other.text == fixed.text) {
                return Err(self.wrong(fixed.at, format!("`@fixed` names `{}` twice", fixed.text)));
            }
        }
        if declaration.auto_dim.len() > declaration.ty.dims.len() {
            let message = format!(
                "`@auto_dim` of `{}` names {} indices, more than its {} that can grow",
                name.text,
                declaration.auto_dim.len(),
                if declaration.ty.dims.len() == 1 {
                    "one dim".to_owned()
                } else {
                    format!("{} dims", declaration.ty.dims.len())
                }
            );
            return Err(self.wrong(declaration.auto_dim[declaration.ty.dims.len()].at, message));
        }
        let auto = |index: &Name| declaration.auto_dim.iter().any(|auto| auto.text == index.text);
        let cells = declaration.indices.iter().filter(|index| !auto(index)).count();
        if declaration.indices.is_empty() && declaration.table {
            let message = format!("`{0}` is a `@table`, so it wants indices: `{0}(i): …`", name.text);
            return Err(self.wrong(marks.table, message));
        }
        if cells > 0 && !declaration.table {
            let what = if declaration.auto_dim.is_empty() { "`@table` or `@auto_dim`" } else { "`@table`" };
            let index = declaration.indices.iter().find(|index| !auto(index)).unwrap_or(name);
            let message = format!("nothing says what the index `{}` of `{}` is: add {what}", index.text, name.text);
            return Err(self.wrong(index.at, message));
        }
        if cells == 0 && declaration.table && !declaration.indices.is_empty() {
            let message = format!(
                "`{}` is a `@table`, but every index of it is in `@auto_dim`: leave `@table` out, or add an index",
                name.text
            );
            return Err(self.wrong(marks.table, message));
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
