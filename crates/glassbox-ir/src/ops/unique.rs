//! `unique`: each value once.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "unique",
    doc: "Each element of x once, as a vector, or with `axis` each slice along it once. Sorted, or without `sorted` in \
          the order in which they come first. Then: where each comes first, which of them each element of x is, how \
          often each comes. Numbers sort by size, slices by their first elements that differ; -0 is 0, and NaN is one \
          value, larger than all others.",
    inputs: &[Input::one("x", DTypes::Any)],
    outputs: &[Output::one("y"), Output::one("indices"), Output::one("inverse_indices"), Output::one("counts")],
    attrs: &[AttrSpec::optional("axis", AttrKind::Int), AttrSpec::bool("sorted", true)],
    constraints: &[("C1", "axis is in [-r, r)"), ("C2", "there are one to four results")],
    example: "unique(i32[4] [2, 1, 1, 3]) -> i32[3] [1, 2, 3], i64[3] [1, 0, 3], i64[4] [1, 0, 0, 2], i64[3] [2, 1, 1]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        if !(1..=4).contains(&infer.outputs) {
            return Err(Violation::new("C2", format!("there are {} results", infer.outputs)));
        }
        let (y, all) = match (x.dims(), infer.attr.opt_int("axis")) {
            (Some(dims), Some(axis)) => {
                let axis = infer.axis("C1", axis, dims.len())?;
                let mut unique = dims.to_vec();
                unique[axis] = Dim::Unknown;
                (Type::tensor(x.dtype, unique), dims[axis].clone())
            }
            (None, Some(_)) => (Type::unranked(x.dtype), Dim::Unknown),
            (dims, None) => (Type::tensor(x.dtype, [Dim::Unknown]), dims.map_or(Dim::Unknown, super::indexing::product)),
        };
        let vector = |dim: Dim| Type::tensor(DType::I64, [dim]);
        let mut types = vec![y, vector(Dim::Unknown), vector(all), vector(Dim::Unknown)];
        types.truncate(infer.outputs);
        Ok(types)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
