//! `rms_normalization`: the last axes divided by the root of the mean of their squares.

use super::common::*;
use super::normalization::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "rms_normalization",
    tier: Tier::Composite(decompose),
    doc: "x / sqrt(mean(x²) + epsilon), then times scale, where the mean is taken over the axes from `axis` on. The \
          first stage is computed in `stash_type`, f32 if absent, and rounded to scale's dtype, in which the result is.",
    inputs: &[Input::one("x", DTypes::Float), Input::one("scale", DTypes::Float)],
    attrs: &[AttrSpec::int("axis", -1), EPSILON, STASH_TYPE],
    constraints: &[("C1", "axis is in [-r, r)"), ("C2", "scale broadcasts to x"), ("C3", STASH_FLOAT)],
    example: "rms_normalization(f32[1, 2] [3, -3], f32[2] [2, 1]) {epsilon = 0.0} -> f32[1, 2] [2, -1]",
    infer: |infer| {
        stash_type(infer, "C3")?;
        if let Some(rank) = infer.rank(0) {
            infer.axis("C1", infer.attr.int("axis"), rank)?;
        }
        check_broadcasts(infer, 1, "C2")?;
        Ok(vec![TensorType { dtype: infer.dtype(1)?, shape: infer.tensor(0)?.shape.clone() }.into()])
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let stash = d.attr.dtype("stash_type").unwrap_or(DType::F32);
    let x = d.x(0).cast(stash);
    let axes: Vec<i64> = (x.axis(d.attr.int("axis")) as i64..d.rank(0)? as i64).collect();
    let root = ((x * x).mean(&axes, true) + d.attr.float("epsilon")).sqrt();
    Ok(vec![(x / root).cast(d.dtype(1)) * d.x(1)])
}
