//! `reduce_log_sum_exp`: the logarithm of the sum of exponentials over axes.

use super::common::*;
use super::reduction::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reduce_log_sum_exp",
    tier: Tier::Composite(decompose),
    doc: "max + ln(sum(exp(x - max))) over `axes`, without overflow. Floats narrower than f32 are computed in f32, integers in f64, and cast back once. Of nothing it is -inf.",
    example: "reduce_log_sum_exp(f32[2, 1] [5, -inf]) -> f32[1, 1] [5]",
    ..REDUCTION
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = real(d.x(0));
    let axes = axes(d)?;
    // An infinite maximum is no shift: the exponentials are 0 and infinity as they are.
    let largest = x.reduce(&super::reduce_max::OP, &axes, true);
    let finite = largest.abs().less(largest.scalar_like(f64::INFINITY));
    let shift = finite.select(largest, largest.scalar_like(0.0));
    let result = (x - shift).exp().sum(&axes, true).log() + shift;
    let result = if d.attr.bool("keepdims") || axes.is_empty() { result } else { result.squeeze(&axes) };
    Ok(vec![result.cast(d.dtype(0))])
}
