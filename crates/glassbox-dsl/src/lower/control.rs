//! Ways through a program: lists, `if`, `branch`, loops, `return`.
//!
//! A region reads what is around it, so only what it *gives* must be said: the variables that are written on the way
//! are results of the node. A `return` on one of two ways makes the rest of the list run in an `if`.

use std::collections::BTreeSet;
use std::sync::Arc;

use glassbox_ir::{Attr, Attrs, RegionId, ValueId, ops};
use glassbox_tensor::Tensor;

use super::integers::Integer;
use super::package::zero;
use super::{Env, Lowerer, MAX_OPEN, Result, Slot, build_message};
use crate::check::written_names;
use crate::program::*;

/// Whether what stands after a statement is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes.
    Falls,
    /// No: the block has ended.
    Returns,
    /// If this bool is true.
    Perhaps(ValueId),
}

/// A way through a program that isn't finished: its region, and what the variables are at its end.
struct Way {
    region: RegionId,
    env: Env,
    flow: Flow,
}

impl<'p> Lowerer<'p> {
    /// A list of statements.
    pub(super) fn list(&mut self, statements: &'p [Statement]) -> Result<Flow> {
        for (place, statement) in statements.iter().enumerate() {
            let rest = &statements[place + 1..];
            // Where one side surely returns, the rest of the list belongs to the other.
            if let StatementKind::If { condition, then, otherwise } = &statement.kind
                && !rest.is_empty()
                && returns(then) != returns(otherwise)
            {
                self.at = statement.at;
                let condition = self.condition(condition)?;
                let (yes, no): (&[&'p [Statement]], &[&'p [Statement]]) =
                    if returns(then) { (&[then], &[otherwise, rest]) } else { (&[then, rest], &[otherwise]) };
                return self.conditional(
                    condition,
                    statement.at,
                    |lowerer| lowerer.lists(yes),
                    |lowerer| lowerer.lists(no),
                );
            }
            match self.statement(statement)? {
                Flow::Falls => {}
                Flow::Returns => return Ok(Flow::Returns),
                Flow::Perhaps(live) if rest.is_empty() => return Ok(Flow::Perhaps(live)),
                Flow::Perhaps(live) => {
                    return self.conditional(live, statement.at, |lowerer| lowerer.list(rest), |_| Ok(Flow::Returns));
                }
            }
        }
        Ok(Flow::Falls)
    }

