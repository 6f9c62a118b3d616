//! `reduce_l2`: the root of the sum of squares over axes.

use super::common::*;
use super::reduction::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_l2",
    tier: Tier::Composite(decompose),
    doc: "The square root of the sum of the squares over `axes`. Floats narrower than f32 are computed in f32, integers in f64, and cast back once. Of nothing it is 0.",
    example: "reduce_l2(f32[2, 2] [3, 4, 6, 8], i64[1] [1]) {keepdims = false} -> f32[2] [5, 10]",
    ..REDUCTION
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = real(d.x(0));
    Ok(vec![sum(d, x * x)?.sqrt().cast(d.dtype(0))])
}
