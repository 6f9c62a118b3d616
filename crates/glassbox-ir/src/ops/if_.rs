//! `if`: one body or the other.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "if",
    tier: Tier::Control,
    doc: "Runs the first body where `condition` is true, else the second, and gives what it gives. The other isn't run.",
    inputs: &[Input::one("condition", DTypes::These(&[DType::Bool]))],
    outputs: &[Output::variadic("results")],
    constraints: &[
        ("C1", "the condition has one element"),
        ("C2", "both bodies take nothing and give as many values, pairwise of the same kind and dtype"),
    ],
    regions: 2,
    bodies: crate::held::Bodies::OneOf,
    example: "if(bool[] true) () { %a = constant() {value = i64[] 1} : i64[] yield %a } \
              () { %b = constant() {value = i64[] 2} : i64[] yield %b } -> i64[] 1",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    if let Some(dims) = infer.dims(0)
        && dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false))
    {
        return Err(Violation::new("C1", format!("the condition is {}", infer.ty(0)?)));
    }
    let (yes, no) = (&infer.regions[0], &infer.regions[1]);
    if yes.results.len() != no.results.len() || !yes.parameters.is_empty() || !no.parameters.is_empty() {
        let message = format!("the bodies give {} and {} values", yes.results.len(), no.results.len());
        return Err(Violation::new("C2", message));
    }
    let pairs = yes.results.iter().zip(&no.results).enumerate();
    pairs
        .map(|(index, (yes, no))| {
            yes.join(no).ok_or_else(|| Violation::new("C2", format!("result {index} is {yes} in one body, {no} in the other")))
        })
        .collect()
}
