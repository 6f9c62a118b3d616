//! Qwen3: Llama with an RMS norm over each head of queries and keys, before they turn. The width of a head
//! is its own setting. Where `use_sliding_window` is true, the upper layers see only the last tokens.

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "qwen3", model_types: &["qwen3"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let bias = config.flag("attention_bias", false)?;
    let windows = windows::from_layer(config, shape.layers)?;
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for (n, window) in (0..).zip(windows) {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, bias), &shape);
        let q = norm::rms_norm(&block.at("q_norm"), q, shape.epsilon);
        let k = norm::rms_norm(&block.at("k_norm"), k, shape.epsilon);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        x = x + linear(&block.at("o_proj"), y, shape.width, bias);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        x = x + gated_mlp(&layer.at("mlp"), u, shape.inner, activation, false);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
