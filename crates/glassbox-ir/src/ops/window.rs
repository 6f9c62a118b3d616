//! What the window functions share: sums of cosines over a period.

use std::f64::consts::PI;

use glassbox_tensor::{Overflow, Tensor};

use super::common::*;

/// A window function: fill in name, decomposition, doc and example.
pub(super) const WINDOW: OpDef = OpDef {
    inputs: &[Input::one("size", DTypes::These(&[DType::I32, DType::I64])).shapes()],
    attrs: &[AttrSpec::bool("periodic", true), AttrSpec::dtype("output_datatype", DType::F32)],
    constraints: &[("C1", "the size is one number, at least 0"), ("C2", "output_datatype is a dtype of numbers")],
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let size = match infer.ints(0).as_deref() {
        Some([size]) => size.clone(),
        Some(sizes) => return Err(Violation::new("C1", format!("`size` has {} elements", sizes.len()))),
        None => Dim::Unknown,
    };
    if size.as_int().is_some_and(|size| size < 0) {
        return Err(Violation::new("C1", format!("the size is {size}")));
    }
    let dtype = infer.attr.dtype("output_datatype").unwrap_or(DType::F32);
    if !dtype.is_numeric() {
        return Err(Violation::new("C2", format!("output_datatype is {dtype}")));
    }
    Ok(vec![Type::tensor(dtype, [size])])
}

/// a - b cos(2πn/N) + c cos(4πn/N) for each n below the size, in f64, where N is the size, or without
/// `periodic` one less; then cast.
pub(super) fn cosines<'a>(d: &Decompose<'a>, [a, b, c]: [f64; 3]) -> Exprs<'a> {
    let size = d.ints(0)?.first().and_then(|size| usize::try_from(*size).ok()).unwrap_or(0);
    let dtype = d.attr.dtype("output_datatype").unwrap_or(DType::F32);
    let count = |start: usize, out: &mut [f64]| {
        out.iter_mut().enumerate().for_each(|(offset, out)| *out = (start + offset) as f64);
    };
    let points = Tensor::build(DType::F64, &[size], Overflow::Wrap, count);
    let points = d.f.constant(points.map_err(|error| d.invalid("C1", error.to_string()))?);
    let period = match (d.attr.bool("periodic"), size) {
        // One point has no period: it is the peak.
        (false, 0 | 1) => return Ok(vec![(points + 1.0).cast(dtype)]),
        (false, size) => size - 1,
        (true, size) => size,
    };
    let turn = |times: f64| (points * (times * 2.0 * PI) / period as f64).cos();
    let sum = match c {
        0.0 => -turn(1.0) * b + a,
        _ => turn(2.0) * c - turn(1.0) * b + a,
    };
    Ok(vec![sum.cast(dtype)])
}
