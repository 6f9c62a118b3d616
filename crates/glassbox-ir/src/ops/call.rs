//! `call`: a body that runs once, such as a model-local function.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "call",
    tier: Tier::Control,
    doc: "Runs its body once, with the operands as parameters, and gives what it gives. `function` is its name.",
    inputs: &[Input::value("arguments").mixed(0)],
    outputs: &[Output::variadic("results")],
    attrs: &[AttrSpec::optional("function", AttrKind::Str)],
    constraints: &[("C1", "the body takes as many values as there are operands")],
    regions: 1,
    bodies: crate::held::Bodies::Once,
    example: "call(i64[] 3) (%x: i64[]) { %y = add(%x, %x) : i64[] yield %y } -> i64[] 6",
    infer: |infer| {
        let body = &infer.regions[0];
        if body.parameters.len() != infer.operands.len() {
            let message = format!("the body takes {} values, not {}", body.parameters.len(), infer.operands.len());
            return Err(Violation::new("C1", message));
        }
        Ok(body.results.clone())
    },
    body_types: Some(|_, operands, _| Ok(vec![operands.iter().flatten().map(|operand| operand.ty.clone()).collect()])),
    ..OpDef::BASE
};
