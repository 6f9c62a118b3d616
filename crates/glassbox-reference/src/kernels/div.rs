//! `div`.

use super::elementwise::*;
use crate::call::{Call, Outcome};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    refuse_zero(call, 1)?;
    // The divisor isn't zero: `max` only keeps the compiler from having to check.
    binary(call, |a, b| a / b, i64::wrapping_div, |a, b| a / b.max(1))
}

/// An error where an integer divisor is zero.
pub(super) fn refuse_zero(call: &Call, index: usize) -> Result<(), KernelError> {
    let divisor = call.tensor(index)?;
    if divisor.dtype().is_integer() && !call.tensor(0)?.is_empty() && divisor.load::<i64>()?.contains(&0) {
        return Err(call.invalid("zero", format!("an element of operand {index} is 0, and integers can't be divided by it")));
    }
    Ok(())
}
