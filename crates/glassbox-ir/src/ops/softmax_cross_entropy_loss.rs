//! `softmax_cross_entropy_loss`: how unlikely scores make the right classes.

use super::common::*;
use super::loss::{self, ATTRS, CONSTRAINTS, TARGETS};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "softmax_cross_entropy_loss",
    tier: Tier::Composite(decompose),
    doc: "negative_log_likelihood_loss of the logarithms of the softmax of the scores over the classes, axis 1; these are \
          a second result. Floats narrower than f32 are computed in f32 and rounded once.",
    inputs: &[
        Input::one("scores", DTypes::Float).same('T'),
        Input::one("labels", TARGETS),
        Input::one("weights", DTypes::Float).same('T').optional(),
    ],
    outputs: &[Output::one("output"), Output::one("log_prob")],
    attrs: ATTRS,
    constraints: CONSTRAINTS,
    example: "softmax_cross_entropy_loss(f32[1, 2] [0, 0], i64[1] [1]) -> f32[] 0.6931472, \
              f32[1, 2] [-0.6931472, -0.6931472]",
    infer: |infer| Ok([loss::infer(infer)?, infer.ty(0)?.clone()].into_iter().take(infer.outputs).collect()),
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = d.x(0).widened();
    let centred = x - x.reduce(&super::reduce_max::OP, &[1], true);
    let log_prob = centred - centred.exp().sum(&[1], true).log();
    let mut results = loss::of_targets(d, log_prob)?;
    results.push(log_prob.cast(d.dtype(0)));
    Ok(results.into_iter().take(d.outputs).collect())
}
