//! Features prepared: scaled, filled in, joined, marked.

use super::*;
use glassbox_ir::Dim;

/// (x - offset) * scale, as f32.
pub(super) fn scaler<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let mut result = c.x(0).cast(DType::F32);
    if let Some(offset) = c.floats("offset")? {
        result = result - c.f.constant(floats(c, &offset)?);
    }
    if let Some(scale) = c.floats("scale")? {
        result = result * c.f.constant(floats(c, &scale)?);
    }
    Ok(vec![result])
}

/// Rows divided by their largest element, the sum of their absolute values, or their length.
pub(super) fn normalizer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let x = c.x(0).cast(DType::F32);
    let divisor = match c.str("norm", "MAX")? {
        "MAX" => x.reduce(&ops::reduce_max::OP, &[-1], true),
        "L1" => x.abs().sum(&[-1], true),
        "L2" => (x * x).sum(&[-1], true).sqrt(),
        other => return Err(c.error(format!("attribute `norm` is {other:?}"))),
    };
    let zero = divisor.equal(divisor.scalar_like(0.0));
    Ok(vec![zero.select(x, x / divisor)])
}

/// Elements that equal one value (NaN equals NaN) replaced by another, the same or one for each column.
pub(super) fn imputer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let x = c.x(0);
    let (new_floats, new_ints) = (c.floats("imputed_value_floats")?, c.ints("imputed_value_int64s")?);
    let (old_float, old_int) = (c.float("replaced_value_float", 0.0)?, c.int("replaced_value_int64", 0)?);
    let (replaced, imputed) = match (x.dtype().is_float(), new_floats, new_ints) {
        (true, Some(new), None | Some([])) if old_float.is_nan() => {
            (x.unary(&ops::is_nan::OP), c.f.constant(floats(c, &new)?))
        }
        (true, Some(new), None | Some([])) => (x.equal(x.scalar_like(old_float)), c.f.constant(floats(c, &new)?)),
        (false, None, Some(new)) => (x.equal(c.f.int(old_int).cast(x.dtype())), c.f.ints(new)),
        _ => return Err(c.error("the imputed values must be given as floats for floats, as integers for integers")),
    };
    Ok(vec![replaced.select(imputed.cast(x.dtype()), x)])
}

/// Matrices side by side as f32, each cut or filled up with zeros to the given number of columns.
pub(super) fn feature_vectorizer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let columns = c.ints("inputdimensions")?;
    let operands = c.rest(0);
    let mut parts = Vec::with_capacity(operands.len());
    for (index, operand) in operands.into_iter().enumerate() {
        let mut part = operand.cast(DType::F32);
        if c.rank(index)? == 1 {
            part = part.unsqueeze(&[0]);
        }
        if let Some(columns) = columns {
            let wanted = columns.get(index).copied();
            let wanted = wanted.ok_or_else(|| c.error(format!("`inputdimensions` has nothing for operand {index}")))?;
            let wanted = wanted.max(0);
            // Of an unknown width, it is filled up by as much as may be missing, and cut then.
            let given = part.dims().and_then(|dims| dims.last().and_then(Dim::as_int));
            let missing = wanted - given.unwrap_or(0);
            if missing > 0 {
                part = part.binary(&ops::pad::OP, c.f.ints(&[0, 0, 0, missing]));
            }
            if given.is_none_or(|given| wanted < given) {
                part = part.slice(1, 0, wanted, 1);
            }
        }
        parts.push(part);
    }
    Ok(vec![c.f.concat(&parts, 1)])
}

/// A vector for each element that marks its category; of none it is zeros, or that is an error.
pub(super) fn one_hot_encoder<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (names, numbers) = (c.strs("cats_strings")?, c.ints("cats_int64s")?);
    let (x, keys) = match (names, numbers) {
        (Some(names), None | Some([])) => (c.x(0), strings(c, &names)?),
        (None, Some(numbers)) => (c.x(0).cast(DType::I64), ints(c, numbers)?),
        _ => return Err(c.error("the categories must be given as strings or as integers")),
    };
    let count = keys.len() as i64;
    let places = ints(c, &(0..count).collect::<Vec<_>>())?;
    let attrs = attrs! { keys: keys, values: places, default: ints(c, &[count])? };
    let places = c.f.op(&ops::label_encoder::OP, &[x], attrs);
    // One row for each category; one of zeros for all others, without which their place is an error.
    let rows = count + i64::from(c.bool("zeros", true)?);
    let shape = c.f.op(&ops::constant_of_shape::OP, &[c.f.ints(&[rows, count])], Attrs::new());
    let marks = c.f.op(&ops::eye_like::OP, &[shape], Attrs::new());
    Ok(vec![c.f.op(&ops::gather::OP, &[marks, places], attrs! { axis: 0i64 })])
}
