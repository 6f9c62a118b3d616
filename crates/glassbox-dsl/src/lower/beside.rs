//! `entry`, and the blocks that run beside it.
//!
//! A block beside sees a snapshot and gives what it yields, so it doesn't matter when it runs: here it runs as soon as
//! what it awaits is there, as a `call` at that place. What could wait for ever is found while that is done.

use std::collections::HashMap;

use glassbox_ir::{Attr, Attrs, ValueId, ops};

use super::control::Flow;
use super::{Env, Lowerer, Result, Slot, build_message};
use crate::check::{is_beside, written_names};
use crate::error::DslError;
use crate::program::*;

/// The blocks beside `entry`.
#[derive(Default)]
pub(super) struct Beside<'p> {
    tasks: Vec<Task<'p>>,
    /// What `entry` yielded last, and how often it did.
    yielded: HashMap<&'p str, (ValueId, usize)>,
    /// What `entry` yielded and hasn't awaited since.
    lent: Vec<&'p str>,
    /// The task that is being lowered.
    current: Option<usize>,
}

/// A block beside.
struct Task<'p> {
    block: &'p Block,
    /// The names that it writes somewhere.
    writes: Vec<&'p str>,
    /// The statement that comes next.
    next: usize,
    /// What its variables are, once it has begun.
    env: Option<Env>,
    /// How many of `entry`'s values it has taken, by name.
    taken: HashMap<&'p str, usize>,
    /// What it yielded.
    gave: HashMap<&'p str, ValueId>,
}

impl<'p> Beside<'p> {
    pub(super) fn new(program: &'p Program) -> Beside<'p> {
        let beside = program.blocks.iter().filter(|block| is_beside(block));
        let tasks = beside.map(|block| Task {
            block,
            writes: written_names(program, &block.statements),
            next: 0,
            env: None,
            taken: HashMap::new(),
            gave: HashMap::new(),
        });
        Beside { tasks: tasks.collect(), ..Beside::default() }
    }
}

impl Task<'_> {
    fn ended(&self) -> bool {
        self.next >= self.block.statements.len()
    }

    fn awaits(&self, name: &str) -> bool {
        self.block.statements.iter().any(|statement| {
            matches!(&statement.kind, StatementKind::Await(names) if names.iter().any(|other| other.text == name))
        })
    }

    fn yields(&self, name: &str) -> bool {
        self.block.statements.iter().any(|statement| {
            matches!(&statement.kind, StatementKind::Yield(names) if names.iter().any(|other| other.text == name))
        })
    }
}

impl<'p> Lowerer<'p> {
    /// The whole step.
    pub(super) fn entry(&mut self) -> Result<()> {
        let Some(entry) = self.program.find_block("entry") else {
            return Err(self.wrong("there is no block `entry`, where a step begins"));
        };
        self.path = vec!["entry"];
        self.whole_block(&entry.name, &entry.statements)?;
        match self.beside.tasks.iter().find(|task| !task.ended()) {
            None => Ok(()),
            Some(task) => {
                self.path = vec![&task.block.name.text];
                let statement = &task.block.statements[task.next];
                self.at = statement.at;
                let awaited = match &statement.kind {
                    StatementKind::Await(names) => names.iter().map(|name| format!("`{}`", name.text)).collect(),
                    _ => Vec::new(),
                };
                Err(self
                    .wrong(format!(
                        "block `{}` waits here for ever for {}: what could yield it waits, too, or doesn't come to it",
                        task.block.name.text,
                        awaited.join(", ")
                    ))
                    .whatever_the_package())
            }
        }
    }

    /// A variable that is lent to the blocks beside can't be written.
    pub(super) fn beside_may_write(&self, name: &Name) -> Result<()> {
        if self.beside.current.is_none() && self.beside.lent.contains(&name.text.as_str()) {
            let message = format!("`{0}` is yielded, and can't be written before `await {0};`", name.text);
            return Err(DslError::at(self.place(), name.at, message).whatever_the_package());
        }
        Ok(())
    }

    /// `yield x;` in `entry`; in the blocks beside their own runner does it.
    pub(super) fn yield_(&mut self, names: &'p [Name]) -> Result<()> {
        for name in names {
            let place = self.variable(name)?;
            let value = self.value_of(place)?;
            if self.beside.current.is_some() {
                continue;
            }
            let count = self.beside.yielded.get(name.text.as_str()).map_or(0, |(_, count)| *count);
            self.beside.yielded.insert(&name.text, (value, count + 1));
            if self.beside.tasks.iter().any(|task| task.awaits(&name.text)) {
                self.beside.lent.push(&name.text);
            }
        }
        if self.beside.current.is_none() { self.advance() } else { Ok(()) }
    }

    /// `await x;` in `entry`.
    pub(super) fn await_(&mut self, names: &'p [Name]) -> Result<()> {
        for name in names {
            let variable = self.variable(name)?;
            if self.fixed(variable) {
                continue;
            }
            let lent = self.beside.yielded.contains_key(name.text.as_str());
            let waiting = self.beside.tasks.iter().find(|task| {
                let concerned = if lent { task.awaits(&name.text) } else { task.yields(&name.text) };
                concerned && !task.ended() && !task.gave.contains_key(name.text.as_str())
            });
            if let Some(task) = waiting {
                let message = format!(
                    "`await {0};` waits for ever: block `{1}` hasn't yielded `{0}`, and waits itself",
                    name.text, task.block.name.text
                );
                return Err(DslError::at(self.place(), name.at, message));
            }
            let giver = self.beside.tasks.iter_mut().find(|task| {
                task.gave.contains_key(name.text.as_str()) && (!lent || task.writes.contains(&name.text.as_str()))
            });
            let value = giver.and_then(|task| task.gave.remove(name.text.as_str()));
            for task in &mut self.beside.tasks {
                task.gave.remove(name.text.as_str());
            }
            self.beside.lent.retain(|other| *other != name.text);
            match value {
                Some(value) => self.give(variable, value),
                None if lent => {}
                None => {
                    let message = format!("`await {0};` waits for ever: no block has yielded `{0}`", name.text);
                    return Err(DslError::at(self.place(), name.at, message));
                }
            }
        }
        Ok(())
    }

