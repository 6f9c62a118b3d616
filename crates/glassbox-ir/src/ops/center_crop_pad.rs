//! `center_crop_pad`: the middle of a tensor, or a tensor in the middle of zeros.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "center_crop_pad",
    tier: Tier::Composite(decompose),
    doc: "x with the extents in `shape` for `axes` (all, if not given): of larger ones the middle is kept, smaller ones \
          get zeros on both sides. Where the difference is odd, one element more is taken from or put at the end.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("shape", INDICES).shapes()],
    attrs: &[AttrSpec::optional("axes", AttrKind::Ints)],
    constraints: &[
        ("C1", "each axis is in [-r, r), and none is given twice"),
        ("C2", "the shape is a vector of extents that are at least 0, one for each axis"),
    ],
    example: "center_crop_pad(i32[2, 3] [1, 2, 3, 4, 5, 6], i64[2] [3, 2]) -> i32[3, 2] [1, 2, 4, 5, 0, 0]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let shape = listed_dims(infer, 1, "C2")?;
        let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
        let axes = axes(infer.attr.ints("axes"), dims.len())?;
        let mut dims = dims.to_vec();
        match shape.dims() {
            Some(extents) if extents.len() != axes.len() => {
                return Err(Violation::new("C2", format!("the shape is {shape} for {} axes", axes.len())));
            }
            Some(extents) => axes.iter().zip(extents).for_each(|(axis, extent)| dims[*axis] = extent.clone()),
            None => axes.iter().for_each(|axis| dims[*axis] = Dim::Unknown),
        }
        Ok(vec![Type::tensor(x.dtype, dims)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The axes, counted from the front, in the order in which they are given.
fn axes(given: Option<&[i64]>, rank: usize) -> Result<Vec<usize>, Violation> {
    let Some(given) = given else { return Ok((0..rank).collect()) };
    normalise_axes("C1", given, rank)?;
    given.iter().map(|axis| normalise_axis("C1", *axis, rank)).collect()
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (sizes, extents) = (d.sizes(0)?, d.ints(1)?);
    let axes = axes(d.attr.ints("axes"), sizes.len()).map_err(|violation| d.invalid("C1", violation.message))?;
    let mut result = d.x(0);
    let mut pads = vec![0; 2 * sizes.len()];
    for (axis, extent) in axes.into_iter().zip(extents) {
        let size = sizes[axis];
        if extent < size {
            let start = (size - extent) / 2;
            result = result.slice(axis as i64, start, start + extent, 1);
        } else {
            let before = (extent - size) / 2;
            pads[axis] = before;
            pads[sizes.len() + axis] = extent - size - before;
        }
    }
    if pads.iter().any(|pad| *pad > 0) {
        result = result.binary(&super::pad::OP, d.f.ints(&pads));
    }
    Ok(vec![result])
}
