//! `shape`: the extents of a tensor, as a tensor.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "shape",
    doc: "The extents of x as a vector of i64, from axis `start` up to but without axis `end`. Negative axes count \
          from the back; axes beyond the rank are moved to it.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[AttrSpec::int("start", 0), AttrSpec::optional("end", AttrKind::Int)],
    example: "shape(f32[2, 1] [1, 2]) -> i64[2] [2, 1]",
    infer: |infer| {
        let count = infer.rank(0).map_or(Dim::Unknown, |rank| Dim::from(range(infer, rank).len()));
        Ok(vec![Type::tensor(DType::I64, [count])])
    },
    known: Some(|infer, _| vec![infer.dims(0).and_then(|dims| Known::vector(dims[range(infer, dims.len())].to_vec()))]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The axes that are asked for.
fn range(infer: &Infer, rank: usize) -> std::ops::Range<usize> {
    axis_range(rank, infer.attr.int("start"), infer.attr.opt_int("end"))
}

/// The axes from `start` up to `end` of a tensor of rank `rank`, each moved into the range.
pub fn axis_range(rank: usize, start: i64, end: Option<i64>) -> std::ops::Range<usize> {
    let extent = rank as i64;
    let clamp = |axis: i64| if axis < 0 { axis.saturating_add(extent) } else { axis }.clamp(0, extent) as usize;
    let (start, end) = (clamp(start), end.map_or(rank, clamp));
    start..end.max(start)
}
