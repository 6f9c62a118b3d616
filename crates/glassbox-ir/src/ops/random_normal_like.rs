//! `random_normal_like`: numbers drawn from a normal distribution, as many as another tensor has.

use super::common::*;
use super::random::{DRAW, DTYPE, LIKE, SEED, draw_like, infer_like};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "random_normal_like",
    tier: Tier::Composite(|d| {
        let dtype = d.attr.dtype("dtype").unwrap_or(d.dtype(0));
        draw_like(d, &super::random_normal::OP, dtype, &["mean", "scale", "seed"])
    }),
    doc: "A draw of random_normal with the shape of x, and its dtype unless `dtype` says another.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[DTYPE, AttrSpec::float("mean", 0.0), AttrSpec::float("scale", 1.0), SEED, DRAW],
    constraints: LIKE,
    effects: Effects::DRAWS,
    example: "random_normal_like(f32[2] [1, 2]) {mean = 3.0, scale = 0.0} -> f32[2] [3, 3]",
    infer: infer_like,
    ..OpDef::BASE
};
