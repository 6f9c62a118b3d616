//! `dynamic_quantize_linear`: floats to u8 by a scale and a zero point made from their range.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "dynamic_quantize_linear",
    tier: Tier::Composite(decompose),
    doc: "x as u8, and the scale and zero point that make it so: the scale is the width of the smallest range that \
          holds 0 and every element, over 255 (1/255 where the width is 0); the zero point is what 0 becomes. Rounded \
          and saturated as by quantize_linear.",
    inputs: &[Input::one("x", DTypes::These(&[DType::F32]))],
    outputs: &[Output::one("y"), Output::one("y_scale"), Output::one("y_zero_point")],
    example: "dynamic_quantize_linear(f32[3] [0, 127.5, 255]) -> u8[3] [0, 128, 255], f32[] 1, u8[] 0",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let y = TensorType { dtype: DType::U8, shape: x.shape.clone() };
        let types = vec![y.into(), Type::scalar(x.dtype), Type::scalar(DType::U8)];
        Ok(types.into_iter().take(infer.outputs).collect())
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, f) = (d.x(0), d.f);
    let axes: Vec<i64> = (0..d.rank(0)? as i64).collect();
    let zero = x.scalar_like(0.0);
    let greatest = x.reduce(&super::reduce_max::OP, &axes, false).maximum(zero);
    let least = (-(-x).reduce(&super::reduce_max::OP, &axes, false)).minimum(zero);
    let width = greatest - least;
    let scale = width.equal(zero).select(x.scalar_like(1.0), width) / 255.0;
    let quantise = |x, zero_point: Option<Expr<'a>>| {
        f.op_with(&super::quantize_linear::OP, &[Some(x), Some(scale), zero_point], Default::default())
    };
    let zero_point = quantise(-least, None);
    let results = [quantise(x, Some(zero_point)), scale, zero_point];
    Ok(results.into_iter().take(d.outputs).collect())
}
