//! The ops that reduce axes.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("ReduceMax", 1, formula(|c| axes_from_attribute(c, &ops::reduce_max::OP))).until(17),
    row("ReduceMax", 18, direct(&ops::reduce_max::OP)),
    row("ReduceMean", 1, formula(|c| axes_from_attribute(c, &ops::reduce_mean::OP))).until(17),
    row("ReduceMean", 18, direct(&ops::reduce_mean::OP)),
    row("ReduceSum", 1, formula(|c| axes_from_attribute(c, &ops::reduce_sum::OP))).until(12),
    row("ReduceSum", 13, direct(&ops::reduce_sum::OP)),
];

/// An op whose optional second operand `axes` was an attribute. Its other attributes are as now.
pub(super) fn axes_from_attribute<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let axes = c.ints("axes")?.map(|axes| c.f.ints(axes));
    let attrs = c.attrs(op)?;
    Ok(vec![c.f.op_with(op, &[Some(c.x(0)), axes], attrs)])
}
