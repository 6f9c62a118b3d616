//! The ops that reduce axes.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("ArgMax", 1, direct(&ops::arg_max::OP)),
    row("ArgMin", 1, direct(&ops::arg_min::OP)),
    row("ReduceL1", 1, formula(|c| axes_from_attribute(c, &ops::reduce_l1::OP))).until(17),
    row("ReduceL1", 18, direct(&ops::reduce_l1::OP)),
    row("ReduceL2", 1, formula(|c| axes_from_attribute(c, &ops::reduce_l2::OP))).until(17),
    row("ReduceL2", 18, direct(&ops::reduce_l2::OP)),
    row("ReduceLogSum", 1, formula(|c| axes_from_attribute(c, &ops::reduce_log_sum::OP))).until(17),
    row("ReduceLogSum", 18, direct(&ops::reduce_log_sum::OP)),
    row("ReduceLogSumExp", 1, formula(|c| axes_from_attribute(c, &ops::reduce_log_sum_exp::OP))).until(17),
    row("ReduceLogSumExp", 18, direct(&ops::reduce_log_sum_exp::OP)),
    row("ReduceMax", 1, formula(|c| axes_from_attribute(c, &ops::reduce_max::OP))).until(17),
    row("ReduceMax", 18, direct(&ops::reduce_max::OP)),
    row("ReduceMean", 1, formula(|c| axes_from_attribute(c, &ops::reduce_mean::OP))).until(17),
    row("ReduceMean", 18, direct(&ops::reduce_mean::OP)),
    row("ReduceMin", 1, formula(|c| axes_from_attribute(c, &ops::reduce_min::OP))).until(17),
    row("ReduceMin", 18, direct(&ops::reduce_min::OP)),
    row("ReduceProd", 1, formula(|c| axes_from_attribute(c, &ops::reduce_prod::OP))).until(17),
    row("ReduceProd", 18, direct(&ops::reduce_prod::OP)),
    row("ReduceSum", 1, formula(|c| axes_from_attribute(c, &ops::reduce_sum::OP))).until(12),
    row("ReduceSum", 13, direct(&ops::reduce_sum::OP)),
    row("ReduceSumSquare", 1, formula(|c| axes_from_attribute(c, &ops::reduce_sum_square::OP))).until(17),
    row("ReduceSumSquare", 18, direct(&ops::reduce_sum_square::OP)),
];

/// An op whose optional second operand `axes` was an attribute. Its other attributes are as now.
pub(super) fn axes_from_attribute<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let axes = c.ints("axes")?.map(|axes| c.f.ints(axes));
    let attrs = c.attrs(op)?;
    Ok(vec![c.f.op_with(op, &[Some(c.x(0)), axes], attrs)])
}
