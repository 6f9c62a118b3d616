//! `tile`: a tensor several times along its axes.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tile",
    tier: Tier::Composite(decompose),
    doc: "x repeated as a whole along each axis, as often as `repeats` says for it.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("repeats", SIZES).shapes()],
    constraints: &[("C1", "repeats is a vector of numbers that are at least 0, one for each axis of x")],
    example: "tile(i32[2] [1, 2], i64[1] [2]) -> i32[4] [1, 2, 1, 2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let repeats = listed_dims(infer, 1, "C1")?;
        let shape = match (x.dims(), repeats.dims()) {
            (Some(dims), Some(repeats)) if dims.len() == repeats.len() => {
                Shape::Ranked(dims.iter().zip(repeats).map(|(dim, repeat)| dim * repeat).collect())
            }
            (Some(_), Some(_)) => {
                return Err(Violation::new("C1", format!("{x} and {} are given", infer.ty(1)?)));
            }
            (Some(dims), None) => Shape::of_rank(dims.len()),
            (None, Some(repeats)) => Shape::of_rank(repeats.len()),
            (None, None) => Shape::Unranked,
        };
        one(x.dtype, shape)
    },
    known: Some(|infer, types| vec![repeated(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn repeated(infer: &Infer, types: &[Type]) -> Option<Known> {
    let (values, count) = (infer.ints(0)?, few_elements(&types[0])?);
    known_as(&types[0], values.into_iter().cycle().take(count).collect())
}

/// An axis of extent one before each axis is repeated, and then joined with it.
fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = d.x(0);
    let (dims, repeats) = (d.dims(0)?, d.ints(1)?);
    if repeats.iter().all(|repeat| *repeat == 1) {
        return Ok(vec![x]);
    }
    let (mut apart, mut repeated, mut joined) = (Vec::new(), Vec::new(), Vec::new());
    for (dim, repeat) in dims.iter().zip(&repeats) {
        apart.extend([Dim::Int(1), dim.clone()]);
        repeated.extend([Dim::Int(*repeat), dim.clone()]);
        joined.push(dim * &Dim::Int(*repeat));
    }
    let repeated = x.reshape(&apart).expand(&repeated);
    Ok(vec![repeated.reshape(&joined)])
}
