//! `optional_get_element`.

use crate::call::{Call, Outcome};
use glassbox_exec::Value;

pub(super) fn kernel(call: &Call) -> Outcome {
    match call.value(0)? {
        Value::Optional { item: Some(item), .. } => Ok(vec![item.as_ref().clone()]),
        Value::Optional { item: None, .. } => {
            Err(call.invalid("C1", call.attr.opt_str("otherwise").unwrap_or("the optional holds nothing")))
        }
        other => Ok(vec![other.clone()]),
    }
}
