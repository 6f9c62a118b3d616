//! The ops of arithmetic: elementwise, and products of matrices.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Abs", 1, direct(&ops::abs::OP)),
    row("Add", 1, formula(|c| limited_broadcast(c, &ops::add::OP))).until(6),
    row("Add", 7, direct(&ops::add::OP)),
    row("Cos", 7, direct(&ops::cos::OP)),
    row("Div", 1, formula(|c| limited_broadcast(c, &ops::div::OP))).until(6),
    row("Div", 7, direct(&ops::div::OP)),
    row("Erf", 9, direct(&ops::erf::OP)),
    row("Exp", 1, direct(&ops::exp::OP)),
    row("Floor", 1, direct(&ops::floor::OP)),
    row("Log", 1, direct(&ops::log::OP)),
    row("MatMul", 1, direct(&ops::matmul::OP)),
    row("Max", 1, direct(&ops::max::OP)),
    row("Min", 1, direct(&ops::min::OP)),
    row("Mul", 1, formula(|c| limited_broadcast(c, &ops::mul::OP))).until(6),
    row("Mul", 7, direct(&ops::mul::OP)),
    row("Neg", 1, direct(&ops::neg::OP)),
    row("Pow", 1, formula(|c| limited_broadcast(c, &ops::pow::OP))).until(6),
    row("Pow", 7, direct(&ops::pow::OP)),
    row("Sign", 9, direct(&ops::sign::OP)),
    row("Sin", 7, direct(&ops::sin::OP)),
    row("Sqrt", 1, direct(&ops::sqrt::OP)),
    row("Sub", 1, formula(|c| limited_broadcast(c, &ops::sub::OP))).until(6),
    row("Sub", 7, direct(&ops::sub::OP)),
];

/// A binary op by the rules before version 7: without `broadcast` the shapes are the same; with it the
/// second operand's dims are those of the first from `axis` on, or by default its last ones.
pub(super) fn limited_broadcast<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let (broadcast, axis) = (c.bool("broadcast", false)?, c.opt_int("axis")?);
    let (a, b) = (c.x(0), c.x(1));
    if !broadcast {
        let differ = match (a.dims(), b.dims()) {
            (Some(a), Some(b)) => a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| a.same(b) == Some(false)),
            _ => false,
        };
        if differ {
            return Err(c.error(format!(
                "the operands are {} and {}; without `broadcast` they must be the same",
                a.ty(),
                b.ty()
            )));
        }
        return Ok(vec![a.binary(op, b)]);
    }
    let Some(axis) = axis else { return Ok(vec![a.binary(op, b)]) };
    let (rank, other) = (c.rank(0)?, c.rank(1)?);
    let first = c.axis(axis, rank)?;
    let Some(missing) = rank.checked_sub(first + other) else {
        return Err(c.error(format!("the second operand, {}, doesn't fit into {} at axis {axis}", b.ty(), a.ty())));
    };
    let trailing: Vec<i64> = (other..other + missing).map(|axis| axis as i64).collect();
    let b = if trailing.is_empty() { b } else { b.unsqueeze(&trailing) };
    Ok(vec![a.binary(op, b)])
}
