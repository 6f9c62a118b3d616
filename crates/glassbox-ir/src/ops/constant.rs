//! `constant`: a tensor that is part of the graph.

use super::common::*;
use crate::builder::type_of_tensor;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "constant",
    doc: "The tensor `value`, the same at every run.",
    attrs: &[AttrSpec::required("value", AttrKind::Tensor)],
    example: "constant() {value = i64[2] [1, 2]} -> i64[2] [1, 2]",
    infer: |infer| Ok(infer.attr.tensor("value").map(|value| type_of_tensor(value).into()).into_iter().collect()),
    known: Some(|infer, _| vec![infer.attr.tensor("value").map(|value| Known::Tensor(value.clone()))]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
