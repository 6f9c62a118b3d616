//! What makes a program one: the checks before it is planned.

use std::fmt::{self, Display, Formatter};

use super::compile::{MAX_LOADS, MAX_STORES, MAX_VALUES};
use super::program::{Format, Operand, Program};

/// Why a [`Program`] can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProgramError {
    /// A step hasn't as many operands as its operation takes.
    Arity {
        /// Which step.
        step: usize,
        /// How many operands it has.
        found: usize,
        /// How many its operation takes.
        expected: usize,
    },
    /// A step reads a load that isn't there, itself, or a step after it.
    Operand {
        /// Which step.
        step: usize,
        /// Which of its operands.
        operand: usize,
    },
    /// A store writes a constant or something that isn't there.
    Store {
        /// Which store.
        store: usize,
    },
    /// A store has a format that can only be loaded.
    StoreFormat {
        /// Which store.
        store: usize,
        /// Its format.
        format: Format,
    },
    /// There are more loads, stores or values than [`MAX_LOADS`], [`MAX_STORES`] and [`MAX_VALUES`].
    TooLarge {
        /// How many loads.
        loads: usize,
        /// How many loads, steps and constants.
        values: usize,
        /// How many stores.
        stores: usize,
    },
}

impl Display for ProgramError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ProgramError::Arity { step, found, expected } => {
                write!(f, "step s{step} has {found} operands where its operation takes {expected}")
            }
            ProgramError::Operand { step, operand } => {
                write!(f, "operand {operand} of step s{step} is neither a load nor a step before it")
            }
            ProgramError::Store { store } => write!(f, "store {store} writes neither a load nor a step"),
            ProgramError::StoreFormat { store, format } => write!(f, "store {store} has the format {format}"),
            ProgramError::TooLarge { loads, values, stores } => write!(
                f,
                "{loads} loads, {values} values and {stores} stores, where {MAX_LOADS}, {MAX_VALUES} and {MAX_STORES} \
                 are possible"
            ),
        }
    }
}

impl std::error::Error for ProgramError {}

pub(super) fn check(program: &Program) -> Result<(), ProgramError> {
    for (step, found) in program.steps.iter().enumerate() {
        let (expected, found_arity) = (found.operation.arity(), found.operands.len());
        if expected != found_arity {
            return Err(ProgramError::Arity { step, found: found_arity, expected });
        }
        let there = |operand: &Operand| match operand {
            Operand::Load(load) => *load < program.loads.len(),
            Operand::Step(before) => *before < step,
            Operand::Constant(_) => true,
        };
        if let Some(operand) = found.operands.iter().position(|operand| !there(operand)) {
            return Err(ProgramError::Operand { step, operand });
        }
    }
    for (store, found) in program.stores.iter().enumerate() {
        let there = match found.value {
            Operand::Load(load) => load < program.loads.len(),
            Operand::Step(step) => step < program.steps.len(),
            Operand::Constant(_) => false,
        };
        if !there {
            return Err(ProgramError::Store { store });
        }
        if !found.format.is_stored() {
            return Err(ProgramError::StoreFormat { store, format: found.format });
        }
    }
    Ok(())
}
