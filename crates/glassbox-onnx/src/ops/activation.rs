//! The activation functions.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Sigmoid", 1, direct(&ops::sigmoid::OP)),
    row("Softmax", 1, formula(|c| coerced_to_matrix(c, &ops::softmax::OP))).until(12),
    row("Softmax", 13, direct(&ops::softmax::OP)),
    row("Tanh", 1, direct(&ops::tanh::OP)),
];

/// A function along an axis by the rules before version 13: all axes from `axis` on are one, as in a
/// matrix of which each row is treated for itself.
pub(super) fn coerced_to_matrix<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let x = c.x(0);
    let axis = c.int("axis", 1)?;
    let rank = c.rank(0)?;
    let axis = c.axis(axis, rank)?;
    if axis + 1 == rank {
        return Ok(vec![c.f.op(op, &[x], attrs! { axis: -1i64 })]);
    }
    let empty = x.dims().is_some_and(|dims| dims.iter().any(|dim| dim.as_int() == Some(0)));
    if empty {
        return Ok(vec![x]);
    }
    // The axes before it keep their extents (0 in the shape), so that no product of dims is needed.
    let shape: Vec<i64> = (0..axis).map(|_| 0).chain([-1]).collect();
    let rows = x.binary(&ops::reshape::OP, c.f.ints(&shape));
    let result = c.f.op(op, &[rows], attrs! { axis: -1i64 });
    Ok(vec![result.binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}
