//! Phi-3, Phi-3.5 and Phi-4: Llama whose queries, keys and values are one matrix, as are the two of the MLP,
//! with windows in some. Long-context files turn part of each head, by frequencies that change once the
//! sequence is longer than the model was first made for: what was computed before then has to be computed
//! anew, and the graph says so in its metadata (`rotary::RECOMPUTE_BEYOND`).

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, linear, norm, output};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "phi3", model_types: &["phi3"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let window = config.opt_size("sliding_window")?;
    config.off("attention_bias")?;
    config.off("mlp_bias")?;
    let (queries, keys) = (shape.queries(), shape.keys());
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for n in 0..shape.layers {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let qkv = linear(&block.at("qkv_proj"), u, queries + 2 * keys, false);
        let part = |start: i64, width: i64| qkv.slice(2, start, start + width, 1);
        let [q, k, v] = [part(0, queries), part(queries, keys), part(queries + keys, keys)];
        let [q, k, v] = in_heads([q, k, v], &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        x = x + linear(&block.at("o_proj"), y, shape.width, false);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        let block = layer.at("mlp");
        let both = linear(&block.at("gate_up_proj"), u, 2 * shape.inner, false);
        let (gate, up) = (both.slice(2, 0, shape.inner, 1), both.slice(2, shape.inner, 2 * shape.inner, 1));
        x = x + linear(&block.at("down_proj"), activation.apply(gate) * up, shape.width, false);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
