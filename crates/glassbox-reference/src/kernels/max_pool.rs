//! `max_pool`.

use glassbox_tensor::{BUILD_CHUNK, Class, Compute, DType, Overflow, Tensor, parallel_chunks};

use super::average_pool::windows;
use super::elementwise::unravel;
use super::reduce_max::least;
use super::windows::visit;
use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    match (call.dtype(0).class(), call.dtype(0)) {
        (Class::Float, DType::F64) => pool(call, f64::NEG_INFINITY, |new, old| new > old || new.is_nan() && !old.is_nan()),
        // Every other float is exact in f32.
        (Class::Float, _) => pool(call, f32::NEG_INFINITY, |new, old| new > old || new.is_nan() && !old.is_nan()),
        (Class::Unsigned, _) => pool(call, 0u64, |new, old| new > old),
        (_, dtype) => pool(call, least(dtype), |new, old| new > old),
    }
}

/// Where no element is.
const NONE: usize = usize::MAX;

fn pool<C: Compute>(call: &Call, nothing: C, larger: impl Fn(C, C) -> bool + Sync) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let (axes, plane) = windows(call)?;
    let elements = x.load::<C>()?;
    let count: usize = sizes.iter().product();
    let largest = |index: usize| {
        let place = unravel(index, &sizes);
        let first = (place[0] * sizes[1] + place[1]) * plane;
        let mut best = NONE;
        visit(&axes, &place[2..], &mut |offset| {
            if best == NONE || larger(elements[first + offset], elements[best]) {
                best = first + offset;
            }
        });
        best
    };
    let mut places = vec![NONE; count];
    parallel_chunks(&mut places, BUILD_CHUNK, &|chunk, places| {
        let first = chunk * BUILD_CHUNK;
        places.iter_mut().enumerate().for_each(|(index, place)| *place = largest(first + index));
    });
    let y = Tensor::build(call.dtype(0), &sizes, Overflow::Saturate, |start, out: &mut [C]| {
        let places = &places[start..start + out.len()];
        out.iter_mut().zip(places).for_each(|(out, place)| *out = elements.get(*place).copied().unwrap_or(nothing));
    })?;
    let mut results = vec![y.into()];
    if call.types.len() > 1 {
        let column_major = call.attr.int("storage_order") == 1;
        let shape = x.shape();
        let number = |place: &usize| match place {
            &NONE => -1,
            place if column_major => column_major_index(*place, shape) as i64,
            place => *place as i64,
        };
        results.push(Tensor::from_vec(&sizes, places.iter().map(number).collect())?.into());
    }
    Ok(results)
}

/// The index of an element where the first spatial axis counts fastest; batch and channels as ever.
fn column_major_index(index: usize, shape: &[usize]) -> usize {
    let spatial = &shape[2..];
    let plane: usize = spatial.iter().product();
    let place = unravel(index % plane, spatial);
    let within = place.iter().zip(spatial).rev().fold(0, |index, (at, size)| index * size + at);
    index / plane * plane + within
}
