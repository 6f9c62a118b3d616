//! `shrink`: numbers near zero become zero.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "shrink",
    tier: Tier::Composite(decompose),
    doc: "x + bias below -lambd, x - bias above lambd, 0 between (of NaN too), elementwise. Floats narrower than f32 \
          are computed in f32 and rounded once; for integers `bias` and `lambd` are truncated toward zero first, and \
          all wraps.",
    inputs: NUMERIC,
    attrs: &[AttrSpec::float("bias", 0.0), AttrSpec::float("lambd", 0.5)],
    example: "shrink(f32[3] [-1, 0.25, 1]) {bias = 0.5} -> f32[3] [-0.5, 0, 0.5]",
    ..UNARY_FLOAT
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = d.x(0).widened();
    let [bias, lambd, zero] = [d.attr.float("bias"), d.attr.float("lambd"), 0.0].map(|value| x.scalar_like(value));
    let above = x.greater(lambd).select(x - bias, zero);
    Ok(vec![x.less(-lambd).select(x + bias, above).cast(d.dtype(0))])
}