    /// Whether a variable is the same for all blocks that run beside: nobody can write it while others use it.
    fn fixed(&self, place: usize) -> bool {
        let memory = self.variables[place].declaration.map(|declaration| declaration.memory);
        matches!(memory, Some(Memory::Constant | Memory::Persistent))
    }

    /// Runs the blocks beside as far as they can.
    fn advance(&mut self) -> Result<()> {
        let at = self.at;
        let path = std::mem::take(&mut self.path);
        let mut moved = true;
        while moved {
            moved = false;
            for task in 0..self.beside.tasks.len() {
                moved |= self.advance_task(task)?;
            }
        }
        self.path = path;
        self.at = at;
        Ok(())
    }

    /// Runs one block as far as it can: whether that was anywhere.
    fn advance_task(&mut self, index: usize) -> Result<bool> {
        let mut moved = false;
        loop {
            let task = &self.beside.tasks[index];
            let block = task.block;
            let Some(statement) = block.statements.get(task.next) else { return Ok(moved) };
            self.path = vec![&block.name.text];
            self.at = statement.at;
            let mut passed = 1;
            match &statement.kind {
                StatementKind::Await(names) => {
                    if !self.take(index, names)? {
                        return Ok(moved);
                    }
                }
                StatementKind::Yield(names) => self.hand_back(index, names)?,
                StatementKind::Return => passed = block.statements.len(),
                _ => {
                    let rest = &block.statements[task.next..];
                    let ends = |statement: &Statement| {
                        matches!(
                            statement.kind,
                            StatementKind::Await(_) | StatementKind::Yield(_) | StatementKind::Return
                        )
                    };
                    passed = rest.iter().position(ends).unwrap_or(rest.len());
                    if self.segment(index, &rest[..passed])? == Flow::Returns {
                        passed = block.statements.len();
                    }
                }
            }
            let task = &mut self.beside.tasks[index];
            task.next = (task.next + passed).min(block.statements.len());
            moved = true;
        }
    }

    /// Takes what a block awaits, if all of it is there.
    fn take(&mut self, index: usize, names: &'p [Name]) -> Result<bool> {
        let mut values = Vec::new();
        for name in names {
            let name = name.text.as_str();
            let task = &self.beside.tasks[index];
            let found = match self.beside.yielded.get(name) {
                Some((value, count)) => {
                    (*count > task.taken.get(name).copied().unwrap_or(0)).then_some((*value, *count))
                }
                None => {
                    let others = self.beside.tasks.iter().enumerate().filter(|(other, _)| *other != index);
                    others.filter_map(|(_, other)| other.gave.get(name)).next().map(|value| (*value, 0))
                }
            };
            match found {
                Some((value, count)) => values.push((name, value, count)),
                None => return Ok(false),
            }
        }
        let snapshot = self.env.clone();
        for (name, value, count) in values {
            let place = self.index.get(name).copied();
            let task = &mut self.beside.tasks[index];
            task.taken.insert(name, count);
            let env = task.env.get_or_insert_with(|| snapshot.clone());
            if let Some(slot) = place.and_then(|place| env.get_mut(place)) {
                *slot = Slot::Value(value);
            }
        }
        Ok(true)
    }

    /// `yield x;` in a block beside.
    fn hand_back(&mut self, index: usize, names: &'p [Name]) -> Result<()> {
        for name in names {
            let place = self.variable(name)?;
            if self.fixed(place) {
                continue;
            }
            let env = self.beside.tasks[index].env.clone().unwrap_or_default();
            match env.get(place) {
                Some(Slot::Value(value)) => {
                    self.beside.tasks[index].gave.insert(&name.text, *value);
                }
                _ => return Err(DslError::at(self.place(), name.at, format!("`{}` has no value here", name.text))),
            }
        }
        Ok(())
    }

    /// Statements of a block beside, as a `call`.
    fn segment(&mut self, index: usize, statements: &'p [Statement]) -> Result<Flow> {
        let at = self.at;
        let name = &self.beside.tasks[index].block.name.text;
        let Some(before) = self.beside.tasks[index].env.clone() else { return Ok(Flow::Falls) };
        let entry = std::mem::replace(&mut self.env, before.clone());
        self.beside.current = Some(index);
        self.open()?;
        let (region, _) = self.builder.begin_region(&[]);
        let flow = self.whole_block(&self.beside.tasks[index].block.name, statements)?;
        self.open -= 1;
        let mut changed = Vec::new();
        let mut results = Vec::new();
        for (place, (slot, old)) in self.env.iter().zip(&before).enumerate() {
            if let Slot::Value(value) = slot
                && slot != old
            {
                changed.push(place);
                results.push(*value);
            }
        }
        self.builder.end_region(results);
        self.at = at;
        self.main();
        let attrs = Attrs::from([("function", Attr::Str(name.clone()))]);
        let count = changed.len();
        let made = self.builder.node_with_regions(&ops::call::OP, &[], attrs, vec![region], count);
        let made = made.map_err(|error| self.wrong(build_message(&error)))?;
        for (place, value) in changed.into_iter().zip(made) {
            self.give(place, value);
        }
        self.beside.current = None;
        self.beside.tasks[index].env = Some(std::mem::replace(&mut self.env, entry));
        Ok(flow)
    }
}
