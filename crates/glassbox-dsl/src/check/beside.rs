//! `yield` and `await`, and the blocks that run beside.

use std::collections::BTreeSet;

use super::{Checker, each_statement, is_beside, written_names};
use crate::error::DslError;
use crate::lower::contains_return;
use crate::program::*;

impl<'p> Checker<'p> {
    pub(super) fn beside(&mut self) -> Result<(), DslError> {
        let program = self.program;
        let mut awaited = BTreeSet::new();
        for block in &program.blocks {
            each_statement(&block.statements, &mut |statement| {
                if let StatementKind::Await(names) = &statement.kind {
                    awaited.extend(names.iter().map(|name| name.text.as_str()));
                }
            });
        }
        for block in &program.blocks {
            self.path = vec![&block.name.text];
            let runs = block.name.text == "entry" || is_beside(block);
            self.top_level(block, runs, &awaited)?;
        }
        self.path.clear();
        self.writers()?;
        self.states()
    }

    /// What hands values over stands where it is reached once, for certain.
    fn top_level(&self, block: &'p Block, runs: bool, awaited: &BTreeSet<&str>) -> Result<(), DslError> {
        let mut may_have_returned = None;
        for statement in &block.statements {
            let names = match &statement.kind {
                StatementKind::Yield(names) | StatementKind::Await(names) => names,
                _ => {
                    self.nested(statement, awaited)?;
                    if contains_return(std::slice::from_ref(statement)) {
                        may_have_returned = Some(statement.at.line);
                    }
                    continue;
                }
            };
            let awaits = matches!(statement.kind, StatementKind::Await(_));
            let Some(name) = names.iter().find(|name| awaits || awaited.contains(name.text.as_str())) else { continue };
            if !runs {
                let message = format!(
                    "`{}` is handed over here, but block `{}` is called: only `entry` and blocks that begin with `await` can do that",
                    name.text, block.name.text
                );
                return Err(self.wrong(name.at, message));
            }
            if let Some(line) = may_have_returned {
                let message = format!("`{}` may never be handed over: line {line} may have returned before", name.text);
                return Err(self.wrong(name.at, message));
            }
            if awaits {
                self.has_giver(block, name)?;
            }
        }
        Ok(())
    }

    /// Nothing is handed over inside of other statements.
    fn nested(&self, statement: &'p Statement, awaited: &BTreeSet<&str>) -> Result<(), DslError> {
        let mut wrong = None;
        each_statement(std::slice::from_ref(statement), &mut |inner| {
            let name = match &inner.kind {
                StatementKind::Await(names) => names.first(),
                StatementKind::Yield(names) => names.iter().find(|name| awaited.contains(name.text.as_str())),
                _ => None,
            };
            wrong = wrong.or(name);
        });
        match wrong {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "`{}` is handed over inside of a loop or an `if`; it must be at the top of its block",
                    name.text
                );
                Err(self.wrong(name.at, message))
            }
        }
    }

    /// Somebody else yields what a block awaits.
    fn has_giver(&self, block: &Block, name: &Name) -> Result<(), DslError> {
        let entry_gives = self.program.find_block("entry").is_some_and(|entry| yields(entry, &name.text));
        if block.name.text == "entry" && entry_gives {
            return Ok(());
        }
        let mut givers = self.program.blocks.iter().filter(|other| {
            other.name.text != block.name.text
                && (other.name.text == "entry" || is_beside(other))
                && yields(other, &name.text)
        });
        // What `entry` lends comes back as it was, if nobody gives it back.
        if block.name.text == "entry" && yields(block, &name.text) {
            return Ok(());
        }
        let first = givers.next();
        let Some(first) = first else {
            return Err(
                self.wrong(name.at, format!("`await {0};` waits for ever: no other block has `yield {0};`", name.text))
            );
        };
        if let (false, Some(second)) = (entry_gives, givers.next()) {
            let message = format!(
                "`{}` is yielded by the blocks `{}` and `{}`, so it isn't clear whose is meant",
                name.text, first.name.text, second.name.text
            );
            return Err(self.wrong(name.at, message));
        }
        Ok(())
    }

    /// Of the blocks that `entry` lends a variable to one at most gives it back changed.
    fn writers(&self) -> Result<(), DslError> {
        let program = self.program;
        let Some(entry) = program.find_block("entry") else { return Ok(()) };
        let beside: Vec<&Block> = program.blocks.iter().filter(|block| is_beside(block)).collect();
        for statement in &entry.statements {
            let StatementKind::Yield(names) = &statement.kind else { continue };
            for name in names {
                let mut writers =
                    beside.iter().filter(|block| yields(block, &name.text) && writes(program, block, &name.text));
                if let (Some(first), Some(second)) = (writers.next(), writers.next()) {
                    let message = format!(
                        "the blocks `{}` and `{}` both write `{}`, which `entry` yields; one at most may",
                        first.name.text, second.name.text, name.text
                    );
                    return Err(self.wrong(name.at, message));
                }
            }
        }
        Ok(())
    }

    /// A state that one of the blocks writes is used in no other.
    fn states(&self) -> Result<(), DslError> {
        let program = self.program;
        let runs: Vec<(&Block, Uses)> = program
            .blocks
            .iter()
            .filter(|block| block.name.text == "entry" || is_beside(block))
            .map(|block| (block, Uses::of(program, block)))
            .collect();
        for (block, uses) in &runs {
            for (other, others) in &runs {
                if block.name.text == other.name.text {
                    continue;
                }
                if let Some(name) =
                    uses.written.iter().find(|name| others.used.iter().any(|used| used.text == name.text))
                {
                    let message = format!(
                        "`{}` is written in block `{}` and used in block `{}`, which runs beside it",
                        name.text, block.name.text, other.name.text
                    );
                    return Err(self.wrong(name.at, message));
                }
            }
        }
        Ok(())
    }
}

