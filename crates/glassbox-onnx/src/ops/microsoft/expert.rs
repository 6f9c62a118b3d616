//! Mixtures of experts: a few of many networks for each token.
//!
//! Every expert is computed for every token and weighed with 0 where it isn't chosen, so a node costs as much as all
//! of its experts.

use super::activation::{gelu, swish, wide};
use super::block_quantized::{Blocks, codes, unpacked};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] =
    &[row("com.microsoft.MoE", 1, formula(moe)), row("com.microsoft.QMoE", 1, formula(quantised_moe))];

/// The weights [experts, outer, inner] and biases of the two or three layers of each expert.
struct Layers<'a> {
    first: Layer<'a>,
    second: Layer<'a>,
    third: Option<Layer<'a>>,
}

struct Layer<'a> {
    weight: Expr<'a>,
    bias: Option<Expr<'a>>,
}

impl<'a> Layer<'a> {
    /// The layer of each expert on x [tokens or experts, tokens, inner]: [experts, tokens, outer].
    fn of(&self, x: Expr<'a>) -> Expr<'a> {
        let product = x.matmul(self.weight.cast(x.dtype()).transpose(&[0, 2, 1]));
        self.bias.map_or(product, |bias| product + bias.cast(x.dtype()).unsqueeze(&[1]))
    }
}

fn moe<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let layer = |weight: usize| Layer { weight: c.x(weight), bias: c.opt(weight + 1) };
    let third = c.opt(6).map(|_| layer(6));
    mixed(c, &Layers { first: layer(2), second: layer(4), third }, None)
}

/// Weights of integers, in rows or in blocks of rows.
fn quantised_moe<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.ignore("accuracy_level");
    match c.str("quant_type", "int")? {
        "int" => {}
        other => return Err(c.unsupported(format!("weights of the kind {other:?} (attribute `quant_type`)"))),
    }
    if c.int("weights_prepacked", -1)? > 0 {
        return Err(c.unsupported("weights that are packed for one kernel; save the model without it: it"));
    }
    without(c, &[15, 16, 17, 18, 19, 20], "scales of floats of 4 and 8 bits")?;
    let bits = c.int("expert_weight_bits", 4)?;
    let size = c.int("block_size", 0)?;
    let layer = |weight: usize, zero: usize, own: &str| -> Result<Layer<'a>, OnnxError> {
        let bits = c.int(own, bits)?;
        codes(c, bits)?;
        let x = unpacked(c, weight, bits)?;
        let sizes = x.dims().map(|dims| dims.iter().filter_map(|dim| dim.as_int()).collect::<Vec<_>>());
        let [experts, outer, inner] = sizes.unwrap_or_default()[..] else {
            return Err(c.unsupported(format!("weights of unknown dims, {},", x.ty())));
        };
        let rows = |x: Expr<'a>| shaped(x, &[experts * outer, -1]);
        let size = if size > 0 { size } else { inner };
        let blocks = inner / size.max(1);
        let zeros = match c.opt(zero) {
            None => None,
            // Zero points of rows are packed along the rows, those of blocks along the blocks.
            Some(_) if c.rank(zero)? == 2 => Some(rows(unpacked(c, zero, bits)?.slice(1, 0, outer, 1))),
            Some(_) => Some(rows(unpacked(c, zero, bits)?.slice(2, 0, blocks, 1))),
        };
        let blocks = Blocks { codes: rows(x), scales: rows(c.x(weight + 1)), zeros, bits };
        Ok(Layer { weight: shaped(blocks.numbers(size), &[experts, outer, inner]), bias: c.opt(weight + 2) })
    };
    let first = layer(2, 11, "fc1_expert_weight_bits")?;
    let second = layer(5, 12, "fc2_expert_weight_bits")?;
    let third = match c.opt(8) {
        Some(_) => Some(layer(8, 13, "fc3_expert_weight_bits")?),
        None => {
            c.ignore("fc3_expert_weight_bits");
            None
        }
    };
    mixed(c, &Layers { first, second, third }, c.opt(14))
}

