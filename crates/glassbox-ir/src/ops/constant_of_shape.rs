//! `constant_of_shape`: one value everywhere.

use super::common::*;
use super::indexing::*;
use glassbox_tensor::Tensor;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "constant_of_shape",
    tier: Tier::Composite(decompose),
    doc: "A tensor with the dims in `shape` whose elements are all that of `value`: the f32 0, if it isn't given.",
    inputs: &[Input::one("shape", SIZES).shapes()],
    attrs: &[AttrSpec::optional("value", AttrKind::Tensor)],
    constraints: &[
        ("C1", "the shape is a vector of extents that are at least 0"),
        ("C2", "the value has one element"),
    ],
    example: "constant_of_shape(i64[1] [2]) {value = i32[1] [7]} -> i32[2] [7, 7]",
    infer: |infer| {
        let value = infer.attr.tensor("value");
        if let Some(value) = value.filter(|value| value.len() != 1) {
            return Err(Violation::new("C2", format!("the value has {} elements", value.len())));
        }
        one(value.map_or(DType::F32, Tensor::dtype), listed_dims(infer, 0, "C1")?)
    },
    known: Some(|infer, types| vec![repeated(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn repeated(infer: &Infer, types: &[Type]) -> Option<Known> {
    let value = infer.attr.tensor("value").filter(|value| value.dtype().is_integer())?.item::<i64>().ok()?;
    known_as(&types[0], vec![Dim::Int(value); few_elements(&types[0])?])
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let value = match d.attr.tensor("value") {
        Some(value) => d.f.constant(value.clone()).reshape(&[]),
        None => d.f.scalar(DType::F32, 0.0),
    };
    Ok(vec![value.binary(&super::expand::OP, d.x(0))])
}
