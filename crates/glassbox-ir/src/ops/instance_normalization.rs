//! `instance_normalization`: each channel of each instance brought to mean 0 and variance 1.

use super::common::*;
use super::normalization::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "instance_normalization",
    tier: Tier::Composite(decompose),
    doc: "scale * (x - mean) / sqrt(variance + epsilon) + b, where the mean and the (population) variance are those of \
          each channel of each instance of x [batch, channels, spatial…]. Floats narrower than f32 are computed in f32 \
          and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("scale", DTypes::Float).same('T'),
        Input::one("b", DTypes::Float).same('T'),
    ],
    attrs: &[EPSILON],
    constraints: &[
        ("C1", "x has a batch, a channel and at least one spatial axis"),
        ("C2", "scale and b are vectors with an element for each channel of x"),
    ],
    example: "instance_normalization(f32[1, 1, 2] [3, 5], f32[1] [2], f32[1] [1]) {epsilon = 0.0} \
              -> f32[1, 1, 2] [-1, 3]",
    infer: |infer| {
        check_rank(infer, 3, "C1")?;
        check_channels(infer, &[1, 2], "C2")?;
        same_as_first(infer)
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let rank = d.rank(0)?;
    let axes: Vec<i64> = (2..rank as i64).collect();
    let (_, distances, variance) = moments(d.x(0).widened(), &axes);
    let normalised = distances / (variance + d.attr.float("epsilon")).sqrt();
    let channel = |index: usize| per_channel(d.x(index).widened(), rank);
    Ok(vec![(channel(1) * normalised + channel(2)).cast(d.dtype(0))])
}
