//! `tensor_scatter`: new steps written into a cache.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tensor_scatter",
    tier: Tier::Composite(decompose),
    doc: "The cache with the steps of the update along `axis`, for each element of the batch (axis 0) from the step on \
          that `write_indices` says; from 0 if left out. With mode `circular` what is beyond the cache's end begins at \
          its front again.",
    inputs: &[
        Input::one("past_cache", DTypes::Any).same('T'),
        Input::one("update", DTypes::Any).same('T'),
        Input::one("write_indices", SIZES).optional(),
    ],
    attrs: &[AttrSpec::int("axis", -2), AttrSpec::one_of("mode", &["linear", "circular"], "linear")],
    constraints: &[
        ("C1", "axis is in [-r, r), and isn't the batch axis 0"),
        ("C2", "cache and update have the same dims, but for the axis, where the update isn't larger"),
        ("C3", "write_indices is a vector with one number for each element of the batch"),
        ("C4", "with mode linear, all steps are within the cache"),
    ],
    example: "tensor_scatter(i32[1, 3, 1] [1, 2, 3], i32[1, 2, 1] [8, 9], i64[1] [1]) -> i32[1, 3, 1] [1, 8, 9]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let (Some(cache), Some(update)) = (infer.dims(0), infer.dims(1)) else { return same_as_first(infer) };
    let axis = infer.axis("C1", infer.attr.int("axis"), cache.len())?;
    if axis == 0 {
        return Err(Violation::new("C1", "the axis is that of the batch"));
    }
    let fits = |(place, (cache, update)): (usize, (&Dim, &Dim))| match (cache - update).as_int() {
        Some(left) => left == 0 || place == axis && left > 0,
        None => true,
    };
    if cache.len() != update.len() || !cache.iter().zip(update).enumerate().all(fits) {
        return Err(Violation::new("C2", format!("the cache is {}, the update {}", infer.ty(0)?, infer.ty(1)?)));
    }
    if let Some(indices) = infer.dims(2)
        && (indices.len() != 1 || indices[0].same(&cache[0]) == Some(false))
    {
        return Err(Violation::new("C3", format!("write_indices is {}, the cache {}", infer.ty(2)?, infer.ty(0)?)));
    }
    same_as_first(infer)
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (cache, update) = (d.dims(0)?, d.dims(1)?);
    let axis = d.x(0).axis(d.attr.int("axis"));
    // The places along the axis, with the axes of the update and extents of one but for batch and steps.
    let along = |place: usize| {
        let mut dims = vec![Dim::Int(1); update.len()];
        dims[place] = update[place].clone();
        dims
    };
    let mut places = iota(d, &update[axis]).reshape(&along(axis));
    if let Some(first) = d.opt(2) {
        places = places + first.reshape(&along(0));
    }
    if d.attr.str("mode") == "circular" {
        let extent = d.f.extent(&cache[axis].maximum(&Dim::Int(1)));
        places = places - places / extent * extent;
    }
    let places = places.expand(&update);
    let operands = [d.x(0), places, d.x(1)];
    Ok(vec![d.f.op(&super::scatter_elements::OP, &operands, crate::attrs! { axis: axis as i64 })])
}
