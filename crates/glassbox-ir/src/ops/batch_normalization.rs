//! `batch_normalization`: each channel brought to a mean and a variance.

use super::common::*;
use super::normalization::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "batch_normalization",
    tier: Tier::Composite(decompose),
    doc: "(x - mean) / sqrt(variance + epsilon) * scale + b, for each channel of x [batch, channels, spatial…]; a vector \
          x has one channel. The mean and the (population) variance are the operands, or with `training_mode` those of x \
          over all axes but the channels; then the second and third result are input * momentum + current * (1 - \
          momentum). Computed in f32, or in f64 if an operand is f64, and rounded once to the dtype of x (of input_mean \
          for the other results).",
    inputs: &[
        Input::one("x", DTypes::Float),
        Input::one("scale", DTypes::Float).same('S'),
        Input::one("b", DTypes::Float).same('S'),
        Input::one("input_mean", DTypes::Float).same('M'),
        Input::one("input_var", DTypes::Float).same('M'),
    ],
    outputs: &[Output::one("y"), Output::one("running_mean"), Output::one("running_var")],
    attrs: &[EPSILON, AttrSpec::float("momentum", 0.9f32 as f64), AttrSpec::bool("training_mode", false)],
    constraints: &[
        ("C1", "x has a batch axis"),
        ("C2", "scale, b, input_mean and input_var are vectors with an element for each channel of x"),
        ("C3", "only with training_mode there is more than one result"),
    ],
    example: "batch_normalization(f32[2, 1] [3, 5], f32[1] [2], f32[1] [1], f32[1] [4], f32[1] [1]) {epsilon = 0.0} \
              -> f32[2, 1] [-1, 3]",
    infer: |infer| {
        check_rank(infer, 1, "C1")?;
        check_channels(infer, &[1, 2, 3, 4], "C2")?;
        if infer.outputs > 1 && !infer.attr.bool("training_mode") {
            return Err(Violation::new("C3", format!("there are {} results", infer.outputs)));
        }
        [0, 3, 4].iter().take(infer.outputs).map(|index| infer.ty(*index).cloned()).collect()
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let wide = if (0..5).any(|index| d.dtype(index) == DType::F64) { DType::F64 } else { DType::F32 };
    let operand = |index: usize| d.x(index).cast(wide);
    let (x, rank) = (operand(0), d.rank(0)?);
    let channel = |index: usize| per_channel(operand(index), rank);
    let epsilon = d.attr.float("epsilon");
    let finish = |distances: Expr<'a>, variance: Expr<'a>| {
        (distances / (variance + epsilon).sqrt() * channel(1) + channel(2)).cast(d.dtype(0))
    };
    if !d.attr.bool("training_mode") {
        return Ok(vec![finish(x - channel(3), channel(4))]);
    }
    let axes: Vec<i64> = (0..rank as i64).filter(|axis| *axis != 1).collect();
    let (mean, distances, variance) = moments(x, &axes);
    let momentum = d.attr.float("momentum");
    let running = |index: usize, current: Expr<'a>| {
        let current = current.reshape(&[Dim::Int(-1)]);
        (operand(index) * momentum + current * (1.0 - momentum)).cast(d.dtype(index))
    };
    let results = [finish(distances, variance), running(3, mean), running(4, variance)];
    Ok(results[..d.outputs].to_vec())
}
