//! `global_lp_pool`: the norm of each channel.

use super::common::*;
use super::global_pool::{GLOBAL_POOL, infer, spatial};
use super::lp_pool::{check_order, power, root};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "global_lp_pool",
    tier: Tier::Composite(decompose),
    doc: "The `p`-norm (Σ|x|^p)^(1/p) over the spatial axes of x [batch, channels, spatial…]. Floats narrower than f32 \
          are computed in f32 and rounded once.",
    attrs: &[AttrSpec::int("p", 2)],
    constraints: &[("C1", "x has a batch axis and a channel axis"), ("C2", "p is at least 1")],
    example: "global_lp_pool(f32[1, 1, 2] [3, -4]) -> f32[1, 1, 1] [5]",
    infer: |context| {
        check_order(context, "C2")?;
        infer(context)
    },
    ..GLOBAL_POOL
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let p = d.attr.int("p");
    let sum = power(d.x(0).widened(), p).sum(&spatial(d)?, true);
    Ok(vec![root(sum, p).cast(d.dtype(0))])
}
