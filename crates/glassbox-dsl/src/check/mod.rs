//! What is wrong with a program, as far as that can be told without a model package.
//!
//! The macro asks at compile time, lowering asks again. [`check`] looks at statements one by one; [`check_values`] goes
//! through the step, and sees the dims of results and which variables have a value. What only the package says (sizes,
//! parameters, settings) is found when a program is lowered.

mod beside;
mod declarations;
mod dtypes;
mod ops;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use glassbox_ir::text::nearest;

use crate::error::{DslError, Place};
use crate::parse::MAX_TERMS;
use crate::program::*;

pub(crate) use ops::unknown_op;
pub use ops::{Part, check_call, unknown_function};

/// How many variables a program may have, and how many blocks.
pub(crate) const MAX_NAMES: usize = 10_000;

/// How deep statements may stand in each other, those of the blocks that they call included.
pub(crate) const MAX_DEPTH: usize = 1 + glassbox_ir::verify::MAX_NESTED_REGIONS;

/// The first thing that is wrong with a program.
///
/// # Errors
///
/// The first thing that is wrong, with its place.
pub fn check(program: &Program) -> Result<(), DslError> {
    let mut checker = Checker {
        program,
        names: BTreeMap::new(),
        blocks: BTreeMap::new(),
        indices: BTreeSet::new(),
        loops: Vec::new(),
        path: Vec::new(),
    };
    checker.limits()?;
    checker.declarations()?;
    checker.blocks()?;
    checker.beside()
}

/// The first thing that is wrong with the values of a program that [`check`] accepts, whatever the model package has: a
/// result of other dims than its variable's, a variable that is read where it has no value, operands that don't fit.
///
/// # Errors
///
/// That mistake.
///
/// ```
/// use glassbox_dsl::{Program, check};
/// let text = "dynamic { x: f32[2, D]; } block entry { assign y: f32[3, D]; op relu(x) >> y; }";
/// let program = Program::parse("example", text)?;
/// check::check(&program)?;
/// let error = check::check_values(&program).unwrap_err();
/// assert_eq!(error.message, "`y` is declared f32[3, D], but this gives f32[2, D]");
/// # Ok::<(), glassbox_dsl::DslError>(())
/// ```
pub fn check_values(program: &Program) -> Result<(), DslError> {
    crate::lower::check_values(program)
}

/// What is known while a program is checked.
struct Checker<'p> {
    program: &'p Program,
    names: BTreeMap<&'p str, What<'p>>,
    blocks: BTreeMap<&'p str, &'p Block>,
    /// The indices of all loops.
    indices: BTreeSet<&'p str>,
    /// The indices of the loops that are open.
    loops: Vec<&'p str>,
    path: Vec<&'p str>,
}

