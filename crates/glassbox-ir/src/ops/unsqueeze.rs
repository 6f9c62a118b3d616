//! `unsqueeze`: more axes, of extent one.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "unsqueeze",
    doc: "x with axes of extent 1 added, so that they are the `axes` of the result.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("axes", DTypes::These(&[DType::I64])).shapes()],
    constraints: &[("C1", "each axis is in [-r, r) of the result's rank r, and none is given twice")],
    example: "unsqueeze(f32[2] [1, 2], i64[1] [0]) -> f32[1, 2] [1, 2]",
    infer,
    known: Some(|infer, types| {
        let vector = types[0].as_tensor().and_then(TensorType::rank) == Some(1);
        vec![infer.ints(0).filter(|_| vector).and_then(Known::vector)]
    }),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let (Some(dims), Some(axes)) = (x.dims(), infer.static_ints(1)) else {
        let more = infer.dims(1).and_then(|dims| dims.first().map_or(Some(1), Dim::as_size));
        let rank = infer.rank(0).zip(more).map(|(rank, more)| rank + more);
        return Ok(vec![TensorType { dtype: x.dtype, shape: rank.map_or(Shape::Unranked, Shape::of_rank) }.into()]);
    };
    let axes = normalise_axes("C1", &axes, dims.len() + axes.len())?;
    let mut result = dims.to_vec();
    for axis in axes {
        result.insert(axis, Dim::Int(1));
    }
    Ok(vec![Type::tensor(x.dtype, result)])
}
