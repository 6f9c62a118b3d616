//! `scan`: a body that runs over the slices of its inputs.

use super::common::*;
use super::control::carried;
use crate::infer::{AttrView, Operand, Signature};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "scan",
    tier: Tier::Control,
    doc: "Runs its body for each slice of the last `num_scan_inputs` operands, taken along `scan_input_axes`, from the \
          back where `scan_input_directions` is 1. The body is given the states and one slice of each scan input; it \
          gives the next states and then one slice for each scan result. Results: the states at the end, then the \
          slices stacked along `scan_output_axes`, from the back where `scan_output_directions` is 1.",
    inputs: &[Input::value("states_and_inputs").mixed(1)],
    outputs: &[Output::variadic("results")],
    attrs: &[
        AttrSpec::required("num_scan_inputs", AttrKind::Int),
        AttrSpec::optional("scan_input_axes", AttrKind::Ints),
        AttrSpec::optional("scan_input_directions", AttrKind::Ints),
        AttrSpec::optional("scan_output_axes", AttrKind::Ints),
        AttrSpec::optional("scan_output_directions", AttrKind::Ints),
    ],
    constraints: &[
        ("C1", "num_scan_inputs is in [1, operands], and the body takes as many values as there are operands"),
        ("C2", "each state keeps its kind and dtype"),
        ("C3", "scan inputs and results are tensors; their axes are in range and as many as they"),
        ("C4", "scan inputs have the same extent along their axes"),
        ("C5", "directions are 0 or 1"),
    ],
    regions: 1,
    example: "scan(i64[] 0, i64[3] [1, 2, 3]) {num_scan_inputs = 1} (%s: i64[], %x: i64[]) \
              { %t = add(%s, %x) : i64[] yield %t, %t } -> i64[] 6, i64[3] [1, 3, 6]",
    infer,
    body_types: Some(body_types),
    ..OpDef::BASE
};

/// How many of `operands` operands are states.
fn state_count(attr: AttrView, operands: usize) -> Result<usize, Violation> {
    let inputs = attr.int("num_scan_inputs");
    let states = usize::try_from(inputs).ok().filter(|count| *count >= 1).and_then(|count| operands.checked_sub(count));
    states.ok_or_else(|| Violation::new("C1", format!("num_scan_inputs is {inputs} of {operands} operands")))
}

/// The axis of each of `count` scan inputs or results, of which `rank` tells the rank.
fn axes(
    given: Option<&[i64]>,
    count: usize,
    rank: impl Fn(usize) -> Option<usize>,
) -> Result<Vec<Option<usize>>, Violation> {
    let given = given.map_or_else(|| vec![0; count], <[i64]>::to_vec);
    if given.len() != count {
        return Err(Violation::new("C3", format!("{} axes for {count} tensors", given.len())));
    }
    let axis = |(index, axis): (usize, &i64)| rank(index).map(|rank| normalise_axis("C3", *axis, rank)).transpose();
    given.iter().enumerate().map(axis).collect()
}

/// The types that the body's parameters have, given what it is known to give so far.
fn body_types(
    attr: AttrView,
    operands: &[Option<Operand>],
    regions: Option<&[Signature]>,
) -> Result<Vec<Vec<Type>>, Violation> {
    let count = state_count(attr, operands.len())?;
    let (states, inputs) = operands.split_at(count);
    let mut parameters = carried("C2", states, regions.and_then(|regions| regions.first()), 0, 0)?;
    let tensors = scan_inputs(inputs)?;
    let axes = axes(attr.ints("scan_input_axes"), tensors.len(), |index| tensors[index].rank())?;
    for (tensor, axis) in tensors.iter().zip(axes) {
        parameters.push(match (tensor.dims(), axis) {
            (Some(dims), Some(axis)) => {
                let rest = dims.iter().enumerate().filter(|(index, _)| *index != axis);
                Type::tensor(tensor.dtype, rest.map(|(_, dim)| dim.clone()))
            }
            _ => Type::unranked(tensor.dtype),
        });
    }
    Ok(vec![parameters])
}

fn scan_inputs(operands: &[Option<Operand>]) -> Result<Vec<&TensorType>, Violation> {
    let tensors = operands.iter().map(|operand| operand.as_ref().and_then(|operand| operand.ty.as_tensor()));
    tensors.collect::<Option<_>>().ok_or_else(|| Violation::new("C3", "a scan input is missing or isn't a tensor"))
}

fn infer(infer: &Infer) -> Types {
    let states = state_count(infer.attr, infer.operands.len())?;
    let body = &infer.regions[0];
    if body.parameters.len() != infer.operands.len() || body.results.len() < states {
        let message = format!("the body takes {} values and gives {}", body.parameters.len(), body.results.len());
        return Err(Violation::new("C1", message));
    }
    let inputs = scan_inputs(&infer.operands[states..])?;
    let input_axes = axes(infer.attr.ints("scan_input_axes"), inputs.len(), |index| inputs[index].rank())?;
    let mut turns = Dim::Unknown;
    for (tensor, axis) in inputs.iter().zip(input_axes) {
        let (Some(dims), Some(axis)) = (tensor.dims(), axis) else { continue };
        if turns.same(&dims[axis]) == Some(false) {
            return Err(Violation::new("C4", format!("scan inputs have extents {turns} and {}", dims[axis])));
        }
        turns = turns.meet(&dims[axis]);
    }
    let mut types = body.parameters[..states].to_vec();
    let slices = &body.results[states..];
    for (name, count) in [("scan_input_directions", inputs.len()), ("scan_output_directions", slices.len())] {
        let wrong = |given: &&[i64]| given.len() != count || given.iter().any(|value| !(0..=1).contains(value));
        if let Some(given) = infer.attr.ints(name).filter(wrong) {
            return Err(Violation::new("C5", format!("{name} is {given:?} for {count} tensors")));
        }
    }
    let rank = |index: usize| slices[index].as_tensor().and_then(TensorType::rank).map(|rank| rank + 1);
    let output_axes = axes(infer.attr.ints("scan_output_axes"), slices.len(), rank)?;
    for (slice, axis) in slices.iter().zip(output_axes) {
        let Type::Tensor(tensor) = slice else {
            return Err(Violation::new("C3", format!("a scan result is {slice}, not a tensor")));
        };
        types.push(match (tensor.dims(), axis) {
            (Some(dims), Some(axis)) => {
                let mut dims = dims.to_vec();
                dims.insert(axis, turns.clone());
                Type::tensor(tensor.dtype, dims)
            }
            _ => Type::unranked(tensor.dtype),
        });
    }
    Ok(types)
}
