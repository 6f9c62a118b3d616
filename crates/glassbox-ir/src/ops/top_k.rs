//! `top_k`: the largest or smallest elements along an axis.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "top_k",
    doc: "The `k` largest (or without `largest`, smallest) elements along `axis`, the first one first, then their \
          indices. Of equal elements that with the lower index comes first. NaN is larger than all numbers. They are in \
          order without `sorted`, too.",
    inputs: &[Input::one("x", DTypes::Numeric), Input::one("k", SIZES).shapes()],
    outputs: &[Output::one("values"), Output::one("indices")],
    attrs: &[AttrSpec::int("axis", -1), AttrSpec::bool("largest", true), AttrSpec::bool("sorted", true)],
    constraints: &[
        ("C1", "axis is in [-r, r)"),
        ("C2", "k is one number between 0 and the extent of the axis"),
        ("C3", "there are one or two results"),
    ],
    example: "top_k(f32[3] [1, 3, 2], i64[1] [2]) -> f32[2] [3, 2], i64[2] [1, 2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        check_one_element(infer, 1, "C2")?;
        if !(1..=2).contains(&infer.outputs) {
            return Err(Violation::new("C3", format!("there are {} results", infer.outputs)));
        }
        let shape = match x.dims() {
            None => Shape::Unranked,
            Some(dims) => {
                let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
                let k = single(infer, 1).unwrap_or(Dim::Unknown);
                let beyond = (&dims[axis] - &k).as_int().is_some_and(|left| left < 0);
                if beyond || k.as_int().is_some_and(|k| k < 0) {
                    return Err(Violation::new("C2", format!("k is {k}, the extent {}", dims[axis])));
                }
                let mut dims = dims.to_vec();
                dims[axis] = k;
                Shape::Ranked(dims)
            }
        };
        let result = |dtype| TensorType { dtype, shape: shape.clone() }.into();
        let mut types = vec![result(x.dtype), result(DType::I64)];
        types.truncate(infer.outputs);
        Ok(types)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
