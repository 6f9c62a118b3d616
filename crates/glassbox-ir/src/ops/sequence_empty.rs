//! `sequence_empty`: a sequence without elements.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "sequence_empty",
    doc: "The sequence without elements, of the type `element`.",
    attrs: &[AttrSpec::required("element", AttrKind::Type)],
    example: "sequence_empty() {element = f32[*]} -> seq<f32[*]>()",
    infer: |infer| Ok(vec![Type::sequence(infer.attr.ty("element").clone())]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
