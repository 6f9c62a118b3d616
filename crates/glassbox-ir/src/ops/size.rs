//! `size`: the number of elements.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "size",
    doc: "The number of elements of x, as a scalar of i64.",
    inputs: &[Input::one("x", DTypes::Any)],
    example: "size(f32[2, 1] [1, 2]) -> i64[] 2",
    infer: |_| Ok(vec![Type::scalar(DType::I64)]),
    known: Some(|infer, _| vec![infer.dims(0).and_then(|dims| Known::scalar(product(dims)))]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
