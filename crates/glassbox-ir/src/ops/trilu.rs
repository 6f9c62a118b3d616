//! `trilu`: the triangle above or below a diagonal.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "trilu",
    tier: Tier::Composite(decompose),
    doc: "The matrices in the last two axes of x with 0 below (or without `upper`, above) the diagonal on which the \
          column is the row plus `k`, which is 0 if left out.",
    inputs: &[Input::one("x", DTypes::NumericOrBool), Input::one("k", SIZES).optional()],
    attrs: &[AttrSpec::bool("upper", true)],
    constraints: &[("C1", "x has a rank of at least 2"), ("C2", "k is one number")],
    example: "trilu(i32[2, 2] [1, 2, 3, 4]) -> i32[2, 2] [1, 2, 0, 4]",
    infer: |infer| {
        if infer.rank(0).is_some_and(|rank| rank < 2) {
            return Err(Violation::new("C1", format!("x is {}", infer.ty(0)?)));
        }
        check_one_element(infer, 1, "C2")?;
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, dims) = (d.x(0), d.dims(0)?);
    let (rows, columns) = (&dims[dims.len() - 2], &dims[dims.len() - 1]);
    let k = d.opt(1).map_or(d.f.int(0), |k| k.reshape(&[]));
    let ahead = iota(d, columns).unsqueeze(&[0]) - iota(d, rows).unsqueeze(&[1]);
    let kept = if d.attr.bool("upper") { k.less(ahead) } else { ahead.less(k) };
    let diagonal = ahead.equal(k);
    Ok(vec![kept.binary(&super::or::OP, diagonal).select(x, x.scalar_like(0.0))])
}
