//! The ops of attention.

use super::prelude::*;
use crate::error::OnnxError;
use crate::model::Graph;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("Attention", 23, direct(&ops::attention::OP)),
    row("LinearAttention", 27, direct(&ops::linear_attention::OP)),
    row("RotaryEmbedding", 23, direct(&ops::rotary_embedding::OP)),
    row("ai.onnx.preview.FlexAttention", 1, formula(flex_attention)),
];

/// Attention whose scores and probabilities each go through a graph of the node's own, where it has one.
fn flex_attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (score, prob) = (c.opt_graph("score_mod")?, c.opt_graph("prob_mod")?);
    let [q, k, v] = [c.x(0), c.x(1), c.x(2)];
    let dtype = q.dtype();
    let wide = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let precision = c.dtype("softmax_precision")?.unwrap_or(wide);
    let scale = c.opt_float("scale")?;
    if score.is_none() && prob.is_none() {
        let mut attrs = attrs! { softmax_precision: precision };
        attrs.extend(scale.map(|scale| ("scale", scale.into())));
        return Ok(vec![c.f.op(&ops::attention::OP, &[q, k, v], attrs)]);
    }
    let size = q.dims().and_then(|dims| dims.get(3)?.as_int());
    let scale = match (scale, size) {
        (Some(scale), _) => scale,
        (None, Some(size)) => 1.0 / (size as f64).sqrt(),
        (None, None) => return Err(c.unsupported(format!("a query whose heads have no known size, {},", q.ty()))),
    };
    let sizes = |x: Expr<'a>, start: i64, end: i64| c.f.op(&ops::shape::OP, &[x], attrs! { start: start, end: end });
    let shaped = |x: Expr<'a>, shape: &[Expr<'a>]| x.binary(&ops::reshape::OP, c.f.concat(shape, 0));
    // Neighbouring heads that share a key head stand in an axis of their own.
    let (batch, heads, steps, kv_heads, keys) =
        (sizes(q, 0, 1), sizes(q, 1, 2), sizes(q, 2, 3), sizes(k, 1, 2), sizes(k, 2, 3));
    let (rest, shared) = (c.f.ints(&[-1]), |x: Expr<'a>| x.cast(wide).unsqueeze(&[2]));
    let grouped = shaped(q.cast(wide), &[batch, kv_heads, heads.binary(&ops::div::OP, kv_heads), steps, rest]);
    let scores = grouped.matmul(shared(k.transpose(&[0, 1, 3, 2]))) * scale;
    let scores = shaped(scores, &[batch, heads, steps, keys]).cast(precision);
    let scores = modified(c, scores, score, "score_mod")?;
    let probabilities = c.f.op(&ops::softmax::OP, &[scores], attrs! { axis: -1i64 });
    let probabilities = modified(c, probabilities, prob, "prob_mod")?.cast(wide);
    let grouped = shaped(probabilities, &[batch, kv_heads, heads.binary(&ops::div::OP, kv_heads), steps, keys]);
    let mixed = grouped.matmul(shared(v));
    Ok(vec![shaped(mixed, &[batch, heads, steps, rest]).cast(dtype)])
}

/// What a graph of the node makes of x; without a graph, x.
fn modified<'a>(
    c: &NodeContext<'a>,
    x: Expr<'a>,
    graph: Option<&'a Graph>,
    name: &'static str,
) -> Result<Expr<'a>, OnnxError> {
    let Some(graph) = graph else { return Ok(x) };
    let region = c.region(graph, &[x.ty()])?.id;
    Ok(c.f.op_many(&ops::call::OP, &[Some(x)], attrs! { function: name }, vec![region], 1)[0])
}
