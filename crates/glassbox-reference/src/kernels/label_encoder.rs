//! `label_encoder`.

use std::collections::HashMap;

use glassbox_tensor::{DType, Overflow, Tensor};

use super::cells::Cells;
use super::order::keys;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let given = |name: &str| {
        call.attr.tensor(name).ok_or_else(|| KernelError::Internal(format!("attribute `{name}` is missing")))
    };
    let table = given("keys")?;
    let places: Vec<Option<usize>> = match x.dtype() {
        DType::String => {
            let (table, strings) = (table.to_strings().unwrap_or_default(), x.to_strings().unwrap_or_default());
            let places: HashMap<&String, usize> = table.iter().enumerate().map(|(place, key)| (key, place)).collect();
            strings.iter().map(|text| places.get(text).copied()).collect()
        }
        _ => {
            let places: HashMap<u64, usize> =
                keys(table)?.into_iter().enumerate().map(|(place, key)| (key, place)).collect();
            keys(x)?.iter().map(|key| places.get(key).copied()).collect()
        }
    };
    // With all floats carried as f64, the values are wider than the attributes say.
    let carried = |tensor: &Tensor| tensor.cast(call.dtype(0), Overflow::Wrap);
    let strings = call.dtype(0) == DType::String;
    let (values, default) = match strings {
        true => (given("values")?.clone(), given("default")?.clone()),
        false => (carried(given("values")?)?, carried(given("default")?)?),
    };
    let (values, default) = (Cells::of(&values)?, Cells::of(&default)?);
    let mut result = values.room(places.len())?;
    for place in places {
        match place {
            Some(place) => result.push(&values, place, 1),
            None => result.push(&default, 0, 1),
        }
    }
    one(result.finish(call.dtype(0), x.shape())?)
}
