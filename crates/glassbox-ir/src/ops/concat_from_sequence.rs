//! `concat_from_sequence`: the elements of a sequence side by side.

use super::common::*;
use super::sequences::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "concat_from_sequence",
    doc: "The tensors of the sequence one after the other along `axis`; with `new_axis` along a new axis, which becomes \
          `axis` of the result.",
    inputs: &[Input::sequence("sequence")],
    attrs: &[AttrSpec::required("axis", AttrKind::Int), AttrSpec::bool("new_axis", false)],
    constraints: &[
        ("C1", "axis is in [-r, r) of the result's rank r"),
        ("C2", "the sequence has at least one element"),
        ("C3", "the elements are tensors with the same dims, but for the axis if it isn't new"),
    ],
    example: "concat_from_sequence(seq(i32[1] [1], i32[2] [2, 3])) {axis = 0} -> i32[3] [1, 2, 3]",
    infer: |infer| {
        let element = element(infer)?;
        let Type::Tensor(tensor) = element else {
            return Err(Violation::new("C3", format!("the elements are {element}")));
        };
        let Some(dims) = tensor.dims() else { return Ok(vec![Type::unranked(tensor.dtype)]) };
        let mut dims = dims.to_vec();
        if infer.attr.bool("new_axis") {
            let axis = infer.axis("C1", infer.attr.int("axis"), dims.len() + 1)?;
            dims.insert(axis, Dim::Unknown);
        } else {
            let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
            dims[axis] = Dim::Unknown;
        }
        Ok(vec![Type::tensor(tensor.dtype, dims)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
