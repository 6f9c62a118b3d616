//! Single statements.

use glassbox_ir::{Attr, Attrs, Dim, OpDef, ValueId, attrs, ops};

use super::control::Flow;
use super::integers::Integer;
use super::{Lowerer, MAX_STATEMENTS, Package, Result, Slot, build_message};
use crate::error::DslError;
use crate::program::*;

impl<'p> Lowerer<'p> {
    /// A statement: whether the block goes on after it.
    pub(super) fn statement(&mut self, statement: &'p Statement) -> Result<Flow> {
        self.at = statement.at;
        self.lowered += 1;
        if self.lowered > MAX_STATEMENTS {
            return Err(self.wrong(format!(
                "the step has more than {MAX_STATEMENTS} statements, those of a block counted wherever it is called; \
                 repeat with `loop` instead"
            )));
        }
        match &statement.kind {
            StatementKind::Assign(name, _) => {
                let place = self.variable(name)?;
                self.env[place] = Slot::Nothing;
            }
            StatementKind::Op(op) => self.op(op).or_else(|error| self.assume_results(op, error))?,
            StatementKind::Transfer(from, at, to) => {
                let place = self.variable(to)?;
                let value = self.single(from, *at, self.variables[place].ty.dtype)?;
                let fitted = self.fit(place, value).map_err(|error| error.or_at(to.at))?;
                self.main();
                let copy = self.node(&ops::identity::OP, &[fitted], Attrs::new())?;
                self.write(to, place, copy)?;
            }
            StatementKind::Branch { condition, then, otherwise } => {
                self.branch(condition.as_ref(), then, otherwise.as_ref())?;
            }
            StatementKind::If { condition, then, otherwise } => return self.if_(condition, then, otherwise),
            StatementKind::Loop { name, index, start, end, body } => return self.loop_(name, index, start, end, body),
            StatementKind::Return => {
                self.returns_here();
                return Ok(Flow::Returns);
            }
            StatementKind::Barrier => self.barrier()?,
            StatementKind::Dep { .. } => self.barrier()?,
            StatementKind::Yield(names) => self.yield_(names)?,
            StatementKind::Await(names) => self.await_(names)?,
            StatementKind::CacheRead(region, to) => self.cache_read(region, to)?,
            StatementKind::CacheWrite(from, at, region) => self.cache_write(from, *at, region)?,
            StatementKind::CacheAdd { name, by, negative } => self.cache_add(name, by.as_ref(), *negative)?,
            StatementKind::CacheReset(region) => self.cache_reset(region)?,
        }
        Ok(Flow::Falls)
    }

    fn op(&mut self, written: &'p Op) -> Result<()> {
        let Some(op) = ops::find(&written.name.text) else {
            return Err(DslError::at(self.place(), written.name.at, crate::check::unknown_op(&written.name.text)));
        };
        let made = self.use_of(op, written)?;
        let targets: Vec<Option<usize>> = written
            .targets
            .iter()
            .map(|target| target.as_ref().map(|name| self.variable(name)).transpose())
            .collect::<Result<_>>()?;
        self.main();
        let results = self.builder.node(op, &made.operands, made.attrs, written.targets.len()).map_err(|error| {
            let given = self.operands_in_words(op, written, &made.operands);
            let error = DslError::at(self.place(), written.name.at, format!("{}{given}", build_message(&error)));
            if is_known_to_infer(op, written) { error.whatever_the_package() } else { error }
        })?;
        for (name, value) in &written.hints {
            let advice = match value {
                Literal::Bool(value) => Attr::Bool(*value),
                Literal::Int(value) => {
                    Attr::Int(i64::try_from(*value).map_err(|_| self.wrong("a hint doesn't fit i64"))?)
                }
                Literal::Float(value) => Attr::Float(*value),
                Literal::Text(text) => Attr::Str(text.clone()),
            };
            let first = results.first().copied().ok_or_else(|| self.wrong("a hint wants an op with results"))?;
            self.builder.hint(first, &name.text, advice).map_err(|error| self.wrong(error.to_string()))?;
        }
        for ((place, name), value) in targets.iter().zip(&written.targets).zip(results) {
            if let (Some(place), Some(name)) = (place, name) {
                self.write(name, *place, value)?;
            }
        }
        Ok(())
    }

    /// With an assumed package: the results of an op of which something isn't known that its types hang on.
    fn assume_results(&mut self, written: &Op, error: DslError) -> Result<()> {
        if self.package == Package::Given || error.certain {
            return Err(error);
        }
        for name in written.targets.iter().flatten() {
            let place = self.variable(name)?;
            let ty = self.variables[place].ty.clone();
            let value = self.assumed(&format!("result {}", self.versions.len()), ty.into());
            self.give(place, value);
        }
        Ok(())
    }

