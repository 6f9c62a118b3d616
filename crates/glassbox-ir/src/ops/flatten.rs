//! `flatten`: a matrix of all elements.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "flatten",
    tier: Tier::Composite(decompose),
    doc: "The elements of x as a matrix: the axes before `axis` are its rows, the others its columns.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[AttrSpec::int("axis", 1)],
    constraints: &[("C1", "axis is in [-r, r]")],
    example: "flatten(i32[1, 2, 1] [1, 2]) {axis = 2} -> i32[2, 1] [1, 2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let Some(dims) = x.dims() else { return one(x.dtype, Shape::of_rank(2)) };
        let axis = infer.attr.int("axis");
        // One place more than there are axes, counted from the back as there are axes.
        let place = if axis == dims.len() as i64 { Ok(dims.len()) } else { infer.axis("C1", axis, dims.len()) }?;
        Ok(vec![Type::tensor(x.dtype, [product(&dims[..place]), product(&dims[place..])])])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let dims = d.dims(0)?;
    let axis = d.attr.int("axis");
    let place = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
    Ok(vec![d.x(0).reshape(&[product(&dims[..place]), product(&dims[place..])])])
}
