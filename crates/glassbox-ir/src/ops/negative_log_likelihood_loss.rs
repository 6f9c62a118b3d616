//! `negative_log_likelihood_loss`: how unlikely the right classes were said to be.

use super::common::*;
use super::loss::{self, ATTRS, CONSTRAINTS, TARGETS};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "negative_log_likelihood_loss",
    tier: Tier::Composite(|d| loss::of_targets(d, d.x(0).widened())),
    doc: "For each target c in [batch, ...] the loss -x[batch, c, ...] weight[c] (1, if no weights are given), 0 where c \
          is `ignore_index`. `reduction` none gives all, sum their sum, mean the sum over the sum of the weights, those of \
          ignored targets being 0 (so NaN where all are). Floats narrower than f32 are computed in f32 and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("target", TARGETS),
        Input::one("weight", DTypes::Float).same('T').optional(),
    ],
    attrs: ATTRS,
    constraints: CONSTRAINTS,
    example: "negative_log_likelihood_loss(f32[2, 2] [-1, -2, -3, -5], i64[2] [0, 1]) -> f32[] 3",
    infer: |infer| Ok(vec![loss::infer(infer)?]),
    ..OpDef::BASE
};
