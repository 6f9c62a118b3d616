//! The inputs of the next step, as far as they are inserted.

use glassbox_exec::Value;

use super::error::SimError;
use super::symbols::{Input, SymbolTable};
use super::values::Inserted;

/// See the [module](self).
pub(super) struct Pending(Vec<Option<Value>>);

impl Pending {
    pub(super) fn new(count: usize) -> Pending {
        Pending(vec![None; count])
    }

    /// Inserts a value for the input in place `place`.
    pub(super) fn insert(&mut self, program: &SymbolTable, place: usize, value: Inserted) -> Result<(), SimError> {
        let Input { name, ty, .. } = &program.inputs[place];
        let value = value.fit(ty).map_err(|misfit| SimError::Misfit {
            name: name.to_string(),
            declared: ty.to_string(),
            given: misfit.given,
            fits: misfit.fits,
        })?;
        self.0[place] = Some(value);
        Ok(())
    }

    /// All values, for a step; nothing is inserted any more then. Whether their sizes fit each other is checked where a run
    /// begins.
    pub(super) fn take(&mut self, program: &SymbolTable) -> Result<Vec<Value>, SimError> {
        if self.0.iter().any(Option::is_none) {
            return Err(self.missing(program));
        }
        Ok(self.0.iter_mut().filter_map(Option::take).collect())
    }

    /// Puts the values of a step that failed back.
    pub(super) fn put_back(&mut self, values: Vec<Value>) {
        self.0 = values.into_iter().map(Some).collect();
    }

    fn missing(&self, program: &SymbolTable) -> SimError {
        let (there, missing): (Vec<_>, Vec<_>) =
            program.inputs.iter().zip(&self.0).partition(|(_, value)| value.is_some());
        SimError::Missing {
            missing: missing.iter().map(|(input, _)| format!("`{}`: {}", input.name, input.ty)).collect(),
            inserted: there.iter().map(|(input, _)| input.name.to_string()).collect(),
        }
    }
}
