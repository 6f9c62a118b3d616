//! Blocks and statements.

use super::{Checker, What, is_beside};
use crate::error::DslError;
use crate::program::*;

impl<'p> Checker<'p> {
    /// Every block: named once, run by something, its statements as they may be.
    pub(super) fn blocks(&mut self) -> Result<(), DslError> {
        let program = self.program;
        for (place, block) in program.blocks.iter().enumerate() {
            if program.blocks[..place].iter().any(|other| other.name.text == block.name.text) {
                return Err(self.wrong(block.name.at, format!("two blocks are named `{}`", block.name.text)));
            }
        }
        if program.find_block("entry").is_none() {
            return Err(self.wrong(At::default(), "there is no `block entry { … }`, where a step begins"));
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
        let mut reached = Vec::new();
        for block in program.blocks.iter().filter(|block| block.name.text == "entry" || is_beside(block)) {
            let mut open = Vec::new();
            self.follow(block, &mut open, &mut reached)?;
        }
        match program.blocks.iter().find(|block| !reached.contains(&block.name.text.as_str())) {
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

    fn follow(&self, block: &'p Block, open: &mut Vec<&'p str>, reached: &mut Vec<&'p str>) -> Result<(), DslError> {
        let name = block.name.text.as_str();
        if open.contains(&name) {
            let way: Vec<&str> = open.iter().copied().chain([name]).collect();
            let message =
                format!("block `{name}` calls itself ({}); what is repeated is written with `loop`", way.join(" → "));
            return Err(self.wrong(block.name.at, message));
        }
        // What was followed before without finding a way back has none.
        if reached.contains(&name) {
            return Ok(());
        }
        open.push(name);
        let mut called = Vec::new();
        super::each_statement(&block.statements, &mut |statement| {
            if let StatementKind::Branch { then, otherwise, .. } = &statement.kind {
                called.extend([Some(then), otherwise.as_ref()].into_iter().flatten());
            }
        });
        for block in called {
            if let Some(block) = self.program.find_block(&block.text) {
                self.follow(block, open, reached)?;
            }
        }
        open.pop();
        reached.push(name);
        Ok(())
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
                self.target(to)
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
                self.integer(start)?;
                self.integer(end)?;
                self.new_name(index)?;
                if self.loops.contains(&index.text.as_str()) {
                    return Err(
                        self.wrong(index.at, format!("a loop around this one has the index `{}` already", index.text))
                    );
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
                    What::Assigned(_) => Ok(()),
                    What::Declared(found)
                        if matches!(found.memory, Memory::Dynamic | Memory::Volatile) && found.indices.is_empty() =>
                    {
                        Ok(())
                    }
                    What::Declared(_) => {
                        let message = format!(
                            "`{}` can't be handed over: only dynamic, volatile and assigned variables can",
                            name.text
                        );
                        Err(self.wrong(name.at, message))
                    }
                })
            }
            StatementKind::CacheRead(region, to) => {
                self.region(region)?;
                self.target(to)
            }
            StatementKind::CacheWrite(from, at, region) => {
                self.region(region)?;
                self.operand(from, *at)
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
        let Some(block) = self.program.find_block(&name.text) else {
            let blocks = self.program.blocks.iter().map(|block| block.name.text.as_str());
            let hint = glassbox_ir::text::nearest(&name.text, blocks).map(|near| format!("; did you mean `{near}`?"));
            return Err(self.wrong(name.at, format!("no block is named `{}`{}", name.text, hint.unwrap_or_default())));
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
        let message = format!(
            "a condition is a bool scalar, and `{}` is {dtype} of rank {rank}; `op not`, `equal`, `less` and others make one",
            name.text
        );
        Err(self.wrong(name.at, message))
    }

    /// A variable that can be written.
    pub(super) fn target(&self, name: &Name) -> Result<(), DslError> {
        if self.loops.contains(&name.text.as_str()) {
            return Err(self.wrong(name.at, format!("`{}` is the index of a loop, and can't be written", name.text)));
        }
        let What::Declared(found) = self.variable(name)? else { return Ok(()) };
        match found.memory {
            Memory::Constant => {
                Err(self.wrong(name.at, format!("`{}` is a constant, and can't be written", name.text)))
            }
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
    pub(super) fn integer(&self, expr: &Expr) -> Result<(), DslError> {
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
                let message = format!("`{}` is no integer scalar, and can't stand in an integer expression", name.text);
                wrong = Err(self.wrong(name.at, message));
            }
        });
        wrong
    }

    /// A persistent variable, with no more indices than it has.
    fn region(&self, region: &Region) -> Result<(), DslError> {
        let name = &region.name;
        let found = match self.variable(name)? {
            What::Declared(found) if found.memory == Memory::Persistent => found,
            _ => {
                let message =
                    format!("`{}` isn't persistent: `cache` statements are for persistent variables", name.text);
                return Err(self.wrong(name.at, message));
            }
        };
        let indices = region.indices.as_deref().unwrap_or_default();
        if indices.len() > found.indices.len() {
            let message = if found.indices.is_empty() {
                format!("`{}` is no table, and takes no indices", name.text)
            } else {
                format!("`{}` has {} indices, not {}", name.text, found.indices.len(), indices.len())
            };
            return Err(self.wrong(name.at, message));
        }
        indices.iter().flat_map(Index::parts).try_for_each(|part| self.integer(part))
    }

    /// A persistent integer scalar.
    fn counter(&self, name: &Name, by: Option<&Expr>) -> Result<(), DslError> {
        match self.variable(name)? {
            What::Declared(found)
                if found.memory == Memory::Persistent
                    && found.indices.is_empty()
                    && found.ty.dims.is_empty()
                    && found.ty.dtype.is_integer() => {}
            _ => {
                let message = format!("`{}` is no persistent integer scalar, so it can't count", name.text);
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
