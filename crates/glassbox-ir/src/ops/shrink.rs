//! `shrink`: numbers near zero become zero.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "shrink",
    tier: Tier::Composite(decompose),
    doc: "x + bias below -lambd, x - bias above lambd, 0 between (of NaN too), elementwise. Floats narrower than f32 \
          are computed in f32 and rounded once; for integers `bias` is truncated toward zero first, and sums wrap.",
    inputs: NUMERIC,
    attrs: &[AttrSpec::float("bias", 0.0), AttrSpec::float("lambd", 0.5)],
    constraints: &[("C1", "for unsigned integers neither bias nor lambd is negative")],
    example: "shrink(f32[3] [-1, 0.25, 1]) {bias = 0.5} -> f32[3] [-0.5, 0, 0.5]",
    infer: |infer| {
        let (bias, lambd) = (infer.attr.float("bias"), infer.attr.float("lambd"));
        if infer.dtype(0)?.is_unsigned_integer() && (bias < 0.0 || lambd < 0.0) {
            return Err(Violation::new("C1", format!("bias is {bias} and lambd {lambd} for {}", infer.tensor(0)?)));
        }
        same_as_first(infer)
    },
    rounding: Rounding::Function,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let x = d.x(0).widened();
    let lambd = d.attr.float("lambd");
    // An integer lies beyond a number where it lies beyond the next integer toward it.
    let (least, most) = if x.dtype().is_integer() { ((-lambd).ceil(), lambd.floor()) } else { (-lambd, lambd) };
    let [bias, least, most, zero] = [d.attr.float("bias"), least, most, 0.0].map(|value| x.scalar_like(value));
    let above = x.greater(most).select(x - bias, zero);
    Ok(vec![x.less(least).select(x + bias, above).cast(d.dtype(0))])
}
