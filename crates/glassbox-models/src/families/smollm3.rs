//! SmolLM3: Llama whose queries and keys don't turn in every fourth layer, or in those that
//! `no_rope_layers` says; there, positions are known by the order of the mask alone.

use glassbox_ir::Expr;
use serde_json::json;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "smollm3", model_types: &["smollm3"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let config = &config.with_defaults(json!({ "tie_word_embeddings": true }));
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let (attention_bias, mlp_bias) = (config.flag("attention_bias", false)?, config.flag("mlp_bias", false)?);
    windows::none(config, shape.layers)?;
    let turns = turns(config, shape.layers)?;
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 2_000_000.0)?.angles(&cache);
    for (n, turns) in (0..).zip(turns) {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, attention_bias), &shape);
        let qkv = if turns { [angles.turn(q), angles.turn(k), v] } else { [q, k, v] };
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(None));
        x = x + linear(&block.at("o_proj"), y, shape.width, attention_bias);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        x = x + gated_mlp(&layer.at("mlp"), u, shape.inner, activation, mlp_bias);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}

/// Whether queries and keys turn, for each layer.
fn turns(config: &Config, layers: i64) -> Result<Vec<bool>, ModelError> {
    let Some(list) = config.opt_counts("no_rope_layers")? else {
        let interval = config.opt_size("no_rope_layer_interval")?.unwrap_or(4);
        return Ok((1..=layers).map(|n| n % interval != 0).collect());
    };
    match list.len() as i64 == layers && list.iter().all(|turns| *turns <= 1) {
        true => Ok(list.into_iter().map(|turns| turns == 1).collect()),
        false => Err(config.wrong("no_rope_layers", format!("it must say 0 or 1 for each of {layers} layers"))),
    }
}