    /// Lists, one after the other.
    fn lists(&mut self, lists: &[&'p [Statement]]) -> Result<Flow> {
        let Some((first, rest)) = lists.split_first() else { return Ok(Flow::Falls) };
        match self.list(first)? {
            Flow::Falls => self.lists(rest),
            Flow::Returns => Ok(Flow::Returns),
            Flow::Perhaps(live) => {
                let at = self.at;
                self.conditional(live, at, |lowerer| lowerer.lists(rest), |_| Ok(Flow::Returns))
            }
        }
    }

    pub(super) fn if_(&mut self, condition: &Name, then: &'p [Statement], otherwise: &'p [Statement]) -> Result<Flow> {
        let at = self.at;
        let condition = self.condition(condition)?;
        self.conditional(condition, at, |lowerer| lowerer.list(then), |lowerer| lowerer.list(otherwise))
    }

    pub(super) fn branch(&mut self, condition: Option<&Name>, then: &Name, otherwise: Option<&Name>) -> Result<()> {
        let at = self.at;
        let Some(condition) = condition else { return self.call(then) };
        let condition = self.condition(condition)?;
        self.conditional(
            condition,
            at,
            |lowerer| lowerer.called(then),
            |lowerer| match otherwise {
                Some(block) => lowerer.called(block),
                None => Ok(Flow::Falls),
            },
        )?;
        Ok(())
    }

    /// The statements of a block that is called: its `return` ends it alone.
    fn called(&mut self, block: &Name) -> Result<Flow> {
        let at = self.at;
        let Some(block) = self.program.find_block(&block.text) else {
            return Err(self.wrong(format!("no block is named `{}`", block.text)));
        };
        let path = std::mem::replace(&mut self.path, vec![&block.name.text]);
        self.whole_block(&block.name, &block.statements)?;
        self.path = path;
        self.at = at;
        Ok(Flow::Falls)
    }

    /// The statements of a block, or a part of them. At its end a variable has a value if it has one at every `return`, too.
    pub(super) fn whole_block(&mut self, name: &Name, statements: &'p [Statement]) -> Result<Flow> {
        self.missing.push(BTreeSet::new());
        let flow = self.list(statements)?;
        for place in self.missing.pop().unwrap_or_default() {
            if let Slot::Value(_) = self.env[place] {
                let why = format!("block `{}` may return before it is written", name.text);
                self.env[place] = Slot::Perhaps(Arc::from(why));
            }
        }
        Ok(flow)
    }

    /// Notes which variables have no value where a block returns.
    pub(super) fn returns_here(&mut self) {
        let without = self.env.iter().enumerate().filter(|(_, slot)| !matches!(slot, Slot::Value(_)));
        if let Some(missing) = self.missing.last_mut() {
            missing.extend(without.map(|(place, _)| place));
        }
    }

    /// `branch b;`
    fn call(&mut self, block: &Name) -> Result<()> {
        let at = self.at;
        let before = self.env.clone();
        let (way, _) = self.way(&[], |lowerer| lowerer.called(block))?;
        self.at = at;
        let changed: Vec<usize> = (0..before.len()).filter(|place| way.env[*place] != before[*place]).collect();
        let mut results = Vec::new();
        for place in &changed {
            if let Slot::Value(value) = way.env[*place] {
                results.push(value);
            }
        }
        let count = results.len();
        self.builder.set_results(way.region, results);
        self.main();
        let attrs = Attrs::from([("function", Attr::Str(block.text.clone()))]);
        let made = self.builder.node_with_regions(&ops::call::OP, &[], attrs, vec![way.region], count);
        let mut made = made.map_err(|error| self.wrong(build_message(&error)))?.into_iter();
        self.env = before;
        for place in changed {
            match &way.env[place] {
                Slot::Value(_) => {
                    if let Some(value) = made.next() {
                        self.give(place, value);
                    }
                }
                other => self.env[place] = other.clone(),
            }
        }
        Ok(())
    }

    /// The bool that a condition is.
    fn condition(&mut self, name: &Name) -> Result<ValueId> {
        let place = self.variable(name)?;
        self.value_of(place).map_err(|error| error.or_at(name.at))
    }

    /// Notes that a way through the program is open.
    pub(super) fn open(&mut self) -> Result<()> {
        self.open += 1;
        if self.open > MAX_OPEN {
            return Err(self.wrong(format!(
                "more than {MAX_OPEN} ways are open here, of statements in each other and of what stands after an `if` \
                 that may return; put the conditions together"
            )));
        }
        Ok(())
    }

    /// Lowers statements into a region of their own.
    fn way(
        &mut self,
        parameters: &[glassbox_ir::Type],
        fill: impl FnOnce(&mut Self) -> Result<Flow>,
    ) -> Result<(Way, Vec<ValueId>)> {
        let before = self.env.clone();
        self.open()?;
        let (region, parameters) = self.builder.begin_region(parameters);
        let flow = fill(self)?;
        self.open -= 1;
        self.builder.end_region(Vec::new());
        let env = std::mem::replace(&mut self.env, before);
        Ok((Way { region, env, flow }, parameters))
    }

    /// One way or the other.
    fn conditional(
        &mut self,
        condition: ValueId,
        at: At,
        then: impl FnOnce(&mut Self) -> Result<Flow>,
        otherwise: impl FnOnce(&mut Self) -> Result<Flow>,
    ) -> Result<Flow> {
        let before = self.env.clone();
        let (yes, _) = self.way(&[], then)?;
        let (no, _) = self.way(&[], otherwise)?;
        self.at = at;
        let line = at.line;
        let mut joined = Vec::new();
        let (mut from_yes, mut from_no) = (Vec::new(), Vec::new());
        for place in 0..before.len() {
            let (mut a, mut b) = (yes.env[place].clone(), no.env[place].clone());
            // What comes after isn't done where a way has returned: there any value will do.
            match (&a, &b) {
                (Slot::Value(_), Slot::Value(_)) => {}
                (Slot::Value(_), _) if no.flow == Flow::Returns => b = Slot::Value(self.any_value(no.region, place)?),
                (_, Slot::Value(_)) if yes.flow == Flow::Returns => a = Slot::Value(self.any_value(yes.region, place)?),
                _ => {}
            }
            joined.push(match (a, b) {
                (a, b) if a == b => Joined::Same(a),
                (Slot::Value(a), Slot::Value(b)) => {
                    from_yes.push(a);
                    from_no.push(b);
                    Joined::Result
                }
                (Slot::Perhaps(why), _) | (_, Slot::Perhaps(why)) => Joined::Same(Slot::Perhaps(why)),
                _ => {
                    let why = format!("it is written on one way only of what line {line} decides");
                    Joined::Same(Slot::Perhaps(Arc::from(why)))
                }
            });
        }
        let flow = match (yes.flow, no.flow) {
            (Flow::Falls, Flow::Falls) => Some(Flow::Falls),
            (Flow::Returns, Flow::Returns) => Some(Flow::Returns),
            (a, b) => {
                let live = self.live(yes.region, a);
                from_yes.push(live);
                let live = self.live(no.region, b);
                from_no.push(live);
                None
            }
        };
        let count = from_yes.len();
        self.builder.set_results(yes.region, from_yes);
        self.builder.set_results(no.region, from_no);
        self.main();
        let regions = vec![yes.region, no.region];
        let made = self.builder.node_with_regions(&ops::if_::OP, &[Some(condition)], Attrs::new(), regions, count);
        let mut made = made.map_err(|error| self.wrong(build_message(&error)))?.into_iter();
        self.env = before;
        for (place, joined) in joined.into_iter().enumerate() {
            match joined {
                Joined::Same(slot) => self.env[place] = slot,
                Joined::Result => {
                    if let Some(value) = made.next() {
                        self.give(place, value);
                    }
                }
            }
        }
        Ok(match (flow, made.next()) {
            (Some(flow), _) => flow,
            (None, Some(live)) => Flow::Perhaps(live),
            (None, None) => Flow::Falls,
        })
    }

    /// A value for a variable on a way on which nobody will read it.
    fn any_value(&mut self, region: RegionId, place: usize) -> Result<ValueId> {
        self.builder.reopen_region(region);
        self.helper("return");
        let value = self.filled(place, &zero(self.variables[place].ty.dtype));
        self.builder.end_region(Vec::new());
        value
    }

    /// Whether a way goes on, as a value of its region.
    fn live(&mut self, region: RegionId, flow: Flow) -> ValueId {
        match flow {
            Flow::Perhaps(live) => live,
            known => {
                self.helper("return");
                self.builder.in_region(region, |builder| builder.constant(Tensor::scalar(known == Flow::Falls)))
            }
        }
    }

    pub(super) fn loop_(
        &mut self,
        name: &'p Name,
        index: &'p Name,
        start: &IntExpr,
        end: &IntExpr,
        body: &'p [Statement],
    ) -> Result<Flow> {
        let at = self.at;
        let (first, last) = (self.integer(start)?, self.integer(end)?);
        let count = self.combine(Binary::Sub, last, first)?;
        let count = self.integer_value(count);
        let before = self.env.clone();
        let mut carried = Vec::new();
        let mut only_inside = Vec::new();
        for name in written_names(self.program, body) {
            let Some(place) = self.index.get(name).copied() else { continue };
            match &self.env[place] {
                Slot::Value(_) => carried.push(place),
                _ => only_inside.push(place),
            }
        }
        carried.sort_unstable();
        let may_return = contains_return(body);
        let mut operands = vec![Some(count), None];
        for place in &carried {
            operands.push(Some(self.read(*place)?));
        }
        if may_return {
            self.helper("return");
            let live = self.builder.constant(Tensor::scalar(true));
            operands[1] = Some(live);
            operands.push(Some(live));
        }
        let types = self
            .builder
            .region_parameters(&ops::loop_::OP, &operands, &Attrs::new())
            .map_err(|error| self.wrong(build_message(&error)))?;
        self.path.push(&name.text);
        self.open()?;
        let (region, parameters) = self.builder.begin_region(&types[0]);
        for (place, value) in carried.iter().zip(&parameters[2..]) {
            self.give(*place, *value);
        }
        self.at = at;
        let turn = self.combine(Binary::Add, first, Integer::Value(parameters[0]))?;
        self.loops.push((&index.text, turn));
        let flow = self.list(body)?;
        self.loops.pop();
        self.at = at;
        let live = match flow {
            Flow::Falls if !may_return => parameters[1],
            Flow::Perhaps(live) => live,
            known => {
                self.helper("return");
                self.builder.constant(Tensor::scalar(known == Flow::Falls))
            }
        };
        let mut results = vec![live];
        for place in &carried {
            results.push(self.read(*place)?);
        }
        if may_return {
            results.push(live);
        }
        self.builder.end_region(results);
        self.open -= 1;
        self.path.pop();
        self.main();
        let outputs = carried.len() + usize::from(may_return);
        let made = self.builder.node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![region], outputs);
        let made = made.map_err(|error| self.wrong(build_message(&error)))?;
        self.env = before;
        for (place, value) in carried.iter().zip(&made) {
            self.give(*place, *value);
        }
        for place in only_inside {
            let why = format!("it is written only inside the loop `{}`, which may not run", name.text);
            self.env[place] = Slot::Perhaps(Arc::from(why));
        }
        Ok(if may_return { made.last().map_or(Flow::Falls, |live| Flow::Perhaps(*live)) } else { Flow::Falls })
    }
}

/// What becomes of a variable where two ways meet.
enum Joined {
    Same(Slot),
    Result,
}

/// Whether a list surely returns.
fn returns(list: &[Statement]) -> bool {
    list.iter().any(|statement| match &statement.kind {
        StatementKind::Return => true,
        StatementKind::If { then, otherwise, .. } => returns(then) && returns(otherwise),
        _ => false,
    })
}

/// Whether a list may return.
pub(crate) fn contains_return(list: &[Statement]) -> bool {
    list.iter().any(|statement| match &statement.kind {
        StatementKind::Return => true,
        StatementKind::If { then, otherwise, .. } => contains_return(then) || contains_return(otherwise),
        StatementKind::Loop { body, .. } => contains_return(body),
        _ => false,
    })
}
