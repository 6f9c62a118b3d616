//! `state_slice`: a region of what a state holds.

use super::common::*;
use super::slices::{BOUNDS, ENDS, INDICES, SQUEEZE, STARTS, infer_region};
use super::states::{STATE, find};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_slice",
    tier: Tier::Control,
    doc: "A region of what the state `state` holds now. Along each of the first axes, as many as there are starts, it is \
          the indices from the start up to but not including the end; along an axis of `squeeze` it is the one index that \
          the start is, the end isn't looked at, and the result doesn't have the axis. Other axes are whole. A negative \
          start, end or index counts from the end of what the state holds; an end of 2^63 - 1 is that end. What lies \
          outside of what the state holds is an error. A later write doesn't change the value that was read.",
    inputs: &[STARTS, ENDS],
    attrs: &[STATE, SQUEEZE],
    constraints: &[
        ("C1", "the graph declares the state"),
        BOUNDS,
        INDICES,
        ("C4", "counted from the front, 0 <= start <= end <= what the state holds, and 0 <= index < what it holds"),
    ],
    effects: Effects::READS,
    example: "state f32[2, 3] [1, 2, 3, 4, 5, 6]: state_slice(i64[2] [-1, 0], i64[2] [0, 2]) {state = \"s\", squeeze = [0]} \
              -> f32[2] [4, 5]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        Ok(vec![TensorType { dtype: state.ty.dtype, shape: infer_region(infer, &infer.held.ty(state), &state.name, 0)? }.into()])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
