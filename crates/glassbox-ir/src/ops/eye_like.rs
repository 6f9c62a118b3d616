//! `eye_like`: ones on a diagonal.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "eye_like",
    tier: Tier::Composite(decompose),
    doc: "A matrix of the dims of x with 1 where the column is the row plus `k`, and 0 elsewhere; its dtype is `dtype`, \
          or else that of x.",
    inputs: &[Input::one("x", DTypes::NumericOrBool)],
    attrs: &[AttrSpec::int("k", 0), AttrSpec::optional("dtype", AttrKind::DType)],
    constraints: &[("C1", "x is a matrix"), ("C2", "dtype is a number or bool")],
    example: "eye_like(f32[2, 2] [5, 5, 5, 5]) {k = 1, dtype = i32} -> i32[2, 2] [0, 1, 0, 0]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        if x.rank().is_some_and(|rank| rank != 2) {
            return Err(Violation::new("C1", format!("x is {x}")));
        }
        let dtype = infer.attr.dtype("dtype").unwrap_or(x.dtype);
        if !DTypes::NumericOrBool.contains(dtype) {
            return Err(Violation::new("C2", format!("dtype is {dtype}")));
        }
        one(dtype, x.dims().map_or(Shape::of_rank(2), |dims| Shape::Ranked(dims.to_vec())))
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let dims = d.dims(0)?;
    let (rows, columns) = (iota(d, &dims[0]).unsqueeze(&[1]), iota(d, &dims[1]).unsqueeze(&[0]));
    let diagonal = (columns - rows).equal(d.f.int(d.attr.int("k")));
    Ok(vec![diagonal.cast(d.attr.dtype("dtype").unwrap_or(d.dtype(0)))])
}
