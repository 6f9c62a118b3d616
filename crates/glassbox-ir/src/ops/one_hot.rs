//! `one_hot`: for each index a vector that marks it.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "one_hot",
    tier: Tier::Composite(decompose),
    doc: "For each index a vector of `depth` elements along a new axis, which becomes `axis` of the result: the second \
          of `values` in the place that the index says, the first elsewhere. Negative indices count from the back; an \
          index outside [-depth, depth) marks nothing. Floats are truncated to i64 first.",
    inputs: &[
        Input::one("indices", DTypes::Numeric),
        Input::one("depth", DTypes::Numeric).shapes(),
        Input::one("values", DTypes::Any),
    ],
    attrs: &[AttrSpec::int("axis", -1)],
    constraints: &[
        ("C1", "axis is in [-r, r) of the result's rank r"),
        ("C2", "the depth is one number that is at least 0"),
        ("C3", "the values are two: off and on"),
    ],
    example: "one_hot(i64[2] [0, -1], i64[] 3, f32[2] [0, 5]) -> f32[2, 3] [5, 0, 0, 0, 0, 5]",
    infer: |infer| {
        let dtype = infer.dtype(2)?;
        check_one_element(infer, 1, "C2")?;
        let two = |dims: &[Dim]| dims.len() == 1 && dims[0].same(&Dim::Int(2)) != Some(false);
        if infer.dims(2).is_some_and(|dims| !two(dims)) {
            return Err(Violation::new("C3", format!("the values are {}", infer.ty(2)?)));
        }
        let depth = match infer.contents(1) {
            Some(depth) => depth.item::<i64>().map_or(Dim::Unknown, Dim::Int),
            None => single(infer, 1).unwrap_or(Dim::Unknown),
        };
        if depth.as_int().is_some_and(|depth| depth < 0) {
            return Err(Violation::new("C2", format!("the depth is {depth}")));
        }
        let Some(dims) = infer.dims(0) else { return Ok(vec![Type::unranked(dtype)]) };
        let axis = infer.axis("C1", infer.attr.int("axis"), dims.len() + 1)?;
        let mut dims = dims.to_vec();
        dims.insert(axis, depth);
        Ok(vec![Type::tensor(dtype, dims)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let rank = d.rank(0)?;
    let depth = d.contents(1)?.item::<i64>().map_err(|error| d.invalid("C2", error.to_string()))?;
    let axis = normalise_axis("C1", d.attr.int("axis"), rank + 1).map_err(|violation| d.invalid("C1", violation.message))?;
    let given = d.x(0).cast(DType::I64);
    // Beyond i64, unsigned indices become negative, and are outside all the same.
    let from_front = match d.dtype(0).is_unsigned_integer() {
        true => given,
        false => given.less(d.f.int(0)).select(given + d.f.int(depth), given),
    };
    let mut places = vec![Dim::Int(1); rank + 1 - axis];
    places[0] = Dim::Int(depth);
    let marked = from_front.unsqueeze(&[axis as i64]).equal(iota(d, &Dim::Int(depth)).reshape(&places));
    let value = |place: i64| d.x(2).slice(0, place, place + 1, 1).reshape(&[]);
    Ok(vec![marked.select(value(1), value(0))])
}