fn yields(block: &Block, name: &str) -> bool {
    block.statements.iter().any(|statement| {
        matches!(&statement.kind, StatementKind::Yield(names) if names.iter().any(|other| other.text == name))
    })
}

/// Whether a block changes a variable, other than by awaiting it.
fn writes(program: &Program, block: &Block, name: &str) -> bool {
    let rest: Vec<&Statement> =
        block.statements.iter().filter(|statement| !matches!(statement.kind, StatementKind::Await(_))).collect();
    rest.iter().any(|statement| written_names(program, std::slice::from_ref(*statement)).contains(&name))
}

/// The states that a block uses, with what it calls.
#[derive(Default)]
struct Uses<'p> {
    used: Vec<&'p Name>,
    written: Vec<&'p Name>,
}

impl<'p> Uses<'p> {
    fn of(program: &'p Program, block: &'p Block) -> Uses<'p> {
        let mut uses = Uses::default();
        uses.list(program, &block.statements, &mut Vec::new());
        uses
    }

    fn list(&mut self, program: &'p Program, statements: &'p [Statement], calls: &mut Vec<&'p str>) {
        let persistent = |name: &Name| program.find(&name.text).is_some_and(|found| found.memory == Memory::Persistent);
        for statement in statements {
            let mut reads: Vec<&'p Name> = Vec::new();
            for expr in super::expressions(&statement.kind) {
                expr.for_each_name(&mut |name| reads.push(name));
            }
            match &statement.kind {
                StatementKind::Op(op) => {
                    let arguments = op
                        .operands
                        .iter()
                        .map(|(argument, _)| argument)
                        .chain(op.named.iter().map(|(_, argument, _)| argument));
                    reads.extend(arguments.filter_map(named));
                }
                StatementKind::Transfer(from, ..) => reads.extend(named(from)),
                StatementKind::CacheRead(region, _) => reads.push(&region.name),
                StatementKind::CacheWrite(from, _, region) => {
                    reads.extend(named(from));
                    self.written.push(&region.name);
                }
                StatementKind::CacheAdd { name, .. } => self.written.push(name),
                StatementKind::CacheReset(region) => self.written.push(&region.name),
                StatementKind::If { condition, then, otherwise } => {
                    reads.push(condition);
                    self.list(program, then, calls);
                    self.list(program, otherwise, calls);
                }
                StatementKind::Loop { body, .. } => self.list(program, body, calls),
                StatementKind::Yield(names) | StatementKind::Await(names) => reads.extend(names),
                StatementKind::Branch { condition, then, otherwise } => {
                    reads.extend(condition);
                    for block in [Some(then), otherwise.as_ref()].into_iter().flatten() {
                        if let Some(found) = program.find_block(&block.text)
                            && !calls.contains(&block.text.as_str())
                        {
                            calls.push(&block.text);
                            self.list(program, &found.statements, calls);
                        }
                    }
                }
                _ => {}
            }
            // A growing matrix grows when it is read.
            if let StatementKind::CacheRead(region, _) = &statement.kind
                && program.find(&region.name.text).is_some_and(|found| !found.auto_dim.is_empty())
            {
                self.written.push(&region.name);
            }
            self.used.extend(reads.into_iter().filter(|name| persistent(name)));
        }
        let written = self.written.clone();
        self.used.extend(written);
    }
}

fn named(argument: &Argument) -> Option<&Name> {
    match argument {
        Argument::Name(name) => Some(name),
        _ => None,
    }
}
