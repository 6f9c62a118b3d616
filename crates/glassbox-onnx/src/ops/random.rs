//! The ops of random numbers.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Bernoulli", 15, direct(&ops::bernoulli::OP)),
    row("Multinomial", 7, direct(&ops::multinomial::OP)),
    row("RandomNormal", 1, direct(&ops::random_normal::OP)),
    row("RandomNormalLike", 1, direct(&ops::random_normal_like::OP)),
    row("RandomUniform", 1, direct(&ops::random_uniform::OP)),
    row("RandomUniformLike", 1, direct(&ops::random_uniform_like::OP)),
];
