//! `random_uniform`: numbers drawn from a range.

use super::common::*;
use super::random::{DRAW, DTYPE, SEED, SHAPED, infer_shaped};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "random_uniform",
    doc: "Numbers drawn uniformly from [low, high), computed in f64 and rounded to `dtype` (which may round up to high). \
          With a `seed` the same numbers every time; without, others at each use, that follow from the seed of the run, \
          `draw` and the turns of the loops around it. Element i depends on the seed and i alone.",
    attrs: &[
        AttrSpec::required("shape", AttrKind::Ints),
        DTYPE,
        AttrSpec::float("low", 0.0),
        AttrSpec::float("high", 1.0),
        SEED,
        DRAW,
    ],
    constraints: SHAPED,
    effects: Effects::DRAWS,
    example: "random_uniform() {shape = [2], low = 3.0, high = 3.0} -> f32[2] [3, 3]",
    infer: infer_shaped,
    ..OpDef::BASE
};
