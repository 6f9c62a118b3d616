//! `state_grow`: a state made larger.

use super::common::*;
use super::indexing::*;
use super::slices::{FILL, GROWTH, LIMITS, check_growth};
use super::states::{STATE, find, result_is_held};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_grow",
    tier: Tier::Control,
    doc: "The state `state` holds at least `sizes` from here on; the result is all of it. Along each axis that \
          grows its extent becomes the size, where that is larger; along the others the size isn't looked at. Old \
          elements stay at their indices, new ones are `fill`, zero if it isn't given. Growing over `limits`, one for each \
          axis with -1 for none, or over the state's capacity is an error; the state stays as it was.",
    inputs: &[Input::one("sizes", SIZES).shapes()],
    attrs: &[STATE, FILL, LIMITS],
    constraints: &[
        ("C1", "the graph declares the state"),
        ("C2", "sizes is a vector, one for each axis of the state"),
        ("C3", "the size along an axis that grows is at least 0"),
        ("C4", GROWTH),
    ],
    effects: Effects::READS.union(Effects::WRITES),
    example: "state f32[?, 1] [1, 2]: state_grow(i64[2] [3, 0]) {state = \"s\", fill = f32[] 7} -> f32[3, 1] [1, 2, 7]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        check_growth(infer, state, "C4")?;
        let (declared, given) = (state.ty.dims().unwrap_or_default(), infer.dims(0));
        let fits = given.is_none_or(|dims| dims.len() == 1 && dims[0].same(&Dim::from(declared.len())) != Some(false));
        if !fits {
            return Err(Violation::new("C2", format!("the sizes of `{}`, which is {}, are {}", state.name, state.ty, infer.ty(0)?)));
        }
        for (axis, size) in infer.ints(0).unwrap_or_default().iter().enumerate() {
            if state.grows(axis) && size.as_int().is_some_and(|size| size < 0) {
                return Err(Violation::new("C3", format!("the size of `{}` along axis {axis} is {size}", state.name)));
            }
        }
        let (held, sizes) = (infer.held.ty(state), infer.ints(0).unwrap_or_default());
        let grown = |(axis, dim): (usize, &Dim)| match sizes.get(axis) {
            _ if !state.grows(axis) => dim.clone(),
            Some(size) => dim.maximum(size),
            None => Dim::Unknown,
        };
        let dims = held.dims().unwrap_or_default().iter().enumerate().map(grown);
        Ok(vec![Type::tensor(held.dtype, dims)])
    },
    holds: Some(result_is_held),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
