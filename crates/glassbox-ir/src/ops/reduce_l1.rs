//! `reduce_l1`: the sum of absolute values over axes.

use super::common::*;
use super::reduction::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_l1",
    tier: Tier::Composite(decompose),
    doc: "The sum of the absolute values over `axes`. Floats narrower than f32 are computed in f32 and rounded once; integers wrap. Of nothing it is 0.",
    example: "reduce_l1(f32[2, 2] [1, -2, 3, -4], i64[1] [1]) {keepdims = false} -> f32[2] [3, 7]",
    ..REDUCTION
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    Ok(vec![sum(d, d.x(0).widened().abs())?.cast(d.dtype(0))])
}
