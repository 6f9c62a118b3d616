//! What the activations share: formulas of one float operand that round once at their end.

use super::common::*;
use super::{expm1, log1p};

/// An activation: fill in name, tier, doc and example.
pub(super) const ACTIVATION: OpDef = UNARY_FLOAT;

/// `formula` of the first operand, computed in f32 where its dtype is narrower, and cast back.
pub(super) fn of_widened<'a>(d: &Decompose<'a>, formula: impl FnOnce(Expr<'a>) -> Expr<'a>) -> Exprs<'a> {
    Ok(vec![formula(d.x(0).widened()).cast(d.dtype(0))])
}

/// x where it is positive, else 0.
pub(super) fn positive_part(x: Expr<'_>) -> Expr<'_> {
    x.maximum(x.scalar_like(0.0))
}

/// x where it is negative, else 0.
pub(super) fn negative_part(x: Expr<'_>) -> Expr<'_> {
    x.minimum(x.scalar_like(0.0))
}

/// `negative` where x is below zero, else x.
pub(super) fn below_zero<'a>(x: Expr<'a>, negative: Expr<'a>) -> Expr<'a> {
    x.less(x.scalar_like(0.0)).select(negative, x)
}

/// e^x - 1.
pub(super) fn expm1(x: Expr<'_>) -> Expr<'_> {
    x.unary(&expm1::OP)
}

/// ln(1 + e^x), without overflow.
pub(super) fn softplus(x: Expr<'_>) -> Expr<'_> {
    positive_part(x) + (-x.abs()).exp().unary(&log1p::OP)
}

/// max(0, min(1, alpha * x + beta)).
pub(super) fn hard_sigmoid(x: Expr<'_>, alpha: f64, beta: f64) -> Expr<'_> {
    let line = x * alpha + beta;
    positive_part(line.minimum(line.scalar_like(1.0)))
}

/// x * sigmoid(alpha * x).
pub(super) fn swish(x: Expr<'_>, alpha: f64) -> Expr<'_> {
    let gate = if alpha == 1.0 { x } else { x * alpha };
    x * gate.sigmoid()
}
