//! `slice`: a part of a tensor.

use super::common::*;

const INDICES: DTypes = DTypes::These(&[DType::I32, DType::I64]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "slice",
    doc: "Of each of `axes` (all, if left out) the elements from `starts` up to but without `ends`, in `steps` (1, if \
          left out). Negative starts and ends count from the back; what is beyond the extent is moved to it. A negative \
          step goes backward.",
    inputs: &[
        Input::one("x", DTypes::Any),
        Input::one("starts", INDICES).same('I').shapes(),
        Input::one("ends", INDICES).same('I').shapes(),
        Input::one("axes", INDICES).same('I').optional().shapes(),
        Input::one("steps", INDICES).same('I').optional().shapes(),
    ],
    constraints: &[
        ("C1", "each axis is in [-r, r), and none is given twice"),
        ("C2", "starts, ends, axes and steps are vectors of the same length"),
        ("C3", "no step is 0"),
    ],
    example: "slice(i32[4] [1, 2, 3, 4], i64[1] [1], i64[1] [-1]) -> i32[2] [2, 3]",
    infer,
    known: Some(|infer, types| vec![pick(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The elements that one axis keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisSlice {
    /// The axis.
    pub axis: usize,
    /// The index of the first element.
    pub start: usize,
    /// How many there are.
    pub count: usize,
    /// How far the next one is.
    pub step: i64,
}

/// The start, count and step of a slice of an axis of extent `extent`.
pub fn slice_axis(axis: usize, extent: usize, start: i64, end: i64, step: i64) -> AxisSlice {
    let size = extent as i64;
    let from_front = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    if extent == 0 {
        return AxisSlice { axis, start: 0, count: 0, step };
    }
    // Going backward, a start before the front is the first element, and an end there is behind it, however far; so ONNX says
    // it since version 13, unlike NumPy.
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let (start, end) = (from_front(start).clamp(0, high), from_front(end).clamp(low, high));
    let distance = if step > 0 { end - start } else { start - end }.max(0) as u64;
    let count = distance.div_ceil(step.unsigned_abs());
    AxisSlice { axis, start: start as usize, count: count as usize, step }
}

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let lengths: Vec<usize> =
        (1..5).filter_map(|index| infer.dims(index)?.first().and_then(Dim::as_size)).collect();
    if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Violation::new("C2", format!("their lengths are {lengths:?}")));
    }
    if infer.static_ints(4).is_some_and(|steps| steps.contains(&0)) {
        return Err(Violation::new("C3", "a step is 0"));
    }
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
    let axes = match (infer.has(3), infer.static_ints(3)) {
        (true, Some(axes)) => axes,
        (false, _) => (0..lengths.first().map_or(dims.len(), |length| *length) as i64).collect(),
        (true, None) => return Ok(vec![TensorType { dtype: x.dtype, shape: Shape::of_rank(dims.len()) }.into()]),
    };
    normalise_axes("C1", &axes, dims.len())?;
    let mut result = dims.to_vec();
    let at = |operand: usize, index: usize| infer.ints(operand).and_then(|values| values.get(index).cloned());
    for (index, axis) in axes.iter().enumerate() {
        let axis = infer.axis("C1", *axis, dims.len())?;
        let step = if infer.has(4) { at(4, index).unwrap_or(Dim::Unknown) } else { Dim::Int(1) };
        let (start, end) = (at(1, index).unwrap_or(Dim::Unknown), at(2, index).unwrap_or(Dim::Unknown));
        result[axis] = extent(&dims[axis], &start, &end, &step);
    }
    Ok(vec![Type::tensor(x.dtype, result)])
}

/// The extent of an axis after a slice, as far as it can be said.
fn extent(dim: &Dim, start: &Dim, end: &Dim, step: &Dim) -> Dim {
    if let (Some(size), Some(start), Some(end), Some(step)) = (dim.as_size(), start.as_int(), end.as_int(), step.as_int()) {
        return if step == 0 { Dim::Unknown } else { slice_axis(0, size, start, end, step).count.into() };
    }
    // Forward slices of symbolic extents: from the front up to the end or to `n` before it, or up to a
    // symbol that is the extent itself.
    let whole = end == dim || end.as_int().is_some_and(|end| end >= i64::from(i32::MAX));
    match (start.as_int(), step.as_int()) {
        (Some(0), Some(1)) if whole => dim.clone(),
        (Some(0), Some(-1)) if dim.is_unknown() => Dim::Unknown,
        (Some(-1), Some(-1)) if end.as_int().is_some_and(|end| end <= -i64::from(i32::MAX)) => dim.clone(),
        (Some(start), Some(1)) if start > 0 && whole => (dim - &Dim::Int(start)).maximum(&Dim::Int(0)),
        (Some(start), Some(1)) if start < 0 && whole => dim.minimum(&Dim::Int(-start)),
        (Some(0), Some(1)) => match end.as_int() {
            Some(end) if end >= 0 => dim.minimum(&Dim::Int(end)),
            Some(end) => (dim + &Dim::Int(end)).maximum(&Dim::Int(0)),
            None => forward(dim, start, end, step),
        },
        _ => forward(dim, start, if whole { dim } else { end }, step),
    }
}

/// The extent of an axis after a forward slice between places of which it is known from which end they count.
fn forward(dim: &Dim, start: &Dim, end: &Dim, step: &Dim) -> Dim {
    let place = |index: &Dim| match index {
        _ if index.is_natural() => index.minimum(dim),
        Dim::Int(negative) => (dim + &Dim::Int(*negative)).maximum(&Dim::Int(0)),
        _ => Dim::Unknown,
    };
    match step.as_int() {
        Some(1..) => (place(end) - place(start)).maximum(&Dim::Int(0)).ceil_div(step),
        _ => Dim::Unknown,
    }
}

/// The integers that a slice of a vector keeps.
fn pick(infer: &Infer, types: &[Type]) -> Option<Known> {
    let values = infer.ints(0)?;
    let one = |operand: usize| infer.static_ints(operand).filter(|values| values.len() == 1).map(|values| values[0]);
    if types[0].as_tensor()?.rank()? != 1 {
        return None;
    }
    let step = if infer.has(4) { one(4)? } else { 1 };
    if step == 0 {
        return None;
    }
    let slice = slice_axis(0, values.len(), one(1)?, one(2)?, step);
    let index = |turn: usize| usize::try_from(slice.start as i64 + turn as i64 * slice.step).ok();
    Known::vector((0..slice.count).map(|turn| values.get(index(turn)?).cloned()).collect::<Option<_>>()?)
}
