//! `cache` statements: reading and writing states and parts of them.

use glassbox_ir::{Attr, Attrs, ValueId, attrs, ops};

use super::integers::Integer;
use super::package::{literal_tensor, zero};
use super::{Lowerer, Result};
use crate::error::DslError;
use crate::program::*;

/// A part of a state, as the ops on states want it.
struct Part {
    /// Where it begins, in each of the first axes.
    starts: Vec<Integer>,
    /// Where it ends.
    ends: Vec<Integer>,
    /// The axes in which it is one cell.
    squeeze: Vec<i64>,
    /// What the state's growing dims must be at least; `None` if nothing is said.
    grow: Option<Vec<Integer>>,
    /// The axes along which writing it doesn't make the state larger.
    within: Vec<i64>,
}

/// The end of an axis, wherever that is.
const TO_THE_END: i64 = i64::MAX;

impl<'p> Lowerer<'p> {
    /// All that a persistent variable holds.
    pub(super) fn read_state(&mut self, declaration: &Declaration) -> Result<ValueId> {
        self.helper("state");
        self.node(&ops::state_read::OP, &[], attrs! { state: declaration.name.text.as_str() })
    }

    /// The persistent variable of a region.
    fn persistent(&self, name: &Name) -> Result<&'p Declaration> {
        let place = self.variable(name)?;
        let declaration = self.variables[place].declaration.filter(|found| found.memory == Memory::Persistent);
        declaration.ok_or_else(|| DslError::at(self.place(), name.at, format!("`{}` isn't persistent", name.text)))
    }

    /// The part of a state that a region names; `None` for all of it.
    fn part(&mut self, declaration: &'p Declaration, region: &CacheSlice, reset: bool) -> Result<Option<Part>> {
        let indices = region.indices.as_deref().unwrap_or_default();
        if indices.is_empty() {
            return Ok(None);
        }
        let cells: Vec<&str> = self.table_indices(declaration).collect();
        let mut part =
            Part { starts: Vec::new(), ends: Vec::new(), squeeze: Vec::new(), grow: None, within: Vec::new() };
        let whole = (Integer::Known(0), Integer::Known(TO_THE_END));
        for (index, name) in indices.iter().zip(&declaration.indices) {
            let auto = declaration.auto_dim.iter().position(|auto| auto.text == name.text);
            let axis = match auto {
                Some(dim) => cells.len() + dim,
                None => cells.iter().position(|cell| *cell == name.text).unwrap_or(0),
            };
            // What isn't there can't be read, and would grow if it were written.
            if reset || auto.is_some() && matches!(index, Index::Slice(..)) {
                part.within.push(axis as i64);
            }
            let (start, end) = match (index, auto) {
                (Index::At(count), Some(dim)) => {
                    if !reset {
                        let count = self.integer(count)?;
                        let least = self.known_dim(&declaration.ty.dims[dim], &declaration.name.text)?;
                        let extent = self.combine(Binary::Add, Integer::Known(least), count)?;
                        let axes = cells.len() + declaration.ty.dims.len();
                        let sizes = part.grow.get_or_insert_with(|| vec![Integer::Known(0); axes]);
                        sizes[axis] = extent;
                    }
                    whole
                }
                (Index::At(at), None) => {
                    part.squeeze.push(axis as i64);
                    (self.integer(at)?, Integer::Known(0))
                }
                (Index::Slice(start, end), _) => (
                    start.as_ref().map_or(Ok(whole.0), |start| self.integer(start))?,
                    end.as_ref().map_or(Ok(whole.1), |end| self.integer(end))?,
                ),
            };
            while part.starts.len() <= axis {
                part.starts.push(whole.0);
                part.ends.push(whole.1);
            }
            part.starts[axis] = start;
            part.ends[axis] = end;
        }
        part.squeeze.sort_unstable();
        part.within.sort_unstable();
        Ok(Some(part))
    }

    /// The attributes that say how a state grows.
    fn growth(&self, declaration: &Declaration) -> Result<Attrs> {
        let mut attrs = Attrs::from([("state", Attr::Str(declaration.name.text.clone()))]);
        if let Some(literal) = &declaration.init {
            let fill = self.literal_scalar(literal, declaration.ty.dtype, &declaration.name.text)?;
            attrs.insert("fill", Attr::Tensor(fill));
        }
        let cells = self.table_indices(declaration).count();
        let mut limits = vec![-1; cells + declaration.ty.dims.len()];
        for (dim, auto) in declaration.auto_dim.iter().enumerate() {
            if let Some((_, most)) = declaration.fixed.iter().find(|(fixed, _)| fixed.text == auto.text) {
                let least = self.known_dim(&declaration.ty.dims[dim], &declaration.name.text)?;
                let most = self.known_dim(most, &declaration.name.text)?;
                limits[cells + dim] =
                    least.checked_add(most).ok_or_else(|| self.wrong("the limit of `@fixed` is too large"))?;
            }
        }
        if limits.iter().any(|limit| *limit >= 0) {
            attrs.insert("limits", Attr::Ints(limits));
        }
        Ok(attrs)
    }

    /// Makes a growing matrix as large as its counts say.
    fn grow(&mut self, declaration: &Declaration, part: &Part) -> Result<()> {
        let Some(sizes) = &part.grow else { return Ok(()) };
        let sizes = self.integer_vector(sizes)?;
        let attrs = self.growth(declaration)?;
        self.helper("grow");
        self.node(&ops::state_grow::OP, &[sizes], attrs)?;
        Ok(())
    }

    /// Where a part begins and ends, as values.
    fn bounds(&mut self, part: &Part) -> Result<(ValueId, ValueId)> {
        Ok((self.integer_vector(&part.starts)?, self.integer_vector(&part.ends)?))
    }

    /// The part of a state, as a value that helps a statement.
    fn slice(&mut self, declaration: &Declaration, part: &Part) -> Result<ValueId> {
        let (starts, ends) = self.bounds(part)?;
        self.helper("bounds");
        self.slice_at(declaration, part, starts, ends)
    }

    fn slice_at(&mut self, declaration: &Declaration, part: &Part, starts: ValueId, ends: ValueId) -> Result<ValueId> {
        let mut attrs = Attrs::from([("state", Attr::Str(declaration.name.text.clone()))]);
        if !part.squeeze.is_empty() {
            attrs.insert("squeeze", Attr::Ints(part.squeeze.clone()));
        }
        self.node(&ops::state_slice::OP, &[starts, ends], attrs)
    }

    fn update(&mut self, declaration: &Declaration, part: &Part, value: ValueId) -> Result<()> {
        let (starts, ends) = (self.integer_vector(&part.starts)?, self.integer_vector(&part.ends)?);
        let mut attrs = self.growth(declaration)?;
        if !part.squeeze.is_empty() {
            attrs.insert("squeeze", Attr::Ints(part.squeeze.clone()));
        }
        if !part.within.is_empty() {
            attrs.insert("within", Attr::Ints(part.within.clone()));
        }
        self.main();
        self.node(&ops::state_update::OP, &[value, starts, ends], attrs)?;
        Ok(())
    }

    /// `cache.read K[l] >> k;`
    pub(super) fn cache_read(&mut self, region: &CacheSlice, to: &Name) -> Result<()> {
        let declaration = self.persistent(&region.name)?;
        let target = self.variable(to)?;
        let value = match self.part(declaration, region, false)? {
            None => {
                self.main();
                self.node(&ops::state_read::OP, &[], attrs! { state: declaration.name.text.as_str() })?
            }
            Some(part) => {
                self.grow(declaration, &part)?;
                let (starts, ends) = self.bounds(&part)?;
                self.main();
                self.slice_at(declaration, &part, starts, ends)?
            }
        };
        self.write(to, target, value)
    }

    /// `cache.write k >> K[l];`
    pub(super) fn cache_write(&mut self, from: &Argument, at: At, region: &CacheSlice) -> Result<()> {
        let declaration = self.persistent(&region.name)?;
        let place = self.variable(&region.name)?;
        let value = self.single(from, at, declaration.ty.dtype)?;
        let given = self.type_of(value);
        if given.dtype() != declaration.ty.dtype {
            let message = format!("`{}` holds {}, and can't take {given}", declaration.name.text, declaration.ty.dtype);
            return Err(self.wrong(message));
        }
        match self.part(declaration, region, false)? {
            Some(part) => {
                self.grow(declaration, &part)?;
                self.update(declaration, &part, value)
            }
            None if declaration.is_place() => {
                let part =
                    Part { starts: Vec::new(), ends: Vec::new(), squeeze: Vec::new(), grow: None, within: Vec::new() };
                self.update(declaration, &part, value)
            }
            None => {
                let value = self.fit(place, value)?;
                self.main();
                self.node(&ops::state_write::OP, &[value], attrs! { state: declaration.name.text.as_str() })?;
                Ok(())
            }
        }
    }

    /// `cache.increment n s;`
    pub(super) fn cache_add(&mut self, name: &Name, by: Option<&IntExpr>, negative: bool) -> Result<()> {
        let declaration = self.persistent(name)?;
        let dtype = declaration.ty.dtype;
        let by = by.map_or(Ok(Integer::Known(1)), |by| self.integer(by))?;
        let step = match by {
            Integer::Known(value) => {
                let literal = Literal::Int(i128::from(value));
                let tensor = literal_tensor(&[literal], dtype, &[]).map_err(|message| self.wrong(message))?;
                self.helper("index");
                self.builder.constant(tensor)
            }
            Integer::Value(value) => {
                self.helper("index");
                if dtype == glassbox_tensor::DType::I64 {
                    value
                } else {
                    self.node(&ops::cast::OP, &[value], attrs! { to: dtype })?
                }
            }
        };
        let held = self.read_state(declaration)?;
        self.helper("index");
        let op = if negative { &ops::sub::OP } else { &ops::add::OP };
        let sum = self.node(op, &[held, step], Attrs::new())?;
        self.main();
        self.node(&ops::state_write::OP, &[sum], attrs! { state: declaration.name.text.as_str() })?;
        Ok(())
    }

    /// `cache.reset K;`
    pub(super) fn cache_reset(&mut self, region: &CacheSlice) -> Result<()> {
        let declaration = self.persistent(&region.name)?;
        let Some(part) = self.part(declaration, region, true)? else {
            self.main();
            self.node(&ops::state_reset::OP, &[], attrs! { state: declaration.name.text.as_str() })?;
            return Ok(());
        };
        let held = self.slice(declaration, &part)?;
        self.helper("reset");
        let zero = zero(declaration.ty.dtype);
        let initial = self.literal_scalar(
            declaration.init.as_ref().unwrap_or(&zero),
            declaration.ty.dtype,
            &declaration.name.text,
        )?;
        let scalar = self.builder.constant(initial);
        let dims = self.node(&ops::shape::OP, &[held], Attrs::new())?;
        let filled = self.node(&ops::expand::OP, &[scalar, dims], Attrs::new())?;
        self.update(declaration, &part, filled)
    }
}
