//! `optional_get_element`: the value that an optional holds.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "optional_get_element",
    doc: "The value that the optional holds; any other value is given back as it is. `otherwise` is what the error says where \
          it holds nothing.",
    inputs: &[Input::value("x")],
    attrs: &[AttrSpec::optional("otherwise", AttrKind::Str)],
    constraints: &[("C1", "the optional holds a value")],
    example: "optional_get_element(some(i32[] 7)) -> i32[] 7",
    infer: |infer| {
        Ok(vec![match infer.ty(0)? {
            Type::Optional(element) => element.as_ref().clone(),
            other => other.clone(),
        }])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
