//! `state_append`: more at the end of a state, such as the keys and values of a new token.

use super::common::*;
use super::states::{STATE, find, result_is_held};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_append",
    tier: Tier::Control,
    doc: "The state `state` holds what it held and after it x, along `axis`; the result is all of it. A state grows \
          along the axes whose dim in its declared type is unknown or a symbol. Growing over the \
          state's capacity is an error, and leaves the state as it was.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[STATE, AttrSpec::required("axis", AttrKind::Int)],
    constraints: &[
        ("C1", "the graph declares the state"),
        ("C2", "x has the state's dtype, rank and dims but for the axis, along which the state grows"),
        ("C3", "axis is in [-r, r)"),
    ],
    effects: Effects::READS.union(Effects::WRITES),
    example: "state f32[?] [1, 2]: state_append(f32[1] [3]) {state = \"s\", axis = 0} -> f32[3] [1, 2, 3]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        let (declared, given) = (state.open_type(), infer.tensor(0)?);
        let (Some(old), Some(new)) = (declared.dims(), given.dims()) else {
            return Ok(vec![declared.into()]);
        };
        let axis = infer.axis("C3", infer.attr.int("axis"), old.len())?;
        let mut wanted = old.to_vec();
        if !state.grows(axis) {
            return Err(Violation::new("C2", format!("dim {axis} of `{}`, which is {declared}, can't grow", state.name)));
        }
        wanted[axis] = new.get(axis).cloned().unwrap_or(Dim::Unknown);
        if !Type::tensor(declared.dtype, wanted).admits(infer.ty(0)?) {
            return Err(Violation::new("C2", format!("`{}` is {declared}, and can't take {given}", state.name)));
        }
        // The other dims that grow are as they are in x.
        let held = infer.held.ty(state);
        let before = held.dims().unwrap_or(old);
        let mut grown: Vec<Dim> = before.iter().zip(new).map(|(old, new)| old.meet(new)).collect();
        grown[axis] = &before[axis] + &new[axis];
        Ok(vec![Type::tensor(declared.dtype, grown)])
    },
    holds: Some(result_is_held),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
