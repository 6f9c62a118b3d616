//! `state_write`: new contents for a state.

use super::common::*;
use super::states::{STATE, find};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_write",
    tier: Tier::Control,
    doc: "The state `state` holds x from here on; the result is x.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[STATE],
    constraints: &[
        ("C1", "the graph declares the state"),
        ("C2", "x fits the state's type, and the growing dim its capacity"),
    ],
    effects: Effects::WRITES,
    example: "state f32[2] [1, 2]: state_write(f32[2] [3, 4]) {state = \"s\"} -> f32[2] [3, 4]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        let (declared, given) = (Type::from(state.open_type()), infer.ty(0)?);
        if !declared.admits(given) {
            return Err(Violation::new("C2", format!("`{}` is {declared}, not {given}", state.name)));
        }
        Ok(vec![given.clone()])
    },
    holds: Some(|infer, types| {
        let (state, given) = (find(infer, "C1").ok()?, types.first()?.as_tensor()?);
        Some(TensorType { dtype: state.ty.dtype, shape: state.open_type().shape.meet(&given.shape) })
    }),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
