//! Scores: how they are transformed, and which class they say.

use super::*;

/// The scores of each row, transformed as `post_transform` says.
pub(super) fn transformed<'a>(c: &NodeContext<'a>, scores: Expr<'a>, transform: &str) -> Result<Expr<'a>, OnnxError> {
    Ok(match transform {
        "NONE" => scores,
        "LOGISTIC" => scores.sigmoid(),
        "SOFTMAX" => c.f.op(&ops::softmax::OP, &[scores], attrs! { axis: -1i64 }),
        "SOFTMAX_ZERO" => softmax_zero(scores),
        "PROBIT" => probit(scores),
        other => return Err(c.error(format!("attribute `post_transform` is {other:?}"))),
    })
}

/// Softmax in which scores of zero keep a share of zero.
fn softmax_zero(scores: Expr<'_>) -> Expr<'_> {
    let largest = scores.reduce(&ops::reduce_max::OP, &[-1], true);
    let near_zero = scores.abs().less(scores.scalar_like(1e-7));
    // A score that is as good as zero is multiplied by a number instead.
    let powers = near_zero.select(scores * (-largest).exp(), (scores - largest).exp());
    powers / powers.sum(&[-1], true)
}

/// The inverse of the normal distribution function, by Winitzki's approximation of the inverse error
/// function, as ONNX Runtime has it.
fn probit(scores: Expr<'_>) -> Expr<'_> {
    let x = scores * 2.0 - scores.scalar_like(1.0);
    let log = (scores.scalar_like(1.0) - x * x).log();
    let v = log * 0.5 + scores.scalar_like(2.0 / (std::f64::consts::PI * 0.147));
    let root = ((v * v - log * (1.0 / 0.147)).sqrt() - v).sqrt();
    x.sign() * root * std::f64::consts::SQRT_2
}

/// The label of the largest score of each row, of equal ones the first.
pub(super) fn best<'a>(c: &NodeContext<'a>, scores: Expr<'a>, labels: Tensor) -> Expr<'a> {
    let best = c.f.op(&ops::arg_max::OP, &[scores], attrs! { axis: -1i64, keepdims: false });
    c.f.op(&ops::gather::OP, &[c.f.constant(labels), best], attrs! { axis: 0i64 })
}

/// The second of two labels where the one score of a row is above the limit, else the first.
pub(super) fn by_limit<'a>(
    c: &NodeContext<'a>,
    score: Expr<'a>,
    limit: Expr<'a>,
    labels: Tensor,
) -> Result<Expr<'a>, OnnxError> {
    if labels.len() != 2 {
        return Err(c.unsupported(format!("one score for {} class labels", labels.len())));
    }
    let label = |index: usize| vector(c, labels.slice_axis(0, index, 1, 1).and_then(|label| label.reshape(&[])));
    let (no, yes) = (c.f.constant(label(0)?), c.f.constant(label(1)?));
    Ok(score.squeeze(&[1]).greater(limit).select(yes, no))
}

/// The scores of two classes that come from one. What the transforms make of them the specification doesn't say: as in ONNX
/// Runtime, `LOGISTIC` is that of each, and both kinds of softmax leave them as they are. What it makes of `PROBIT` isn't
/// defined: it writes one number where two are read.
pub(super) fn of_two<'a>(
    c: &NodeContext<'a>,
    no: Expr<'a>,
    yes: Expr<'a>,
    transform: &str,
) -> Result<Expr<'a>, OnnxError> {
    match transform {
        "NONE" | "LOGISTIC" => transformed(c, c.f.concat(&[no, yes], 1), transform),
        "SOFTMAX" | "SOFTMAX_ZERO" => {
            c.note(format!("{transform} leaves the one score for two classes as it is, and that of the other class"));
            transformed(c, c.f.concat(&[no, yes], 1), "NONE")
        }
        "PROBIT" => Err(c.unsupported("the transform \"PROBIT\" of one score for two classes")),
        other => Err(c.error(format!("attribute `post_transform` is {other:?}"))),
    }
}
