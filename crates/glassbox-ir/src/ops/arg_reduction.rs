//! What `arg_max` and `arg_min` share.

use super::common::*;

/// The place of one element along an axis: fill in name, doc and example.
pub(super) const ARG_REDUCTION: OpDef = OpDef {
    inputs: NUMERIC,
    attrs: &[AttrSpec::int("axis", 0), AttrSpec::bool("keepdims", true), AttrSpec::bool("select_last_index", false)],
    constraints: &[("C1", "axis is in [-r, r)"), ("C2", "there are elements along the axis")],
    infer,
    ..OpDef::BASE
};

/// i64; the axis has extent one, or is gone without `keepdims`.
fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(DType::I64)]) };
    let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
    if dims[axis] == Dim::Int(0) {
        return Err(Violation::new("C2", format!("axis {axis} of {x} is empty")));
    }
    let mut result = dims.to_vec();
    if infer.attr.bool("keepdims") {
        result[axis] = Dim::Int(1);
    } else {
        result.remove(axis);
    }
    Ok(vec![Type::tensor(DType::I64, result)])
}
