//! OLMo 2: norms after each block instead of before it, and RMS norms over all queries and over all keys,
//! before they are cut into heads.

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "olmo2", model_types: &["olmo2"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let bias = config.flag("attention_bias", false)?;
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for n in 0..shape.layers {
        let layer = model.at(format!("layers.{n}"));
        let block = layer.at("self_attn");
        let [q, k, v] = project(&block, x, &shape, bias);
        let q = norm::rms_norm(&block.at("q_norm"), q, shape.epsilon);
        let k = norm::rms_norm(&block.at("k_norm"), k, shape.epsilon);
        let [q, k, v] = in_heads([q, k, v], &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(None));
        let y = linear(&block.at("o_proj"), y, shape.width, bias);
        x = x + norm::rms_norm(&layer.at("post_attention_layernorm"), y, shape.epsilon);
        let y = gated_mlp(&layer.at("mlp"), x, shape.inner, activation, false);
        x = x + norm::rms_norm(&layer.at("post_feedforward_layernorm"), y, shape.epsilon);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
