//! What the ops with bodies share.

use super::common::*;
use crate::infer::{Operand, Signature};

/// The types of carried values: what they begin with, joined with what the body takes and gives.
///
/// `parameter` and `result` are the places of the first carried value in the body's signature.
pub(super) fn carried(
    rule: &'static str,
    initial: &[Option<Operand>],
    body: Option<&Signature>,
    parameter: usize,
    result: usize,
) -> Result<Vec<Type>, Violation> {
    let mut types = Vec::with_capacity(initial.len());
    for (index, operand) in initial.iter().enumerate() {
        let Some(operand) = operand else {
            return Err(Violation::new("arity", format!("carried value {index} is missing")));
        };
        let turns = body
            .map_or([None, None], |body| [body.parameters.get(parameter + index), body.results.get(result + index)]);
        let mut ty = operand.ty.clone();
        for other in turns.into_iter().flatten() {
            ty = ty.join(other).ok_or_else(|| {
                Violation::new(rule, format!("carried value {index} begins as {} and becomes {other}", operand.ty))
            })?;
        }
        types.push(ty);
    }
    Ok(types)
}
