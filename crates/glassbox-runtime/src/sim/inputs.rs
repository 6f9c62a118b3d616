//! The inputs of the next step, as far as they are inserted.

use glassbox_exec::Value;
use glassbox_ir::{Bindings, Type};

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

    /// All values, for a step; nothing is inserted any more then.
    pub(super) fn take(&mut self, program: &SymbolTable) -> Result<Vec<Value>, SimError> {
        if self.0.iter().any(Option::is_none) {
            return Err(self.missing(program));
        }
        check_sizes(program, &self.0)?;
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

/// Free sizes are the same in all inputs, and every other dim is what they make it.
fn check_sizes(program: &SymbolTable, values: &[Option<Value>]) -> Result<(), SimError> {
    if program.sizes.is_empty() {
        return Ok(());
    }
    // By the place of the size: its value, and the input that has it.
    let mut known: Vec<Option<(usize, &Input)>> = vec![None; program.sizes.len()];
    for (input, value) in program.inputs.iter().zip(values) {
        let Some(Value::Tensor(tensor)) = value else { continue };
        for (axis, place) in &input.free {
            let size = tensor.shape()[*axis];
            match known[*place] {
                None => known[*place] = Some((size, input)),
                Some((other, _)) if other == size => {}
                Some((other, first)) => {
                    let name = &program.sizes[*place];
                    let twice = std::ptr::eq(first, input);
                    return Err(SimError::Sizes(if twice {
                        format!(
                            "`{}` is declared {}, and `{name}` is both {other} and {size} in it",
                            input.name, input.ty
                        )
                    } else {
                        format!(
                            "`{name}` is {other} in `{}`, declared {}, and {size} in `{}`, declared {}",
                            first.name, first.ty, input.name, input.ty
                        )
                    }));
                }
            }
        }
    }
    if !program.inputs.iter().any(|input| input.made) {
        return Ok(());
    }
    let bindings: Bindings = program
        .sizes
        .iter()
        .zip(&known)
        .filter_map(|(name, known)| Some((name.to_string(), i64::try_from(known.as_ref()?.0).ok()?)))
        .collect();
    for (input, value) in program.inputs.iter().zip(values).filter(|(input, _)| input.made) {
        let (Some(value), wanted) = (value, input.ty.substitute(&bindings)) else { continue };
        if !wanted.admits(&value.ty()) {
            return Err(SimError::Sizes(disagreement(program, &known, input, &wanted, value)));
        }
    }
    Ok(())
}

fn disagreement(
    program: &SymbolTable,
    known: &[Option<(usize, &Input)>],
    input: &Input,
    wanted: &Type,
    value: &Value,
) -> String {
    let mut sizes = Vec::new();
    let dims = input.ty.as_tensor().and_then(|tensor| tensor.dims()).unwrap_or_default();
    for dim in dims {
        dim.for_each_symbol(&mut |symbol| {
            let place = program.sizes.iter().position(|size| **size == *symbol);
            if let Some((size, from)) = place.and_then(|place| known[place]) {
                let text = format!("`{symbol}` is {size} in `{}`", from.name);
                if !sizes.contains(&text) {
                    sizes.push(text);
                }
            }
        });
    }
    let (name, declared) = (&input.name, &input.ty);
    format!("`{name}` is declared {declared}, so {wanted} as {}, and can't be {}", sizes.join(" and "), value.ty())
}
