//! `loop`: a body that runs again and again.

use super::common::*;
use super::control::carried;
use crate::infer::{AttrView, Operand, Signature};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "loop",
    tier: Tier::Control,
    doc: "Runs its body while the count isn't reached and the condition holds. The body is given the iteration (i64, \
          from 0), the condition and the carried values; it gives the next condition, the next carried values and \
          then the scan values. Results: the carried values at the end, then each scan value of all iterations \
          stacked along a new first axis. Without `trip_count` the count, without `condition` the condition at the \
          start is no bound. A loop that doesn't run gives scan results of extent 0.",
    inputs: &[
        Input::one("trip_count", DTypes::These(&[DType::I64])).optional(),
        Input::one("condition", DTypes::These(&[DType::Bool])).optional(),
        Input::value("carried").mixed(0),
    ],
    outputs: &[Output::variadic("results")],
    constraints: &[
        ("C1", "the body takes the iteration, the condition and the carried values, and gives the condition, the carried and the scan values"),
        ("C2", "each carried value keeps its kind and dtype"),
        ("C3", "scan values are tensors"),
    ],
    regions: 1,
    example: "loop(i64[] 3, _, i64[] 1) (%i: i64[], %go: bool[], %x: i64[]) { %y = add(%x, %x) : i64[] yield %go, %y, %x } \
              -> i64[] 8, i64[3] [1, 2, 4]",
    infer,
    body_types: Some(body_types),
    ..OpDef::BASE
};

/// The types that the body's parameters have, given what it is known to give so far.
fn body_types(
    _: AttrView,
    operands: &[Option<Operand>],
    regions: Option<&[Signature]>,
) -> Result<Vec<Vec<Type>>, Violation> {
    let initial = operands.get(2..).unwrap_or_default();
    let mut parameters = vec![Type::scalar(DType::I64), Type::scalar(DType::Bool)];
    parameters.extend(carried("C2", initial, regions.and_then(|regions| regions.first()), 2, 1)?);
    Ok(vec![parameters])
}

fn infer(infer: &Infer) -> Types {
    let count = infer.operands.len().saturating_sub(2);
    let body = &infer.regions[0];
    if body.parameters.len() != count + 2 || body.results.len() < count + 1 {
        let message = format!(
            "with {count} carried values the body takes {} and gives at least {} values, not {} and {}",
            count + 2,
            count + 1,
            body.parameters.len(),
            body.results.len()
        );
        return Err(Violation::new("C1", message));
    }
    if !matches!(&body.results[0], Type::Tensor(condition) if condition.dtype == DType::Bool) {
        return Err(Violation::new("C1", format!("the body's condition is {}, not bool", body.results[0])));
    }
    let mut types = body.parameters[2..].to_vec();
    // The body's condition may stop the loop at any turn, so the count doesn't say how often it runs.
    for scan in &body.results[count + 1..] {
        types.push(stacked(scan)?);
    }
    Ok(types)
}

/// The type of all turns of a scan value.
fn stacked(ty: &Type) -> Result<Type, Violation> {
    let Type::Tensor(tensor) = ty else {
        return Err(Violation::new("C3", format!("a scan value is {ty}, not a tensor")));
    };
    Ok(match tensor.dims() {
        Some(dims) => Type::tensor(tensor.dtype, [Dim::Unknown].into_iter().chain(dims.iter().cloned())),
        None => Type::unranked(tensor.dtype),
    })
}
