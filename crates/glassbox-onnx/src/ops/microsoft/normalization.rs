//! Layer and root-mean-square normalisation, with the sums that are fused to them.

use super::activation::{swish, wide};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.BranchwiseRMSNorm", 1, formula(branchwise_rms_norm)),
    row("com.microsoft.GatedRMSNorm", 1, formula(gated_rms_norm)),
    row("com.microsoft.SkipLayerNormalization", 1, formula(skip_layer_normalization)),
    row("com.microsoft.SkipSimplifiedLayerNormalization", 1, formula(skip_simplified_layer_normalization)),
    // Exporters and optimisers write it into the default domain, which doesn't have it.
    row("SimplifiedLayerNormalization", 1, formula(simplified_layer_normalization)),
];

/// 1e-12 as the schemas have it.
pub(super) const TINY: f64 = 1e-12f32 as f64;

/// The operands in these places added, not rounded to a narrow dtype.
fn wide_sum<'a>(c: &NodeContext<'a>, bias: usize) -> Expr<'a> {
    let sum = c.x(0).widened() + c.x(1).widened();
    c.opt(bias).map_or(sum, |bias| sum + bias.widened())
}

/// The last axis brought to mean 0 and variance 1: the result, mean and 1 / deviation.
pub(super) fn layer_normalized<'a>(
    x: Expr<'a>,
    gamma: Expr<'a>,
    beta: Option<Expr<'a>>,
    epsilon: f64,
) -> Vec<Expr<'a>> {
    let dtype = wide(x);
    let operands = [Some(x.cast(dtype)), Some(gamma.cast(dtype)), beta.map(|beta| beta.cast(dtype))];
    let attrs = attrs! { axis: -1i64, epsilon: epsilon, stash_type: dtype };
    x.owner().op_many(&ops::layer_normalization::OP, &operands, attrs, Vec::new(), 3)
}

/// The last axis divided by the root of the mean of its squares, times gamma.
pub(super) fn rms_normalized<'a>(x: Expr<'a>, gamma: Expr<'a>, axis: i64, epsilon: f64) -> Expr<'a> {
    let dtype = wide(x);
    let attrs = attrs! { axis: axis, epsilon: epsilon, stash_type: dtype };
    x.owner().op(&ops::rms_normalization::OP, &[x.cast(dtype), gamma.cast(dtype)], attrs)
}

/// 1 / the root of the mean of the squares, and epsilon, over the axes from `axis` on.
fn inverse_root<'a>(x: Expr<'a>, axis: i64, epsilon: f64) -> Expr<'a> {
    let first = x.axis(axis) as i64;
    let axes: Vec<i64> = (first..x.rank().unwrap_or(0) as i64).collect();
    ((x * x).mean(&axes, true) + epsilon).sqrt().unary(&ops::reciprocal::OP)
}

/// Results: normalised, mean, 1 / deviation, and what was normalised, the sum of input, skip and bias.
fn skip_layer_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (sum, dtype, epsilon) = (wide_sum(c, 4), c.x(0).dtype(), c.float("epsilon", TINY)?);
    let results = layer_normalized(sum, c.x(2), c.opt(3), epsilon);
    Ok(vec![results[0].cast(dtype), results[1], results[2], sum.cast(dtype)])
}

/// Results as of the other; there is no mean, so in its place stands 0.
fn skip_simplified_layer_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (sum, dtype, epsilon) = (wide_sum(c, 3), c.x(0).dtype(), c.float("epsilon", TINY)?);
    let normalised = rms_normalized(sum, c.x(2), -1, epsilon).cast(dtype);
    if c.outputs == 1 {
        return Ok(vec![normalised]);
    }
    c.rank(0)?;
    let inverse = inverse_root(sum, -1, epsilon);
    Ok(vec![normalised, inverse * 0.0, inverse, sum.cast(dtype)])
}

/// The first stage is computed in `stash_type`, of f64 in f64; the result has the dtype of the scale.
fn simplified_layer_normalization<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (axis, epsilon) = (c.int("axis", -1)?, c.float("epsilon", f64::from(1e-5f32))?);
    let stash = c.dtype("stash_type")?.unwrap_or(DType::F32);
    let stash = if c.x(0).dtype() == DType::F64 { DType::F64 } else { stash };
    let attrs = attrs! { axis: axis, epsilon: epsilon, stash_type: stash };
    let y = c.f.op(&ops::rms_normalization::OP, &[c.x(0), c.x(1)], attrs);
    if c.outputs == 1 {
        return Ok(vec![y]);
    }
    c.rank(0)?;
    Ok(vec![y, inverse_root(c.x(0).cast(stash), axis, epsilon)])
}

/// Runs of as many numbers as there are scales, normalised, times an activation of the gate.
fn gated_rms_norm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, scale, gate) = (c.x(0), c.x(1), c.x(2).widened());
    let epsilon = c.float("epsilon", f64::from(1e-5f32))?;
    let count = c.sizes(1)?.iter().product::<usize>() as i64;
    let normalised = rms_normalized(shaped(x, &[-1, count]), scale, -1, epsilon);
    let gate = match c.str("activation", "silu")? {
        "silu" | "swish" => swish(gate, 1.0),
        "sigmoid" => gate.sigmoid(),
        other => return Err(c.error(format!("attribute `activation` is {other:?}"))),
    };
    let y = normalised * shaped(gate, &[-1, count]);
    Ok(vec![y.cast(x.dtype()).binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}

/// Each of the branches, an axis before the last or as many runs of the last, normalised for itself.
fn branchwise_rms_norm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, branches) = (c.x(0), c.int("num_branches", 0)?);
    let (rank, epsilon) = (c.rank(0)?, c.float("epsilon", f64::from(1e-5f32))?);
    let grouped = if branches > 0 {
        let shape: Vec<i64> = (1..rank).map(|_| 0).chain([branches, -1]).collect();
        shaped(x.widened(), &shape)
    } else {
        x.widened()
    };
    let root = inverse_root(grouped, -1, epsilon);
    let mut y = grouped * root;
    if let Some(scale) = c.opt(1) {
        let scale = scale.cast(y.dtype());
        // One vector for all branches, or one for each; flat where they are side by side.
        let flat = c.rank(1)? == 1;
        let (count, width) = (extent(grouped, -2), extent(grouped, -1));
        let whole = c.f.concat(&[c.f.ints(&[-1]), width], 0);
        let scale = if flat { scale.binary(&ops::reshape::OP, whole) } else { scale };
        let all = c.f.concat(&[count, extent(grouped, -1)], 0);
        y = y * scale.binary(&ops::expand::OP, all);
    }
    Ok(vec![y.cast(x.dtype()).binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}
