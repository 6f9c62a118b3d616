//! `global_max_pool`: the largest element of each channel.

use super::common::*;
use super::global_pool::{GLOBAL_POOL, spatial};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "global_max_pool",
    tier: Tier::Composite(decompose),
    doc: "The largest element over the spatial axes of x [batch, channels, spatial…]; NaN if there is one.",
    example: "global_max_pool(f32[1, 1, 2] [1, 2]) -> f32[1, 1, 1] [2]",
    rounding: Rounding::Exact,
    ..GLOBAL_POOL
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    Ok(vec![d.x(0).reduce(&super::reduce_max::OP, &spatial(d)?, true)])
}
