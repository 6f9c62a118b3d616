//! Lists and optionals: compared item by item, and given the dtypes that ours have.

use glassbox_exec::Value;
use glassbox_ir::Rounding;
use glassbox_tensor::{DType, Tensor, TensorError};

use super::alone::fitted;
use crate::distance::{Yardstick, coarser, same_text};
use crate::tolerance::Allowed;

/// In what two values differ by more than such rounding explains, in words. `None` where they don't.
pub(super) fn differ(
    ours: &Value,
    theirs: &Value,
    rounding: Rounding,
    steps: usize,
) -> Result<Option<String>, TensorError> {
    Ok(match (ours, theirs) {
        (Value::Tensor(a), Value::Tensor(b)) => tensors_differ(a, b, rounding, steps)?,
        (Value::Sequence { items: a, .. }, Value::Sequence { items: b, .. }) => {
            if a.len() != b.len() {
                return Ok(Some(format!("it has {} items here and {} there", a.len(), b.len())));
            }
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                if let Some(words) = differ(a, b, rounding, steps)? {
                    return Ok(Some(format!("item {place}: {words}")));
                }
            }
            None
        }
        (Value::Optional { item: Some(a), .. }, Value::Optional { item: Some(b), .. }) => {
            differ(a, b, rounding, steps)?
        }
        (Value::Optional { item: None, .. }, Value::Optional { item: None, .. }) => None,
        // What an optional holds may be stored as it is.
        (Value::Optional { item: Some(a), .. }, b) => differ(a, b, rounding, steps)?,
        (a, Value::Optional { item: Some(b), .. }) => differ(a, b, rounding, steps)?,
        (Value::Optional { .. }, _) => Some("it holds nothing here and something there".to_owned()),
        (_, Value::Optional { .. }) => Some("it holds something here and nothing there".to_owned()),
        _ => Some(format!("it is {} here and {} there", ours.ty(), theirs.ty())),
    })
}

fn tensors_differ(a: &Tensor, b: &Tensor, rounding: Rounding, steps: usize) -> Result<Option<String>, TensorError> {
    if a.dtype() == DType::String || b.dtype() == DType::String {
        return Ok((!same_text(a, b)).then(|| "the texts differ".to_owned()));
    }
    let other = || Some(format!("it is {}{:?} here and {}{:?} there", a.dtype(), a.shape(), b.dtype(), b.shape()));
    if a.shape() != b.shape() || a.dtype().is_float() != b.dtype().is_float() {
        return Ok(other());
    }
    let Some(yardstick) = Yardstick::new(b)? else { return Ok(other()) };
    let dtype = if a.dtype().is_float() { coarser(a.dtype(), b.dtype()) } else { a.dtype() };
    let allowed = Allowed::of(rounding, dtype, a.dtype() == b.dtype(), yardstick.rms(), steps);
    let Some(found) = yardstick.distance(a, &allowed.bounds)? else { return Ok(other()) };
    let apart = &found.apart;
    let beyond = found.outside > 0 || apart.rms_rel > allowed.rms;
    Ok(beyond.then(|| {
        format!("{} of {} elements differ, {:.1e} of their size", apart.differing, apart.count, apart.rms_rel)
    }))
}

/// Theirs with the dtypes that ours has. `None` where it isn't of the same items.
pub(super) fn fitting(ours: &Value, theirs: &Value) -> Result<Option<Value>, TensorError> {
    Ok(match (ours, theirs) {
        (Value::Tensor(a), Value::Tensor(b)) => {
            let alike = a.dtype() == b.dtype() || (a.dtype().is_float() && b.dtype().is_float());
            match a.shape() == b.shape() && alike {
                true => Some(fitted(b, a.dtype())?.0.into()),
                false => None,
            }
        }
        (Value::Sequence { element, items: a }, Value::Sequence { items: b, .. }) if a.len() == b.len() => {
            let items = a.iter().zip(b).map(|(a, b)| fitting(a, b)).collect::<Result<Option<Vec<Value>>, _>>()?;
            items.map(|items| Value::Sequence { element: element.clone(), items })
        }
        (Value::Optional { item: None, .. }, Value::Optional { item: None, .. }) => Some(ours.clone()),
        (Value::Optional { element, item: Some(a) }, b) => {
            let b = match b {
                Value::Optional { item: Some(b), .. } => b,
                Value::Optional { item: None, .. } => return Ok(None),
                b => b,
            };
            fitting(a, b)?.map(|item| Value::Optional { element: element.clone(), item: Some(Box::new(item)) })
        }
        _ => None,
    })
}
