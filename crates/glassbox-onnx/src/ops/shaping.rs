//! The ops that change shapes, and constants.

use super::prelude::*;
use super::reduction::axes_from_attribute;

pub(super) const ROWS: &[Row] = &[
    row(
        "Concat",
        1,
        formula(|c| Ok(vec![c.f.op_with(&ops::concat::OP, &c.operands(), attrs! { axis: c.int("axis", 1)? })])),
    )
    .until(3),
    row("Concat", 4, direct(&ops::concat::OP)),
    row("Constant", 1, formula(constant)),
    row("Identity", 1, formula(|c| Ok(vec![c.x(0)]))),
    row("Reshape", 1, formula(reshape_by_attribute)).until(4),
    row("Reshape", 5, bare(&ops::reshape::OP)).until(13),
    row("Reshape", 14, direct(&ops::reshape::OP)),
    row("Shape", 1, bare(&ops::shape::OP)).until(14),
    row("Shape", 15, direct(&ops::shape::OP)),
    row("Slice", 1, formula(slice_by_attributes)).until(9),
    row("Slice", 10, direct(&ops::slice::OP)),
    row("Squeeze", 1, formula(|c| axes_from_attribute(c, &ops::squeeze::OP))).until(12),
    row("Squeeze", 13, direct(&ops::squeeze::OP)),
    row("Transpose", 1, direct(&ops::transpose::OP)),
    row("Unsqueeze", 1, formula(|c| axes_from_attribute(c, &ops::unsqueeze::OP))).until(12),
    row("Unsqueeze", 13, direct(&ops::unsqueeze::OP)),
];

/// One attribute says the value, and by its name the dtype.
fn constant<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let vector = |length: usize| {
        if c.has_attr("value_ints") || c.has_attr("value_floats") || c.has_attr("value_strings") {
            vec![length]
        } else {
            vec![]
        }
    };
    let mut values = Vec::new();
    values.extend(c.tensor("value")?);
    values.extend(c.tensor("sparse_value")?);
    let ints = c.ints("value_ints")?.map(<[i64]>::to_vec).or(c.opt_int("value_int")?.map(|value| vec![value]));
    if let Some(ints) = ints {
        values.push(Tensor::from_vec(&vector(ints.len()), ints).map_err(|error| c.error(error))?);
    }
    let floats = c.floats("value_floats")?.or(c.opt_float("value_float")?.map(|value| vec![value]));
    if let Some(floats) = floats {
        let floats: Vec<f32> = floats.into_iter().map(|value| value as f32).collect();
        values.push(Tensor::from_vec(&vector(floats.len()), floats).map_err(|error| c.error(error))?);
    }
    let strings = c.strs("value_strings")?.or(c.opt_str("value_string")?.map(|value| vec![value]));
    if let Some(strings) = strings {
        let strings: Vec<String> = strings.into_iter().map(str::to_owned).collect();
        values.push(Tensor::from_strings(&vector(strings.len()), strings).map_err(|error| c.error(error))?);
    }
    match <[Tensor; 1]>::try_from(values) {
        Ok([value]) if c.attribute_count() == 1 => Ok(vec![c.f.constant(value)]),
        _ => Err(c.error("exactly one attribute must say the value")),
    }
}

/// The shape was an attribute.
fn reshape_by_attribute<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let shape = c.f.ints(c.ints("shape")?.unwrap_or_default());
    Ok(vec![c.x(0).binary(&ops::reshape::OP, shape)])
}

/// Starts, ends and axes were attributes, and there were no steps.
fn slice_by_attributes<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let starts = c.f.ints(c.required("starts", c.ints("starts")?)?);
    let ends = c.f.ints(c.required("ends", c.ints("ends")?)?);
    let axes = c.ints("axes")?.map(|axes| c.f.ints(axes));
    Ok(vec![c.f.op_with(&ops::slice::OP, &[Some(c.x(0)), Some(starts), Some(ends), axes], Attrs::new())])
}
