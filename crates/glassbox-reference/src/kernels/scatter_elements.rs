//! `scatter_elements`.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{Class, Compute, Overflow, Tensor};

use super::cells::{Cells, Offsets, resolve_one, row_major};
use super::max::maximum;
use super::min::minimum;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let offsets = element_offsets(call.tensor(0)?.shape(), call.tensor(1)?, call.attr.int("axis"))?;
    one(scatter(call, &offsets, 1)?)
}

/// For each index the offset in a tensor of sizes `x` of the element in the same place, but along `axis`,
/// where the index is the place.
pub(super) fn element_offsets(x: &[usize], indices: &Tensor, axis: i64) -> Result<Vec<usize>, KernelError> {
    let axis = normalise_axis("C1", axis, x.len())?;
    let places = indices.shape();
    let beyond = |place: usize| place != axis && places[place] > x[place];
    if places.len() != x.len() || (0..x.len()).any(beyond) {
        return Err(KernelError::invalid("C2", format!("indices of sizes {places:?} into {x:?}")));
    }
    if indices.is_empty() {
        return Ok(Vec::new());
    }
    let mut steps = row_major(x);
    let along = std::mem::replace(&mut steps[axis], 0);
    let values = indices.load::<i64>()?;
    let offset = |(base, index): (usize, &i64)| Ok(base + resolve_one(*index, x[axis], "C3")? * along);
    Offsets::new(places, &steps).zip(values.iter()).map(offset).collect()
}

/// Operand 0 with the runs of operand 2, each of `run` elements, placed at or combined with those at the
/// offsets.
pub(super) fn scatter(call: &Call, offsets: &[usize], run: usize) -> Result<Tensor, KernelError> {
    let (x, updates) = (call.tensor(0)?, call.tensor(2)?);
    let reduction = call.attr.str("reduction");
    if reduction == "none" {
        let (mut result, updates) = (Cells::of(x)?.into_moved(), Cells::of(updates)?);
        for (turn, offset) in offsets.iter().enumerate() {
            result.place(*offset, &updates, turn * run, run);
        }
        return result.finish(x.dtype(), x.shape());
    }
    match x.dtype().class() {
        Class::Float => combine::<f64>(x, updates, offsets, run, match reduction {
            "add" => |a, b| a + b,
            "mul" => |a, b| a * b,
            "max" => maximum,
            _ => minimum,
        }),
        Class::Signed => combine::<i64>(x, updates, offsets, run, match reduction {
            "add" => i64::wrapping_add,
            "mul" => i64::wrapping_mul,
            "max" => i64::max,
            _ => i64::min,
        }),
        Class::Bool => combine::<u64>(x, updates, offsets, run, match reduction {
            "add" | "max" => |a, b| a | b,
            _ => |a, b| a & b,
        }),
        _ => combine::<u64>(x, updates, offsets, run, match reduction {
            "add" => u64::wrapping_add,
            "mul" => u64::wrapping_mul,
            "max" => u64::max,
            _ => u64::min,
        }),
    }
}

fn combine<C: Compute>(
    x: &Tensor,
    updates: &Tensor,
    offsets: &[usize],
    run: usize,
    f: fn(C, C) -> C,
) -> Result<Tensor, KernelError> {
    let (mut values, updates) = (x.load::<C>()?.into_owned(), updates.load::<C>()?);
    for (turn, offset) in offsets.iter().enumerate() {
        let updates = &updates[turn * run..(turn + 1) * run];
        for (value, update) in values[*offset..*offset + run].iter_mut().zip(updates) {
            *value = f(*value, *update);
        }
    }
    Ok(Tensor::store(x.dtype(), x.shape(), values, Overflow::Wrap)?)
}