/// The experts' results for each token, weighed and added.
fn mixed<'a>(c: &NodeContext<'a>, layers: &Layers<'a>, weights: Option<Expr<'a>>) -> Exprs<'a> {
    let x = c.x(0);
    let dtype = wide(x);
    let tokens = x.cast(dtype).binary(&ops::reshape::OP, c.f.concat(&[c.f.ints(&[-1]), extent(x, -1)], 0));
    let hidden = activated(c, layers, tokens.unsqueeze(&[0]))?;
    let each = layers.second.of(hidden);
    let [shares, chosen] = shares(c, weights, dtype)?.map(|x| x.transpose(&[1, 0]).unsqueeze(&[2]));
    // What isn't finite in an expert that a token doesn't get is none of that token's.
    let weighed = each * shares;
    let y = chosen.select(weighed, weighed.scalar_like(0.0)).sum(&[0], false);
    Ok(vec![y.cast(x.dtype()).binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}

/// What part of each expert a token gets, [tokens, experts]: of the chosen ones the softmax of the router, over all
/// experts or with `normalize_routing_weights` over the chosen ones. And which are chosen.
fn shares<'a>(c: &NodeContext<'a>, weights: Option<Expr<'a>>, dtype: DType) -> Result<[Expr<'a>; 2], OnnxError> {
    only_int(c, "use_sparse_mixer", 0, "a sparse mixer")?;
    let (count, normalised) = (c.int("k", 1)?, c.bool("normalize_routing_weights", false)?);
    let router = c.x(1).cast(dtype);
    let chosen =
        c.f.op_many(&ops::top_k::OP, &[Some(router), Some(c.f.ints(&[count]))], attrs! { axis: -1i64 }, vec![], 2);
    let soft = |x: Expr<'a>| c.f.op(&ops::softmax::OP, &[x], attrs! { axis: -1i64 });
    let picked = |x: Expr<'a>| c.f.op(&ops::gather_elements::OP, &[x, chosen[1]], attrs! { axis: -1i64 });
    let shares = match (weights, normalised) {
        (Some(weights), normalised) => {
            let shares = picked(weights.cast(dtype));
            if normalised { shares / shares.sum(&[-1], true) } else { shares }
        }
        (None, true) => soft(chosen[0]),
        (None, false) => picked(soft(router)),
    };
    let scattered =
        |x: Expr<'a>, to: Expr<'a>| c.f.op(&ops::scatter_elements::OP, &[to, chosen[1], x], attrs! { axis: 1i64 });
    let none = router.less(router);
    Ok([scattered(shares, router), scattered(!chosen[1].less(c.f.int(0)), none)])
}

/// The first layer, activated; a gated activation has its other half there, too, or in the third layer.
fn activated<'a>(c: &NodeContext<'a>, layers: &Layers<'a>, x: Expr<'a>) -> Result<Expr<'a>, OnnxError> {
    let (alpha, beta) = (c.float("activation_alpha", 1.0)?, c.float("activation_beta", 0.0)?);
    let (fusion, limit) = (c.int("swiglu_fusion", 0)?, c.opt_float("swiglu_limit")?);
    let first = layers.first.of(x);
    let third = || layers.third.as_ref().map(|layer| layer.of(x));
    let gated = |y: Expr<'a>| third().map_or(y, |third| y * third);
    Ok(match c.str("activation_type", "relu")? {
        "relu" => gated(first.unary(&ops::relu::OP)),
        // As ONNX Runtime has it; the text doesn't say which.
        "gelu" => gated(gelu(first, "tanh")),
        "silu" => gated(swish(first, 1.0)),
        "identity" => gated(first),
        "swiglu" => {
            let [gate, linear] = match (fusion, third()) {
                (0, Some(third)) => [first, third],
                (1, None) => [first.slice(2, 0, i64::MAX, 2), first.slice(2, 1, i64::MAX, 2)],
                (2, None) => {
                    let attrs = attrs! { axis: -1i64, num_outputs: 2i64 };
                    let halves = c.f.op_many(&ops::split::OP, &[Some(first), None], attrs, Vec::new(), 2);
                    [halves[0], halves[1]]
                }
                _ => return Err(c.error(format!("`swiglu_fusion` is {fusion}, which doesn't go with the third layer"))),
            };
            let [gate, linear] = match limit {
                None => [gate, linear],
                Some(limit) => {
                    let (low, high) = (gate.scalar_like(-limit), gate.scalar_like(limit));
                    [gate.minimum(high), linear.minimum(high).maximum(low)]
                }
            };
            swish(gate, alpha) * (linear + gate.scalar_like(beta))
        }
        other => return Err(c.error(format!("attribute `activation_type` is {other:?}"))),
    })
}
