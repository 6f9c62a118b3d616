//! `random_normal`: numbers drawn from a normal distribution.

use super::common::*;
use super::random::{DRAW, DTYPE, SEED, SHAPED, infer_shaped};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "random_normal",
    doc: "Numbers drawn from the normal distribution with this mean and standard deviation `scale`, computed in f64 and \
          rounded to `dtype`. With a `seed` the same numbers every time; without, others at each use, that follow from \
          the seed of the run, `draw` and the turns of the loops around it. Element i depends on the seed and i alone.",
    attrs: &[
        AttrSpec::required("shape", AttrKind::Ints),
        DTYPE,
        AttrSpec::float("mean", 0.0),
        AttrSpec::float("scale", 1.0),
        SEED,
        DRAW,
    ],
    constraints: SHAPED,
    effects: Effects::DRAWS,
    example: "random_normal() {shape = [2], mean = 3.0, scale = 0.0} -> f32[2] [3, 3]",
    infer: infer_shaped,
    ..OpDef::BASE
};
