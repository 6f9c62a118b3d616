//! `squeeze`: without axes of extent one.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "squeeze",
    doc: "x without `axes`, which have extent 1; without `axes`, without all axes of extent 1.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("axes", DTypes::These(&[DType::I64])).optional().shapes()],
    constraints: &[
        ("C1", "each axis is in [-r, r); one that is given twice counts once"),
        ("C2", "each axis has extent 1"),
    ],
    example: "squeeze(f32[1, 2] [1, 2], i64[1] [0]) -> f32[2] [1, 2]",
    infer,
    known: Some(|infer, types| {
        let rank = types[0].as_tensor().and_then(TensorType::rank);
        vec![match (rank, infer.ints(0)) {
            (Some(0), Some(values)) if values.len() == 1 => Known::scalar(values[0].clone()),
            (Some(1), Some(values)) => Known::vector(values),
            _ => None,
        }]
    }),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
    let axes = if infer.has(1) {
        let Some(axes) = infer.static_ints(1) else { return Ok(vec![Type::unranked(x.dtype)]) };
        set_of_axes("C1", &axes, dims.len())?
    } else if dims.iter().all(|dim| dim.as_int().is_some()) {
        (0..dims.len()).filter(|axis| dims[*axis] == Dim::Int(1)).collect()
    } else {
        return Ok(vec![Type::unranked(x.dtype)]);
    };
    if let Some(axis) = axes.iter().find(|axis| dims[**axis].same(&Dim::Int(1)) == Some(false)) {
        return Err(Violation::new("C2", format!("axis {axis} of {x} can't be squeezed")));
    }
    let kept = dims.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    Ok(vec![Type::tensor(x.dtype, kept.map(|(_, dim)| dim.clone()))])
}
