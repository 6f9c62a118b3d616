//! What the kernels of sequences and optionals share.

use glassbox_ir::Type;

use crate::call::{Call, Outcome};
use glassbox_exec::KernelError;
use glassbox_exec::Value;

/// The elements of the sequence that operand 0 is.
pub(crate) fn items<'a>(call: &Call<'a>) -> Result<&'a [Value], KernelError> {
    match call.value(0)? {
        Value::Sequence { items, .. } => Ok(items),
        other => Err(KernelError::Internal(format!("operand 0 of `{}` is {}, no sequence", call.op.name, other.ty()))),
    }
}

/// The result: a sequence with these elements.
pub(crate) fn sequence(call: &Call, items: Vec<Value>) -> Outcome {
    Ok(vec![Value::Sequence { element: inner(call)?, items }])
}

/// The result: an optional with this value, or nothing.
pub(crate) fn optional(call: &Call, item: Option<Value>) -> Outcome {
    Ok(vec![Value::Optional { element: inner(call)?, item: item.map(Box::new) }])
}

/// The type of what is in the sequence or optional that result 0 is.
fn inner(call: &Call) -> Result<Type, KernelError> {
    match call.types.first() {
        Some(Type::Sequence(element) | Type::Optional(element)) => Ok(element.as_ref().clone()),
        other => Err(KernelError::Internal(format!("the result of `{}` is {other:?}", call.op.name))),
    }
}

/// The place in a sequence of `count` elements that the operand in place `index` says, in `[-count,
/// count)`, or with `end` in `[-count, count]`; `None` if the operand is left out.
pub(crate) fn position(call: &Call, index: usize, count: usize, end: bool) -> Result<Option<usize>, KernelError> {
    let Some(tensor) = call.opt_tensor(index)? else { return Ok(None) };
    let given = tensor.item::<i64>()?;
    let place = if given < 0 { given.checked_add(count as i64) } else { Some(given) };
    let place = place.and_then(|place| usize::try_from(place).ok());
    place.filter(|place| *place < count + usize::from(end)).map(Some).ok_or_else(|| {
        let close = if end { ']' } else { ')' };
        call.invalid("C2", format!("position {given} is outside [-{count}, {count}{close} of {count} elements"))
    })
}
