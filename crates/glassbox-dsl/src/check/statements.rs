//! Blocks and statements.

use std::collections::{BTreeMap, BTreeSet};

use glassbox_ir::text::nearest;

use super::{Checker, MAX_DEPTH, What, did_you_mean, is_beside};
use crate::error::{DslError, Place};
use crate::program::*;

impl<'p> Checker<'p> {
    /// Every block: named once, run by something, its statements as they may be.
    pub(super) fn blocks(&mut self) -> Result<(), DslError> {
        let program = self.program;
        let mut seen = BTreeSet::new();
        for block in &program.blocks {
            if !seen.insert(block.name.text.as_str()) {
                let message = format!("two blocks are named `{}`; each has a name of its own", block.name.text);
                return Err(self.wrong(block.name.at, message));
            }
        }
        if !seen.contains("entry") {
            // The block that is perhaps meant, or else what stands first.
            let near = nearest("entry", seen.iter().copied()).and_then(|near| self.blocks.get(near).copied());
            let first = near.or(program.blocks.first()).map(|block| &block.name);
            let at =
                first.or(program.declarations.first().map(|found| &found.name)).map_or(At::default(), |name| name.at);
            let hint = near.map(|near| format!("; is `{}` meant?", near.name.text)).unwrap_or_default();
            let message = format!("there is no `block entry {{ … }}`, where a step begins{hint}");
            return Err(self.wrong(at, message));
        }
        for block in &program.blocks {
            self.path = vec![&block.name.text];
            self.statements(&block.statements)?;
        }
        self.path.clear();
        self.calls()
    }

    /// No block calls itself, and every block is run by something.
    fn calls(&self) -> Result<(), DslError> {
        let program = self.program;
        let mut reached = BTreeMap::new();
        for block in program.blocks.iter().filter(|block| block.name.text == "entry" || is_beside(block)) {
            self.follow(block, &block.name, 0, &mut Vec::new(), &mut reached)?;
        }
        match program.blocks.iter().find(|block| !reached.contains_key(block.name.text.as_str())) {
            None => Ok(()),
            Some(block) => {
                let message = format!(
                    "nothing runs block `{0}`: call it with `branch {0};`, or begin it with `await` to run it beside `entry`",
                    block.name.text
                );
                Err(self.wrong(block.name.at, message))
            }
        }
    }

    /// How deep the statements of a block stand in each other, with those of the blocks that it calls. `by` names it,
    /// that many statements are around it, and the calls `open` lead to it.
    fn follow(
        &self,
        block: &'p Block,
        by: &Name,
        around: usize,
        open: &mut Vec<&'p str>,
        reached: &mut BTreeMap<&'p str, usize>,
    ) -> Result<usize, DslError> {
        let name = block.name.text.as_str();
        if let Some(place) = open.iter().position(|other| *other == name) {
            let way: Vec<&str> = open[place..].iter().copied().chain([name]).collect();
            let message =
                format!("block `{name}` calls itself ({}); what is repeated is written with `loop`", way.join(" → "));
            return Err(self.in_block(open, by, message));
        }
        // What was followed before without finding a way back has none.
        let depth = match reached.get(name) {
            Some(depth) => *depth,
            None => {
                let mut calls = Vec::new();
                let mut depth = calls_of(&block.statements, 1, &mut calls);
                if around + depth <= MAX_DEPTH {
                    open.push(name);
                    for (by, inside) in calls {
                        if let Some(block) = self.blocks.get(by.text.as_str()) {
                            depth = depth.max(inside + self.follow(block, by, around + inside, open, reached)?);
                        }
                    }
                    open.pop();
                }
                depth
            }
        };
        if around + depth > MAX_DEPTH {
            let message = format!(
                "statements stand more than {MAX_DEPTH} deep in each other, with those of the blocks that are called"
            );
            return Err(self.in_block(open, by, message));
        }
        reached.insert(name, depth);
        Ok(depth)
    }

    /// A mistake at a name in the innermost of these blocks.
    fn in_block(&self, open: &[&str], name: &Name, message: String) -> DslError {
        let block = open.last().copied().unwrap_or_default().to_owned();
        let error = self.wrong(name.at, message);
        DslError { place: Place { block, ..error.place }, ..error }
    }

    fn statements(&mut self, statements: &'p [Statement]) -> Result<(), DslError> {
        for (place, statement) in statements.iter().enumerate() {
            if let StatementKind::Dep { after, before } = &statement.kind {
                self.dependence(statements, place, after, before)?;
            }
            self.statement(statement)?;
        }
        Ok(())
    }

