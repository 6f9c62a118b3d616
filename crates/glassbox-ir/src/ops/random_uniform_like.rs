//! `random_uniform_like`: numbers drawn from a range, as many as another tensor has.

use super::common::*;
use super::random::{DRAW, DTYPE, LIKE, SEED, draw_like, infer_like};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "random_uniform_like",
    tier: Tier::Composite(|d| {
        let dtype = d.attr.dtype("dtype").unwrap_or(d.dtype(0));
        draw_like(d, &super::random_uniform::OP, dtype, &["low", "high", "seed"])
    }),
    doc: "A draw of random_uniform with the shape of x, and its dtype unless `dtype` says another.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[DTYPE, AttrSpec::float("low", 0.0), AttrSpec::float("high", 1.0), SEED, DRAW],
    constraints: LIKE,
    effects: Effects::DRAWS,
    example: "random_uniform_like(f32[2] [1, 2]) {low = 3.0, high = 3.0} -> f32[2] [3, 3]",
    infer: infer_like,
    ..OpDef::BASE
};
