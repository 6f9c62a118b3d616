//! What an executor has by name: variables after a step or in it, and persistent ones.

use std::path::Path;

use glassbox_exec::Value;
use glassbox_ir::{Attr, AttrView, TensorType, Type};
use glassbox_tensor::Tensor;

use super::error::SimError;
use super::executor::Executor;
use super::ledger::fetched;
use super::states;
use super::values::{Fetched, Inserted};
use crate::error::RuntimeError;

impl Executor {
    /// The value of a variable: after a step as the step left it; in a step that is under way the latest.
    ///
    /// # Errors
    ///
    /// Where there is no such variable, it has no value yet, or it can't be had as `T`.
    pub fn fetch<T: Fetched>(&self, name: &str) -> Result<T, RuntimeError> {
        fetched(name, &self.value(name)?)
    }

    fn value(&self, name: &str) -> Result<Value, RuntimeError> {
        if self.is_under_way() {
            if self.keeps(name) {
                return Ok(self.session.states().read(name)?.into());
            }
            return match self.ledger.latest(&self.program, name) {
                Ok(value) => Ok(value),
                Err(error) => self.constant(name).unwrap_or_else(|| Err(error.into())),
            };
        }
        let why = || SimError::NoValue { name: name.to_owned(), why: "no step has run to its end yet".to_owned() };
        if let Some(place) = self.program.output(name) {
            let value = self.outputs.as_ref().and_then(|outputs| outputs.get(place)).cloned();
            return value.ok_or_else(|| why().into());
        }
        if self.keeps(name) {
            return Ok(self.session.states().read(name)?.into());
        }
        if let Some(place) = self.program.inputs.iter().position(|input| *input.name == *name) {
            return self.given.get(place).cloned().ok_or_else(|| why().into());
        }
        let missing = || Err(self.program.not_fetched(self.graph(), name).into());
        self.constant(name).unwrap_or_else(missing)
    }

    /// Whether the program keeps a variable of this name from step to step.
    fn keeps(&self, name: &str) -> bool {
        self.graph().states().iter().any(|state| state.name == name)
    }

    /// A constant or a parameter of the program.
    fn constant(&self, name: &str) -> Option<Result<Value, RuntimeError>> {
        let node = self.graph().node(self.program.constant(name)?);
        let tensor = match node.attrs.get("value") {
            Some(Attr::Tensor(tensor)) => Ok(tensor.clone()),
            _ => self.params.load(AttrView::new(node.op, &node.attrs).str("name")),
        };
        Some(tensor.map(Value::Tensor).map_err(RuntimeError::from))
    }

    /// What a persistent variable holds; in a step that is under way, what it holds by then.
    ///
    /// # Errors
    ///
    /// Where there is no such persistent variable, or it can't be read.
    pub fn state(&self, name: &str) -> Result<Tensor, RuntimeError> {
        if !self.keeps(name) {
            return Err(self.no_state(name));
        }
        Ok(self.session.states().read(name)?)
    }

    fn no_state(&self, name: &str) -> RuntimeError {
        let known = self.graph().states().iter().map(|state| state.name.as_str());
        SimError::unknown("", "persistent variable", name, known).into()
    }

    /// Gives a persistent variable other contents.
    ///
    /// # Errors
    ///
    /// Where there is no such persistent variable, or the value isn't of its type.
    pub fn set_state(&mut self, name: &str, value: impl Into<Inserted>) -> Result<(), RuntimeError> {
        let Some(state) = self.graph().state(name) else {
            return Err(self.no_state(name));
        };
        let ty = Type::from(state.ty.clone());
        let held = self.state(name)?.dtype();
        let carried = TensorType { dtype: held, shape: state.ty.shape.clone() };
        let value = value.into().fit(&carried.into()).map_err(|misfit| SimError::Misfit {
            name: name.to_owned(),
            declared: ty.to_string(),
            given: misfit.given,
            fits: misfit.fits,
        })?;
        let tensor = Tensor::from_value(&value).map_err(RuntimeError::Internal)?;
        self.check_idle("no persistent variable can be set")?;
        Ok(self.session.states_mut().write(name, tensor)?)
    }

    /// Every persistent variable as at the start. What was inserted stays inserted.
    ///
    /// # Errors
    ///
    /// Where a step is under way.
    pub fn reset(&mut self) -> Result<(), RuntimeError> {
        self.check_idle("persistent variables can't be reset")?;
        self.session.states_mut().reset()?;
        self.outputs = None;
        self.given.clear();
        Ok(())
    }

    /// Writes all persistent variables to a file, `.safetensors` or `.oinf`, which appears whole or not at all.
    ///
    /// # Errors
    ///
    /// Where a step is under way, or the file can't be written.
    pub fn save_states(&mut self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.check_idle("states can't be saved")?;
        states::save(self.session.as_ref(), path.as_ref())
    }

    /// Gives all persistent variables the contents that a file has: the file must have every one of them, of its dtype
    /// and dims, and no other. After an error they are as they were.
    ///
    /// # Errors
    ///
    /// Where a step is under way, or the file can't be read or doesn't have these states.
    pub fn load_states(&mut self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.check_idle("states can't be loaded")?;
        states::load(self.session.as_mut(), path.as_ref())
    }

    /// Everything that the last step gave, by name: outputs, and what persistent variables hold.
    pub(super) fn results(&self) -> Result<Vec<(String, Value)>, RuntimeError> {
        let states: Vec<String> = self.graph().states().iter().map(|state| state.name.clone()).collect();
        let outputs = || self.program.outputs.iter().zip(self.outputs.iter().flatten());
        let mut results: Vec<(String, Value)> =
            outputs().map(|((label, _), v)| (label.to_string(), v.clone())).collect();
        // Of versions of one variable the last is its value.
        let versions: Vec<_> = outputs().map(|((_, variable), value)| (*variable, value.clone())).collect();
        results.extend(versions.into_iter().rev().map(|(at, value)| (self.program.variables[at].to_string(), value)));
        for name in states {
            let held = self.state(&name)?;
            results.push((name, held.into()));
        }
        Ok(results)
    }
}