    fn statement(&mut self, statement: &'p Statement) -> Result<(), DslError> {
        match &statement.kind {
            StatementKind::Op(op) => self.op(op),
            StatementKind::Transfer(from, at, to) => {
                self.operand(from, *at)?;
                self.target(to)?;
                self.copied(from, *at, to, true)
            }
            StatementKind::Branch { condition, then, otherwise } => {
                if let Some(condition) = condition {
                    self.condition(condition)?;
                }
                self.block_name(then)?;
                otherwise.iter().try_for_each(|block| self.block_name(block))
            }
            StatementKind::If { condition, then, otherwise } => {
                self.condition(condition)?;
                self.statements(then)?;
                self.statements(otherwise)
            }
            StatementKind::Loop { name, index, start, end, body } => {
                self.new_name(index)?;
                self.integer(start)?;
                self.integer(end)?;
                if self.loops.contains(&index.text.as_str()) {
                    return Err(self.wrong(
                        index.at,
                        format!("a loop around this one has the index `{0}` already: give it another name", index.text),
                    ));
                }
                self.path.push(&name.text);
                self.loops.push(&index.text);
                self.statements(body)?;
                self.loops.pop();
                self.path.pop();
                Ok(())
            }
            StatementKind::Yield(names) | StatementKind::Await(names) => {
                names.iter().try_for_each(|name| match self.variable(name)? {
                    What::Declared(found) if !found.indices.is_empty() => {
                        Err(self.wrong(name.at, format!("`{}` is a table, and can't be handed over", name.text)))
                    }
                    _ => Ok(()),
                })
            }
            StatementKind::CacheRead(region, to) => {
                self.region(region)?;
                self.target(to)?;
                let read = Argument::Name(region.name.clone());
                self.copied(&read, region.name.at, to, false)
            }
            StatementKind::CacheWrite(from, at, region) => {
                self.region(region)?;
                self.operand(from, *at)?;
                let whole = self.names.get(region.name.text.as_str());
                let whole = whole.is_some_and(|what| !matches!(what, What::Declared(found) if found.is_place()));
                self.copied(from, *at, &region.name, whole)
            }
            StatementKind::CacheAdd { name, by, .. } => self.counter(name, by.as_ref()),
            StatementKind::CacheReset(region) => self.region(region),
            StatementKind::Assign(..) | StatementKind::Return | StatementKind::Barrier | StatementKind::Dep { .. } => {
                Ok(())
            }
        }
    }

    /// A block that can be called.
    fn block_name(&self, name: &Name) -> Result<(), DslError> {
        let Some(block) = self.blocks.get(name.text.as_str()) else {
            let hint = match did_you_mean(&name.text, self.blocks.keys().copied()) {
                hint if !hint.is_empty() => hint,
                _ if self.names.contains_key(name.text.as_str()) => {
                    "; it is a variable: a condition comes first, as in `branch condition block;`".to_owned()
                }
                _ => format!("; write `block {} {{ … }}`", name.text),
            };
            return Err(self.wrong(name.at, format!("no block is named `{}`{hint}", name.text)));
        };
        if is_beside(block) {
            let message =
                format!("block `{}` begins with `await`, so it runs beside `entry`, and can't be called", name.text);
            return Err(self.wrong(name.at, message));
        }
        if name.text == "entry" {
            return Err(self.wrong(name.at, "`entry` is where a step begins, and can't be called"));
        }
        Ok(())
    }

    /// A bool scalar.
    fn condition(&self, name: &Name) -> Result<(), DslError> {
        let (dtype, rank) = match self.variable(name)? {
            What::Assigned(ty) => (ty.dtype, ty.dims.len()),
            What::Declared(found) if !found.indices.is_empty() => {
                return Err(self.wrong(name.at, format!("`{}` is a table, and no condition", name.text)));
            }
            What::Declared(found) => (found.ty.dtype, found.ty.dims.len()),
        };
        if dtype == glassbox_tensor::DType::Bool && rank == 0 {
            return Ok(());
        }
        let instead = if dtype == glassbox_tensor::DType::Bool {
            "`op reduce_max(…, keepdims=false)` makes one of many"
        } else {
            "`op less`, `op equal`, `op not` and others make one"
        };
        let message = format!("a condition is a bool scalar, and `{}` is {dtype} of rank {rank}; {instead}", name.text);
        Err(self.wrong(name.at, message))
    }

    /// A variable that can be written.
    pub(super) fn target(&self, name: &Name) -> Result<(), DslError> {
        if self.loops.contains(&name.text.as_str()) {
            return Err(self.wrong(name.at, format!("`{}` is the index of a loop, and can't be written", name.text)));
        }
        let What::Declared(found) = self.variable(name)? else { return Ok(()) };
        match found.memory {
            Memory::Constant => Err(self
                .wrong(name.at, format!("`{}` is constant, and can't be written; a volatile variable can", name.text))),
            Memory::Persistent => {
                let place = if found.indices.is_empty() { "" } else { "[…]" };
                let message = format!("`{0}` is persistent: write it with `cache.write … >> {0}{place};`", name.text);
                Err(self.wrong(name.at, message))
            }
            _ if !found.indices.is_empty() => {
                Err(self.wrong(name.at, format!("`{}` is a table of parameters, and can't be written", name.text)))
            }
            _ => Ok(()),
        }
    }