    /// What the operands of an op are, for a message.
    fn operands_in_words(&self, op: &OpDef, used: &Op, operands: &[Option<ValueId>]) -> String {
        const MOST: usize = 4;
        let values = used.operands.iter().map(|(argument, _)| argument);
        let mut values = values.filter(|argument| !matches!(argument, Argument::DType(_) | Argument::Type(_)));
        let mut words = Vec::new();
        for (place, operand) in operands.iter().enumerate().take(MOST) {
            let by_place = values.next();
            let (Some(input), Some(value)) = (op.input(place), operand) else { continue };
            let by_name = used.named.iter().find(|(name, ..)| name.text == input.name).map(|(_, argument, _)| argument);
            if let Some(argument) = by_place.or(by_name) {
                words.push(format!("{} is {}", super::written(argument), self.type_of(*value)));
            }
        }
        if words.is_empty() { String::new() } else { format!("; {}", words.join(", ")) }
    }

    /// Writes a value to a variable, if it has its dtype and dims.
    pub(super) fn write(&mut self, name: &Name, place: usize, value: ValueId) -> Result<()> {
        self.beside_may_write(name)?;
        let value = self.fit(place, value).map_err(|error| error.or_at(name.at))?;
        self.give(place, value);
        Ok(())
    }

    /// The value as the variable wants it: of its dtype, and of its dims, which are checked in the step where that can't
    /// be told now.
    pub(super) fn fit(&mut self, place: usize, value: ValueId) -> Result<ValueId> {
        let variable = &self.variables[place];
        let (name, ty, exprs) = (variable.name, variable.ty.clone(), variable.dims);
        let given = self.type_of(value);
        let Some(tensor) = given.as_tensor() else {
            return Err(self.wrong(format!("`{name}` is declared {ty}, but this gives {given}")));
        };
        if tensor.dtype != ty.dtype {
            let hint = if tensor.dims() == ty.dims() {
                format!("; `op cast(…, to={})` converts", ty.dtype)
            } else {
                String::new()
            };
            let message = format!("`{name}` is declared {ty}, but this gives {given}{hint}");
            return Err(self.wrong(message).whatever_the_package());
        }
        let wanted: Vec<Dim> = ty.dims().unwrap_or_default().to_vec();
        if let Some(dims) = tensor.dims() {
            let differs = dims.len() != wanted.len() || dims.iter().zip(&wanted).any(|(a, b)| a.same(b) == Some(false));
            if differs {
                let message = format!("`{name}` is declared {ty}, but this gives {given}");
                return Err(self.wrong(message).whatever_the_package());
            }
            if dims
                .iter()
                .zip(&wanted)
                .zip(exprs)
                .all(|((a, b), expr)| *expr == IntExpr::Unknown || a.same(b) == Some(true))
            {
                return Ok(value);
            }
        }
        let mut extents = Vec::with_capacity(exprs.len());
        for (axis, dim) in exprs.iter().enumerate() {
            extents.push(if *dim == IntExpr::Unknown { self.extent(value, axis)? } else { self.integer(dim)? });
        }
        let dims = self.integer_vector(&extents)?;
        self.main();
        self.node(&ops::expect::OP, &[value, dims], attrs! { name: name })
    }

    /// How long an axis of a value is, in each step.
    fn extent(&mut self, value: ValueId, axis: usize) -> Result<Integer> {
        let axes = self.vector(vec![0])?;
        self.helper("size");
        let extent = self.node(&ops::shape::OP, &[value], attrs! { start: axis as i64, end: axis as i64 + 1 })?;
        self.node(&ops::squeeze::OP, &[extent, axes], Attrs::new()).map(Integer::Value)
    }

    fn barrier(&mut self) -> Result<()> {
        self.main();
        self.builder
            .node(&ops::barrier::OP, &[], Attrs::new(), 0)
            .map_err(|error| self.wrong(build_message(&error)))?;
        Ok(())
    }
}

/// Whether the contents that the types of an op's results hang on stand in the program, and in no package.
fn is_known_to_infer(op: &OpDef, written: &Op) -> bool {
    let literal = |argument: &Argument| {
        matches!(argument, Argument::Skipped | Argument::Literal(_) | Argument::List(_) | Argument::Tensor(..))
    };
    let values = written.operands.iter().map(|(argument, _)| argument);
    let values = values.filter(|argument| !matches!(argument, Argument::DType(_) | Argument::Type(_)));
    let by_place = values.enumerate().filter_map(|(place, argument)| Some((op.input(place)?, argument)));
    let input = |name: &Name| op.inputs.iter().find(|input| input.name == name.text);
    let by_name = written.named.iter().filter_map(|(name, argument, _)| Some((input(name)?, argument)));
    by_place.chain(by_name).all(|(input, argument)| !input.shapes || literal(argument))
}
