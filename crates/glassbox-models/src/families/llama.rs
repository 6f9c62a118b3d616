//! Llama 2, 3 and 3.2, SmolLM and Mistral: RMS norms, rotary positions, gated MLP, shared key-value heads.
//! Most families here are this one with a difference or two.

use glassbox_ir::Expr;
use serde_json::json;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "llama", model_types: &["llama", "mistral"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let (attention_bias, mlp_bias) = (config.flag("attention_bias", false)?, config.flag("mlp_bias", false)?);
    // Only Mistral has windows; a Llama file with the key would not mean it.
    let window = match config.opt_text("model_type")? {
        Some("mistral") => config.with_defaults(json!({ "sliding_window": 4096 })).opt_size("sliding_window")?,
        _ => None,
    };
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for n in 0..shape.layers {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, attention_bias), &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        x = x + linear(&block.at("o_proj"), y, shape.width, attention_bias);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        x = x + gated_mlp(&layer.at("mlp"), u, shape.inner, activation, mlp_bias);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