    /// An integer expression: its names are integer scalars, indices of loops or sizes.
    pub(super) fn integer(&self, expr: &IntExpr) -> Result<(), DslError> {
        let mut wrong = Ok(());
        expr.for_each_name(&mut |name| {
            if wrong.is_err() || self.loops.contains(&name.text.as_str()) {
                return;
            }
            let (dtype, rank) = match self.names.get(name.text.as_str()) {
                None => return,
                Some(What::Assigned(ty)) => (ty.dtype, ty.dims.len()),
                Some(What::Declared(found)) => (found.ty.dtype, found.ty.dims.len() + found.indices.len()),
            };
            if !dtype.is_integer() || rank != 0 {
                let message = format!(
                    "`{}` is {dtype} of rank {rank}, and can't stand in an integer expression: it wants an integer scalar",
                    name.text
                );
                wrong = Err(self.wrong(name.at, message));
            }
        });
        wrong
    }

    /// A persistent variable, with no more indices than it has.
    fn region(&self, region: &CacheSlice) -> Result<(), DslError> {
        let name = &region.name;
        let found = match self.variable(name)? {
            What::Declared(found) if found.memory == Memory::Persistent => found,
            _ => {
                let message = format!(
                    "`{}` isn't persistent: `cache` statements are for persistent variables; `op` and `transfer` write others",
                    name.text
                );
                return Err(self.wrong(name.at, message));
            }
        };
        let indices = region.indices.as_deref().unwrap_or_default();
        if indices.len() > found.indices.len() {
            let message = if found.indices.is_empty() {
                format!("`{}` has no indices, and takes none here", name.text)
            } else {
                let plural = if found.indices.len() == 1 { "index" } else { "indices" };
                format!("`{}` has {} {plural}, not {}", name.text, found.indices.len(), indices.len())
            };
            return Err(self.wrong(name.at, message));
        }
        indices.iter().flat_map(Index::parts).try_for_each(|part| self.integer(part))
    }

    /// A persistent integer scalar.
    fn counter(&self, name: &Name, by: Option<&IntExpr>) -> Result<(), DslError> {
        match self.variable(name)? {
            What::Declared(found)
                if found.memory == Memory::Persistent
                    && found.indices.is_empty()
                    && found.ty.dims.is_empty()
                    && found.ty.dtype.is_integer() => {}
            _ => {
                let message = format!(
                    "`{0}` can't count: a counter is a persistent integer scalar, such as `persistent {{ {0}: i64 @init(0); }}`",
                    name.text
                );
                return Err(self.wrong(name.at, message));
            }
        }
        by.map_or(Ok(()), |by| self.integer(by))
    }

    /// What is done first stands above, what is done later below.
    fn dependence(&self, list: &[Statement], place: usize, after: &Name, before: &Name) -> Result<(), DslError> {
        let (above, below) = (&list[..place], &list[place + 1..]);
        let mut turned = Vec::new();
        for (name, here, there) in [(after, above, below), (before, below, above)] {
            if here.iter().any(|statement| answers(statement, &name.text)) {
                continue;
            }
            if !there.iter().any(|statement| answers(statement, &name.text)) {
                let message = format!(
                    "no statement beside this one is `{}`: name a variable that one writes, its op, its loop, or `cache.write` and so on",
                    name.text
                );
                return Err(self.wrong(name.at, message));
            }
            turned.push(name);
        }
        match turned.first() {
            None => Ok(()),
            Some(name) => {
                let message = format!(
                    "a cycle: `{}` shall be done before `{}`, but they stand the other way round",
                    after.text, before.text
                );
                Err(self.wrong(name.at, message))
            }
        }
    }
}

/// How deep statements stand in each other, which are `around` deep themselves; the calls among them, each with how deep
/// it stands.
fn calls_of<'p>(statements: &'p [Statement], around: usize, calls: &mut Vec<(&'p Name, usize)>) -> usize {
    let mut deepest = around;
    for statement in statements {
        match &statement.kind {
            StatementKind::Branch { then, otherwise, .. } => {
                calls.extend([Some(then), otherwise.as_ref()].into_iter().flatten().map(|block| (block, around)));
            }
            StatementKind::If { then, otherwise, .. } => {
                deepest = deepest.max(calls_of(then, around + 1, calls));
                deepest = deepest.max(calls_of(otherwise, around + 1, calls));
            }
            StatementKind::Loop { body, .. } => deepest = deepest.max(calls_of(body, around + 1, calls)),
            _ => {}
        }
    }
    deepest
}

/// Whether a statement is what a `dep` calls so.
fn answers(statement: &Statement, name: &str) -> bool {
    match &statement.kind {
        StatementKind::Op(op) => op.name.text == name || op.targets.iter().flatten().any(|target| target.text == name),
        StatementKind::Transfer(_, _, to) => to.text == name || name == "transfer",
        StatementKind::Loop { name: own, .. } => own.text == name,
        StatementKind::CacheRead(_, to) => to.text == name || name == "cache.read",
        StatementKind::CacheWrite(_, _, region) => region.name.text == name || name == "cache.write",
        StatementKind::CacheAdd { name: own, negative, .. } => {
            own.text == name || name == if *negative { "cache.decrement" } else { "cache.increment" }
        }
        StatementKind::CacheReset(region) => region.name.text == name || name == "cache.reset",
        StatementKind::Branch { then, otherwise, .. } => {
            then.text == name || otherwise.as_ref().is_some_and(|block| block.text == name)
        }
        _ => false,
    }
}
