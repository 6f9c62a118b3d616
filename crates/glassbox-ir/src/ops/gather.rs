//! `gather`: the slices along an axis that indices name.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gather",
    doc: "The slices of x along `axis` that `indices` name; the axes of the indices stand in the place of that axis. \
          Negative indices count from the back.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("indices", INDICES)],
    attrs: &[AttrSpec::int("axis", 0)],
    constraints: &[
        ("C1", "axis is in [-r, r), r at least 1"),
        ("C2", "each index is in [-s, s) of the extent s of the axis"),
    ],
    example: "gather(f32[2, 2] [1, 2, 3, 4], i64[2] [1, -1]) {axis = 1} -> f32[2, 2] [2, 2, 4, 4]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
        let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
        let Some(indices) = infer.dims(1) else { return Ok(vec![Type::unranked(x.dtype)]) };
        Ok(vec![Type::tensor(x.dtype, dims[..axis].iter().chain(indices).chain(&dims[axis + 1..]).cloned())])
    },
    known: Some(|infer, types| vec![picked(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The integers that are picked from a vector.
fn picked(infer: &Infer, types: &[Type]) -> Option<Known> {
    if infer.rank(0) != Some(1) {
        return None;
    }
    let (values, indices) = (infer.ints(0)?, infer.static_ints(1)?);
    let pick = |index: i64| values.get(normalise_axis("C2", index, values.len()).ok()?).cloned();
    known_as(&types[0], indices.into_iter().map(pick).collect::<Option<_>>()?)
}
