//! `reduce_sum_square`: the sum of squares over axes.

use super::common::*;
use super::reduction::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_sum_square",
    tier: Tier::Composite(decompose),
    doc: "The sum of the squares over `axes`. Floats narrower than f32 are computed in f32 and rounded once; integers wrap. Of nothing it is 0.",
    example: "reduce_sum_square(f32[2, 2] [1, 2, 3, 4], i64[1] [1]) {keepdims = false} -> f32[2] [5, 25]",
    ..REDUCTION
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = d.x(0).widened();
    Ok(vec![sum(d, x * x)?.cast(d.dtype(0))])
}
