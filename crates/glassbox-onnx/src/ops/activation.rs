//! The activation functions.

use super::prelude::*;
use crate::error::OnnxError;

pub(super) const ROWS: &[Row] = &[
    row("Celu", 12, direct(&ops::celu::OP)),
    row("Elu", 1, direct(&ops::elu::OP)),
    row("Gelu", 20, direct(&ops::gelu::OP)),
    row("HardSigmoid", 1, direct(&ops::hard_sigmoid::OP)),
    row("HardSwish", 14, direct(&ops::hard_swish::OP)),
    row("Hardmax", 1, formula(|c| coerced_to_matrix(c, &ops::hardmax::OP))).until(12),
    row("Hardmax", 13, direct(&ops::hardmax::OP)),
    row("LeakyRelu", 1, direct(&ops::leaky_relu::OP)),
    row("LogSoftmax", 1, formula(|c| coerced_to_matrix(c, &ops::log_softmax::OP))).until(12),
    row("LogSoftmax", 13, direct(&ops::log_softmax::OP)),
    row("Mish", 18, direct(&ops::mish::OP)),
    row("PRelu", 1, formula(prelu_of_channels)).until(6),
    row("PRelu", 7, direct(&ops::prelu::OP)),
    row("Relu", 1, direct(&ops::relu::OP)),
    row("Selu", 1, formula(selu_of_few_digits)).until(5),
    row("Selu", 6, direct(&ops::selu::OP)),
    row("Shrink", 9, direct(&ops::shrink::OP)),
    row("Sigmoid", 1, direct(&ops::sigmoid::OP)),
    row("Softmax", 1, formula(|c| coerced_to_matrix(c, &ops::softmax::OP))).until(12),
    row("Softmax", 13, direct(&ops::softmax::OP)),
    row("Softplus", 1, direct(&ops::softplus::OP)),
    row("Softsign", 1, direct(&ops::softsign::OP)),
    row("SwiGLU", 28, direct(&ops::swiglu::OP)),
    row("Swish", 24, direct(&ops::swish::OP)),
    row("Tanh", 1, direct(&ops::tanh::OP)),
    row("ThresholdedRelu", 10, direct(&ops::thresholded_relu::OP)),
];

/// A function along an axis by the rules before version 13: all axes from `axis` on are one, as in a
/// matrix of which each row is treated for itself.
pub(super) fn coerced_to_matrix<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let axis = c.int("axis", 1)?;
    Ok(vec![coerced_to_matrix_of(c, c.x(0), axis, op)?])
}

/// The same of x, which has the rank of the first operand.
pub(super) fn coerced_to_matrix_of<'a>(
    c: &NodeContext<'a>,
    x: Expr<'a>,
    axis: i64,
    op: &'static OpDef,
) -> Result<Expr<'a>, OnnxError> {
    let rank = c.rank(0)?;
    let axis = c.axis(axis, rank)?;
    if axis + 1 == rank {
        return Ok(c.f.op(op, &[x], attrs! { axis: -1i64 }));
    }
    let empty = x.dims().is_some_and(|dims| dims.iter().any(|dim| dim.as_int() == Some(0)));
    if empty {
        return Ok(x);
    }
    // No -1 stands in a shape, which says nothing where another extent turns out to be 0.
    let rows = c.f.op(&ops::flatten::OP, &[x], attrs! { axis: axis as i64 });
    let result = c.f.op(op, &[rows], attrs! { axis: -1i64 });
    Ok(c.f.op(&ops::reshape::OP, &[result, x.unary(&ops::shape::OP)], attrs! { allowzero: true }))
}

/// Before version 7 the slopes were one for all, or a vector of one for each channel, which is axis 1.
fn prelu_of_channels<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, slope) = (c.x(0), c.x(1));
    let rank = c.rank(0)?;
    let single = slope.dims().is_some_and(|dims| dims.iter().all(|dim| dim.as_int() == Some(1)));
    let slope = match (single, c.rank(1)?) {
        (true, _) => slope.reshape(&[]),
        (false, 1) if rank > 2 => slope.unsqueeze(&(1..rank as i64 - 1).collect::<Vec<_>>()),
        _ => slope,
    };
    Ok(vec![x.binary(&ops::prelu::OP, slope)])
}

/// Before version 6 the defaults had fewer digits.
fn selu_of_few_digits<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (alpha, gamma) = (c.float("alpha", f64::from(1.6732f32))?, c.float("gamma", f64::from(1.0507f32))?);
    Ok(vec![c.f.op(&ops::selu::OP, &[c.x(0)], attrs! { alpha: alpha, gamma: gamma })])
}
