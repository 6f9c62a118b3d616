//! `gather_elements`: one element along an axis for each index.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gather_elements",
    doc: "For each index the element of x in the same place, but for `axis`, where it is the index that says the place. \
          Negative indices count from the back.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("indices", INDICES)],
    attrs: &[AttrSpec::int("axis", 0)],
    constraints: &[
        ("C1", "axis is in [-r, r), r at least 1"),
        ("C2", "the indices have the rank of x, and no extent, but for that of the axis, is larger"),
        ("C3", "each index is in [-s, s) of the extent s of the axis"),
    ],
    example: "gather_elements(i32[2, 2] [1, 2, 3, 4], i64[1, 2] [1, 0]) -> i32[1, 2] [3, 2]",
    infer: |infer| {
        let dtype = infer.dtype(0)?;
        check_places(infer, 1)?;
        let shape = match infer.rank(0) {
            Some(rank) if infer.rank(1).is_none() => Shape::of_rank(rank),
            _ => infer.tensor(1)?.shape.clone(),
        };
        one(dtype, shape)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The axis is in range (C1), and the operand in place `index` has a place in x for each of its
/// elements (C2).
pub(super) fn check_places(infer: &Infer, index: usize) -> Result<(), Violation> {
    let Some(rank) = infer.rank(0).or(infer.rank(index)) else { return Ok(()) };
    let axis = infer.axis("C1", infer.attr.int("axis"), rank)?;
    let (Some(x), Some(places)) = (infer.dims(0), infer.dims(index)) else { return Ok(()) };
    let outside = |(place, (dim, extent)): (usize, (&Dim, &Dim))| {
        place != axis && (dim - extent).as_int().is_some_and(|more| more > 0)
    };
    if x.len() != places.len() || places.iter().zip(x).enumerate().any(outside) {
        let message = format!("x is {}, {} is {}", infer.ty(0)?, infer.name_of(index), infer.ty(index)?);
        return Err(Violation::new("C2", message));
    }
    Ok(())
}
