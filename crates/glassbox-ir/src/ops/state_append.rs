//! `state_append`: more at the end of a state, such as the keys and values of a new token.

use super::common::*;
use super::states::{STATE, find};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_append",
    tier: Tier::Control,
    doc: "The state `state` holds what it held and after it x, along `axis`; the result is all of it. Growing over the \
          state's capacity is an error, and leaves the state as it was.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[STATE, AttrSpec::required("axis", AttrKind::Int)],
    constraints: &[
        ("C1", "the graph declares the state"),
        ("C2", "x has the state's dtype, rank and dims but for the axis, whose dim in the state's declared type is unknown"),
        ("C3", "axis is in [-r, r)"),
    ],
    effects: Effects::READS.union(Effects::WRITES),
    example: "state f32[?] [1, 2]: state_append(f32[1] [3]) {state = \"s\", axis = 0} -> f32[3] [1, 2, 3]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        let (declared, given) = (&state.ty, infer.tensor(0)?);
        let (Some(old), Some(new)) = (declared.dims(), given.dims()) else {
            return Ok(vec![declared.clone().into()]);
        };
        let axis = infer.axis("C3", infer.attr.int("axis"), old.len())?;
        let mut wanted = old.to_vec();
        if !old[axis].is_unknown() {
            return Err(Violation::new("C2", format!("dim {axis} of `{}`, which is {declared}, can't grow", state.name)));
        }
        wanted[axis] = new.get(axis).cloned().unwrap_or(Dim::Unknown);
        if !Type::tensor(declared.dtype, wanted).admits(infer.ty(0)?) {
            return Err(Violation::new("C2", format!("`{}` is {declared}, and can't take {given}", state.name)));
        }
        // The other dims that grow are as they are in x.
        let known = |(old, new): (&Dim, &Dim)| if old.is_unknown() { new.clone() } else { old.clone() };
        let mut grown: Vec<Dim> = old.iter().zip(new).map(known).collect();
        grown[axis] = Dim::Unknown;
        Ok(vec![Type::tensor(declared.dtype, grown)])
    },
    ..OpDef::BASE
};
