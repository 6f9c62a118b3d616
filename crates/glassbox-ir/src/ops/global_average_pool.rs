//! `global_average_pool`: the mean of each channel.

use super::common::*;
use super::global_pool::{GLOBAL_POOL, spatial};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "global_average_pool",
    tier: Tier::Composite(decompose),
    doc: "The mean over the spatial axes of x [batch, channels, spatial…]. Summed in f64 and rounded once.",
    example: "global_average_pool(f32[1, 1, 2] [1, 2]) -> f32[1, 1, 1] [1.5]",
    ..GLOBAL_POOL
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    Ok(vec![d.x(0).mean(&spatial(d)?, true)])
}
