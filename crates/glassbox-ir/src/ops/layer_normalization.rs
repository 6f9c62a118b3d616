//! `layer_normalization`: the last axes brought to mean 0 and variance 1.

use super::common::*;
use super::normalization::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "layer_normalization",
    tier: Tier::Composite(decompose),
    doc: "(x - mean) / sqrt(variance + epsilon), then times scale, plus b, where the mean and the (population) variance \
          are taken over the axes from `axis` on. The first stage is computed in `stash_type`, f32 if absent, and rounded \
          to x's dtype; the second in x's dtype, each step rounded, as ONNX has it. The other results are the mean and \
          1 / sqrt(variance + epsilon), in `stash_type`.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("scale", DTypes::Float).same('T'),
        Input::one("b", DTypes::Float).same('T').optional(),
    ],
    outputs: &[Output::one("y"), Output::one("mean"), Output::one("inv_std_dev")],
    attrs: &[AttrSpec::int("axis", -1), EPSILON, STASH_TYPE],
    constraints: &[("C1", "axis is in [-r, r)"), ("C2", "scale and b broadcast to x"), ("C3", STASH_FLOAT)],
    example: "layer_normalization(f32[1, 2] [3, 5], f32[2] [2, 1]) {epsilon = 0.0} -> f32[1, 2] [-2, 1]",
    infer: |infer| {
        let (x, stash) = (infer.tensor(0)?, stash_type(infer, "C3")?);
        let mut statistics = x.shape.clone();
        if let Shape::Ranked(dims) = &mut statistics {
            let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
            dims[axis..].fill(Dim::Int(1));
        }
        check_broadcasts(infer, 1, "C2")?;
        check_broadcasts(infer, 2, "C2")?;
        let statistics = Type::from(TensorType { dtype: stash, shape: statistics });
        Ok([infer.ty(0)?, &statistics, &statistics].into_iter().take(infer.outputs).cloned().collect())
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let stash = d.attr.dtype("stash_type").unwrap_or(DType::F32);
    let x = d.x(0).cast(stash);
    let axes: Vec<i64> = (x.axis(d.attr.int("axis")) as i64..d.rank(0)? as i64).collect();
    let (mean, distances, variance) = moments(x, &axes);
    let deviation = (variance + d.attr.float("epsilon")).sqrt();
    let mut y = (distances / deviation).cast(d.dtype(0)) * d.x(1);
    if let Some(bias) = d.opt(2) {
        y = y + bias;
    }
    let mut results = vec![y];
    if d.outputs > 1 {
        results.extend([mean, deviation.scalar_like(1.0) / deviation]);
    }
    results.truncate(d.outputs);
    Ok(results)
}
