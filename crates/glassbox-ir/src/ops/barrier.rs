//! `barrier`: an order for what stands before and after.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "barrier",
    tier: Tier::Control,
    doc: "The operands as they are. Nothing that stands after it in the program is done before all that stands before it \
          is done.",
    inputs: &[Input::value("values").mixed(0)],
    outputs: &[Output::variadic("values")],
    constraints: &[("C1", "there are as many results as operands, none of which is left out")],
    effects: Effects::ORDERS,
    example: "barrier(f32[1] [1], seq(i64[] 2)) -> f32[1] [1], seq(i64[] 2)",
    infer: |infer| {
        let types: Option<Vec<Type>> = infer.operands.iter().map(|operand| Some(operand.as_ref()?.ty.clone())).collect();
        let types = types.filter(|types| types.len() == infer.outputs);
        types.ok_or_else(|| {
            let given = infer.operands.iter().flatten().count();
            Violation::new("C1", format!("there are {} results for {given} operands", infer.outputs))
        })
    },
    known: Some(|infer, _| infer.operands.iter().map(|operand| operand.as_ref()?.known.clone()).collect()),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
