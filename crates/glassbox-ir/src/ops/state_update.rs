//! `state_update`: new contents for a region of a state.

use super::common::*;
use super::slices::{
    BOUNDS, ENDS, FILL, GROWTH, INDICES, LIMITS, SQUEEZE, STARTS, WITHIN, after_update, check_growth, infer_region,
};
use super::states::{STATE, find};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "state_update",
    tier: Tier::Control,
    doc: "The state `state` holds x in a region from here on; the result is x. The region is that of `state_slice`, and x \
          has its dims. Where the region lies past what the state holds along an axis that grows, the \
          state grows along it, as far as the region's end: the elements that come are x in the region and `fill` (zero, \
          if it isn't given) around it. Growing over `limits`, one for each axis with -1 for none, or over the state's \
          capacity is an error, as is a region past an axis that doesn't grow or that `within` names; the state stays as \
          it was.",
    inputs: &[Input::one("x", DTypes::Any), STARTS, ENDS],
    attrs: &[STATE, SQUEEZE, FILL, LIMITS, WITHIN],
    constraints: &[
        ("C1", "the graph declares the state"),
        BOUNDS,
        INDICES,
        (
            "C4",
            "counted from the front, 0 <= start <= end and 0 <= index; along an axis that doesn't grow or that is in \
             `within`, end <= what the state holds and index < what it holds",
        ),
        ("C5", "x has the state's dtype and the dims of the region"),
        ("C6", GROWTH),
        ("C7", "within lists axes of the state"),
    ],
    effects: Effects::READS.union(Effects::WRITES),
    example: "state f32[?, 2] [1, 2]: state_update(f32[2] [3, 4], i64[1] [1], i64[1] [0]) {state = \"s\", squeeze = [0]} \
              -> f32[2] [3, 4]",
    infer: |infer| {
        let state = find(infer, "C1")?;
        let region = infer_region(infer, &state.open_type(), &state.name, 1)?;
        check_growth(infer, state, "C6")?;
        let within = infer.attr.ints("within").unwrap_or_default();
        if let Some(rank) = state.ty.rank()
            && !within.iter().all(|axis| usize::try_from(*axis).is_ok_and(|axis| axis < rank))
        {
            return Err(Violation::new("C7", format!("within is {within:?}, and `{}` has {rank} axes", state.name)));
        }
        let x = infer.tensor(0)?;
        if x.dtype != state.ty.dtype || !region.admits(&x.shape) {
            let message = format!("`{}` is {}; a region of it that is {region} can't take {x}", state.name, state.ty);
            return Err(Violation::new("C5", message));
        }
        Ok(vec![TensorType { dtype: x.dtype, shape: x.shape.meet(&region) }.into()])
    },
    known: Some(|infer, _| vec![infer.operand(0).and_then(|x| x.known.clone())]),
    holds: Some(|infer, _| after_update(infer, find(infer, "C1").ok()?, 1)),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
