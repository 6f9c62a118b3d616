//! `log_softmax`: the logarithm of softmax.

use super::common::*;
use super::softmax;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "log_softmax",
    tier: Tier::Composite(decompose),
    doc: "x - max - ln(sum(exp(x - max))) along `axis`. Floats narrower than f32 are computed in f32 and rounded once. \
          A NaN along the axis makes all of it NaN.",
    attrs: &[AttrSpec::int("axis", -1)],
    constraints: &[("C1", "axis is in [-r, r)")],
    example: "log_softmax(f32[2, 1] [5, 7]) -> f32[2, 1] [0, 0]",
    infer: softmax::infer,
    ..UNARY_FLOAT
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let axis = [d.attr.int("axis")];
    let x = d.x(0).widened();
    let shifted = x - x.reduce(&super::reduce_max::OP, &axis, true);
    Ok(vec![(shifted - shifted.exp().sum(&axis, true).log()).cast(d.dtype(0))])
}
