//! Qwen2 and Qwen2.5: Llama with biases on queries, keys and values. Where `use_sliding_window` is true,
//! the upper layers see only the last tokens.

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "qwen2", model_types: &["qwen2"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
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
        let [q, k, v] = in_heads(project(&block, u, &shape, true), &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        x = x + linear(&block.at("o_proj"), y, shape.width, false);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        x = x + gated_mlp(&layer.at("mlp"), u, shape.inner, activation, false);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