/// What a name names.
#[derive(Clone, Copy)]
enum What<'p> {
    Declared(&'p Declaration),
    Assigned(&'p Ty),
}

impl<'p> Checker<'p> {
    fn wrong(&self, at: At, message: impl Into<String>) -> DslError {
        let place = Place { file: self.program.file.clone(), line: at.line, block: self.path.join("/") };
        DslError::at(place, at, message)
    }

    /// A name that isn't taken, and is none that the language uses.
    fn new_name(&self, name: &Name) -> Result<(), DslError> {
        if name.text.parse::<glassbox_tensor::DType>().is_ok() {
            return Err(self.wrong(name.at, format!("`{}` is a dtype, and can't be a name", name.text)));
        }
        if matches!(name.text.as_str(), "inf" | "nan" | "true" | "false" | "cache" | "_") {
            return Err(self.wrong(name.at, format!("`{}` has a meaning of its own, and can't be a name", name.text)));
        }
        if self.names.contains_key(name.text.as_str()) {
            return Err(
                self.wrong(name.at, format!("`{}` is declared twice; a name is declared once in a program", name.text))
            );
        }
        Ok(())
    }

    /// That there isn't more of anything than is meant by anybody.
    fn limits(&mut self) -> Result<(), DslError> {
        let program = self.program;
        self.blocks = program.blocks.iter().map(|block| (block.name.text.as_str(), block)).collect();
        let mut names = program.declarations.len();
        for block in &program.blocks {
            let mut deep = None;
            let mut look = |expr: &IntExpr, at: At| {
                if expr.is_deeper_than(2 * MAX_TERMS) {
                    deep.get_or_insert(at);
                }
            };
            each_statement(&block.statements, &mut |statement| match &statement.kind {
                StatementKind::Assign(_, ty) => {
                    names += 1;
                    ty.dims.iter().for_each(|dim| look(dim, statement.at));
                }
                kind => {
                    if let StatementKind::Loop { index, .. } = kind {
                        self.indices.insert(&index.text);
                    }
                    expressions(kind).into_iter().for_each(|expr| look(expr, statement.at));
                }
            });
            self.path = vec![&block.name.text];
            if let Some(at) = deep {
                return Err(self.wrong(at, format!("an integer expression has more than {MAX_TERMS} operators")));
            }
            self.path.clear();
        }
        for declaration in &program.declarations {
            let mut dims = declaration.ty.dims.iter().chain(declaration.fixed.iter().map(|(_, extent)| extent));
            if dims.any(|dim| dim.is_deeper_than(2 * MAX_TERMS)) {
                let message = format!("a dim of `{}` has more than {MAX_TERMS} operators", declaration.name.text);
                return Err(self.wrong(declaration.ty.at, message));
            }
        }
        for (what, count) in [("variables", names), ("blocks", program.blocks.len())] {
            if count > MAX_NAMES {
                let message = format!("the program has {count} {what}; there may be {MAX_NAMES}");
                return Err(self.wrong(At::default(), message));
            }
        }
        Ok(())
    }

    /// Whether a dim of the program names it.
    fn is_size(&self, name: &str) -> bool {
        let program = self.program;
        let assigned = self.names.values().filter_map(|what| match what {
            What::Assigned(ty) => Some(*ty),
            What::Declared(_) => None,
        });
        let types = program.declarations.iter().map(|declaration| &declaration.ty).chain(assigned);
        let fixed =
            program.declarations.iter().flat_map(|declaration| declaration.fixed.iter().map(|(_, extent)| extent));
        let mut found = false;
        for dim in types.flat_map(|ty| &ty.dims).chain(fixed) {
            dim.for_each_name(&mut |other| found |= other.text == name);
        }
        found
    }

    /// What a variable is.
    fn variable(&self, name: &Name) -> Result<What<'p>, DslError> {
        self.names.get(name.text.as_str()).copied().ok_or_else(|| {
            if self.indices.contains(name.text.as_str()) {
                let message = format!("`{}` is the index of a loop, and has a value only in its body", name.text);
                return self.wrong(name.at, message);
            }
            if self.is_size(&name.text) {
                let message = format!(
                    "`{0}` is a size, and no variable: `[{0}]` is a vector with it, `transfer` and `op` want a value",
                    name.text
                );
                return self.wrong(name.at, message);
            }
            let hint = match near(&name.text, self.names.keys().copied().chain(self.loops.iter().copied())) {
                Some(near) => format!("; did you mean `{near}`?"),
                None if self.blocks.contains_key(name.text.as_str()) => {
                    format!("; `{}` is a block, which `branch {};` calls", name.text, name.text)
                }
                None => "; declare it in a section, or with `assign`".to_owned(),
            };
            self.wrong(name.at, format!("no variable is named `{}`{hint}", name.text))
        })
    }
}

/// The end of a message that says which of `names` is perhaps meant by `name`; nothing if none is like it.
pub fn did_you_mean<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    near(name, names).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The name of `names` that is most like `name`: the same but for capitals, or with few letters changed of several.
pub fn near<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let names: Vec<&str> = names.into_iter().collect();
    let same = names.iter().copied().find(|other| other.eq_ignore_ascii_case(name));
    let long = |other: &&str| name.chars().count().min(other.chars().count()) > 1;
    same.or_else(|| nearest(name, names.iter().copied().filter(long)))
}

