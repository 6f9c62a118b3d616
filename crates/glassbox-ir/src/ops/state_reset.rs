//! `state_reset`: a state as it was at the start.

use super::common::*;
use super::states::{STATE, find, result_is_held};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_reset",
    tier: Tier::Control,
    doc: "The state `state` holds its initial contents again; the result is these.",
    attrs: &[STATE],
    constraints: &[("C1", "the graph declares the state")],
    effects: Effects::WRITES,
    example: "state f32[2] [1, 2]: state_reset() {state = \"s\"} -> f32[2] [1, 2]",
    infer: |infer| Ok(vec![find(infer, "C1")?.first_type().into()]),
    holds: Some(result_is_held),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
