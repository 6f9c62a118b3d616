//! The ops of attention.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Attention", 23, direct(&ops::attention::OP)),
    row("LinearAttention", 27, direct(&ops::linear_attention::OP)),
    row("RotaryEmbedding", 23, direct(&ops::rotary_embedding::OP)),
];
