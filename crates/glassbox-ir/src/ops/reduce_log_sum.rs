//! `reduce_log_sum`: the logarithm of the sum over axes.

use super::common::*;
use super::reduction::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_log_sum",
    tier: Tier::Composite(decompose),
    doc: "The natural logarithm of the sum over `axes`. Floats narrower than f32 are computed in f32, integers in f64, and cast back once. Of nothing it is -inf.",
    example: "reduce_log_sum(f32[2] [0.5, 0.5]) {keepdims = false} -> f32[] 0",
    ..REDUCTION
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    Ok(vec![sum(d, real(d.x(0)))?.log().cast(d.dtype(0))])
}