/// Whether a block runs beside `entry`: it begins with `await`, or with that after what it declares.
pub(crate) fn is_beside(block: &Block) -> bool {
    let mut statements =
        block.statements.iter().filter(|statement| !matches!(statement.kind, StatementKind::Assign(..)));
    block.name.text != "entry" && matches!(statements.next(), Some(Statement { kind: StatementKind::Await(_), .. }))
}

/// The names that statements write, those of the blocks that they call too: each once, in order.
pub(crate) fn written_names<'p>(program: &'p Program, statements: &'p [Statement]) -> Vec<&'p str> {
    fn add<'p>(name: &'p Name, names: &mut Vec<&'p str>) {
        if !names.contains(&name.text.as_str()) {
            names.push(&name.text);
        }
    }
    fn list<'p>(program: &'p Program, statements: &'p [Statement], calls: &mut Vec<&'p str>, names: &mut Vec<&'p str>) {
        for statement in statements {
            match &statement.kind {
                StatementKind::Op(op) => op.targets.iter().flatten().for_each(|name| add(name, names)),
                StatementKind::Transfer(_, _, name) | StatementKind::CacheRead(_, name) => add(name, names),
                StatementKind::Await(awaited) => awaited.iter().for_each(|name| add(name, names)),
                StatementKind::Branch { then, otherwise, .. } => {
                    for block in [Some(then), otherwise.as_ref()].into_iter().flatten() {
                        if calls.contains(&block.text.as_str()) {
                            continue;
                        }
                        calls.push(&block.text);
                        if let Some(block) = program.find_block(&block.text) {
                            list(program, &block.statements, calls, names);
                        }
                    }
                }
                StatementKind::If { then, otherwise, .. } => {
                    list(program, then, calls, names);
                    list(program, otherwise, calls, names);
                }
                StatementKind::Loop { body, .. } => list(program, body, calls, names),
                _ => {}
            }
        }
    }
    let mut names = Vec::new();
    list(program, statements, &mut Vec::new(), &mut names);
    names
}

/// Calls `visit` with every statement of a list, those inside others too.
pub(crate) fn each_statement<'p>(statements: &'p [Statement], visit: &mut dyn FnMut(&'p Statement)) {
    for statement in statements {
        visit(statement);
        match &statement.kind {
            StatementKind::If { then, otherwise, .. } => {
                each_statement(then, visit);
                each_statement(otherwise, visit);
            }
            StatementKind::Loop { body, .. } => each_statement(body, visit),
            _ => {}
        }
    }
}

/// The names that `assign` declares.
pub(crate) fn assigned_names(program: &Program) -> Vec<&str> {
    let mut names = Vec::new();
    for block in &program.blocks {
        each_statement(&block.statements, &mut |statement| {
            if let StatementKind::Assign(name, _) = &statement.kind {
                names.push(name.text.as_str());
            }
        });
    }
    names
}

/// The integer expressions that a statement itself has, dims aside.
pub(crate) fn expressions(kind: &StatementKind) -> Vec<&IntExpr> {
    fn argument<'e>(argument: &'e Argument, found: &mut Vec<&'e IntExpr>) {
        if let Argument::Entry(_, parts) | Argument::Integers(parts) = argument {
            found.extend(parts);
        }
    }
    fn region<'e>(region: &'e CacheSlice, found: &mut Vec<&'e IntExpr>) {
        found.extend(region.indices.iter().flatten().flat_map(Index::parts));
    }
    let mut found = Vec::new();
    match kind {
        StatementKind::Op(op) => {
            op.operands.iter().for_each(|(operand, _)| argument(operand, &mut found));
            op.named.iter().for_each(|(_, operand, _)| argument(operand, &mut found));
        }
        StatementKind::Transfer(from, ..) => argument(from, &mut found),
        StatementKind::Loop { start, end, .. } => found.extend([start, end]),
        StatementKind::CacheRead(from, _) => region(from, &mut found),
        StatementKind::CacheWrite(from, _, to) => {
            argument(from, &mut found);
            region(to, &mut found);
        }
        StatementKind::CacheAdd { by, .. } => found.extend(by),
        StatementKind::CacheReset(place) => region(place, &mut found),
        _ => {}
    }
    found
}
