//! `lp_normalization`: vectors divided by their norm.

use super::common::*;
use super::lp_pool::{power, root};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "lp_normalization",
    tier: Tier::Composite(decompose),
    doc: "x divided by its `p`-norm, 1 or 2, along `axis`; 0 where the norm is 0. Floats narrower than f32 are computed \
          in f32 and rounded once.",
    attrs: &[AttrSpec::int("axis", -1), AttrSpec::int("p", 2)],
    constraints: &[("C1", "axis is in [-r, r)"), ("C2", "p is 1 or 2")],
    example: "lp_normalization(f32[2] [3, -4]) {p = 1} -> f32[2] [0.42857143, -0.5714286]",
    infer: |infer| {
        let p = infer.attr.int("p");
        if !(1..=2).contains(&p) {
            return Err(Violation::new("C2", format!("p is {p}")));
        }
        super::softmax::infer(infer)
    },
    ..UNARY_FLOAT
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, p) = (d.x(0).widened(), d.attr.int("p"));
    let norm = root(power(x, p).sum(&[d.attr.int("axis")], true), p);
    let zero = x.scalar_like(0.0);
    Ok(vec![norm.equal(zero).select(zero, x / norm).cast(d.dtype(0))])
}
