//! `softmax`: exponentials that sum to one along an axis.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "softmax",
    tier: Tier::Composite(decompose),
    doc: "exp(x - max) / sum(exp(x - max)) along `axis`. Floats narrower than f32 are computed in f32 and rounded \
          once. A NaN along the axis makes all of it NaN.",
    attrs: &[AttrSpec::int("axis", -1)],
    constraints: &[("C1", "axis is in [-r, r)")],
    example: "softmax(f32[1, 2] [0, 0]) -> f32[1, 2] [0.5, 0.5]",
    infer,
    ..UNARY_FLOAT
};

/// The axis is in range; the result is like the operand.
pub(super) fn infer(infer: &Infer) -> Types {
    if let Some(rank) = infer.rank(0) {
        infer.axis("C1", infer.attr.int("axis"), rank)?;
    }
    same_as_first(infer)
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let axis = [d.attr.int("axis")];
    let x = d.x(0).widened();
    let powers = (x - x.reduce(&super::reduce_max::OP, &axis, true)).exp();
    Ok(vec![(powers / powers.sum(&axis, true)).cast(d.dtype(0))])
}
