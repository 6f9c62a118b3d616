//! `hardmax`: one for the first largest number along an axis, zero for the others.

use super::common::*;
use super::{cum_sum, or, softmax};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "hardmax",
    tier: Tier::Composite(decompose),
    doc: "1 where x is the first of the largest along `axis`, 0 elsewhere. NaN counts as larger than any number.",
    inputs: NUMERIC,
    attrs: &[AttrSpec::int("axis", -1)],
    constraints: &[("C1", "axis is in [-r, r)")],
    example: "hardmax(f32[1, 3] [1, 3, 3]) -> f32[1, 3] [0, 1, 0]",
    infer: softmax::infer,
    rounding: Rounding::Exact,
    ..UNARY_FLOAT
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, axis) = (d.x(0), d.attr.int("axis"));
    let largest = x.equal(x.reduce(&super::reduce_max::OP, &[axis], true));
    let largest = if x.dtype().is_float() { largest.binary(&or::OP, !x.equal(x)) } else { largest };
    // The first of them is the one up to which one is counted.
    let counted = largest.cast(DType::I64).binary(&cum_sum::OP, d.f.int(axis));
    Ok(vec![largest.and(counted.equal(d.f.int(1))).cast(d.dtype(0))])
}
