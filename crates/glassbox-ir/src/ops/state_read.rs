//! `state_read`: what a state holds.

use super::common::*;
use super::states::{STATE, find};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_read",
    tier: Tier::Control,
    doc: "What the state `state` holds now. A later write doesn't change the value that was read.",
    attrs: &[STATE],
    constraints: &[("C1", "the graph declares the state")],
    effects: Effects::READS,
    example: "state f32[2] [1, 2]: state_read() {state = \"s\"} -> f32[2] [1, 2]",
    infer: |infer| Ok(vec![infer.held.ty(find(infer, "C1")?).into()]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
