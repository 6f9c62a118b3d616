//! `optional`: a value that may be there.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "optional",
    doc: "An optional that holds the operand, or that holds nothing of the type `element`, if it is left out.",
    inputs: &[Input::value("value").optional()],
    attrs: &[AttrSpec::optional("element", AttrKind::Type)],
    constraints: &[("C1", "a value or a type is given; where both are, they have the same kind and dtype")],
    example: "optional(i32[] 7) -> some(i32[] 7)",
    infer: |infer| {
        let declared = infer.attr.opt_ty("element");
        let given = infer.operand(0).map(|operand| &operand.ty);
        let element = match (declared, given) {
            (Some(declared), Some(given)) => declared
                .join(given)
                .ok_or_else(|| Violation::new("C1", format!("the value is {given}, its type {declared}")))?,
            (Some(ty), None) | (None, Some(ty)) => ty.clone(),
            (None, None) => return Err(Violation::new("C1", "neither a value nor a type is given")),
        };
        Ok(vec![Type::optional(element)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
