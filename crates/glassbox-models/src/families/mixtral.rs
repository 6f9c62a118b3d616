//! Mixtral: Mistral with a mixture of experts for the MLP. Each token goes to the `num_experts_per_tok` that
//! the router gives most, whose shares are divided by their sum.

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::moe::Experts;
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, channels, embedding, linear, norm, output};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "mixtral", model_types: &["mixtral"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let window = config.opt_size("sliding_window")?;
    let experts = Experts::read(net, config, "num_local_experts", true)?;
    let attention = Attention::default();
    // down(activation(gate(u)) ⊙ up(u)), whose matrices have no telling names.
    let expert = |place: &Net<'b>, u: Expr<'b>| {
        let gate = activation.apply(linear(&place.at("w1"), u, shape.inner, false));
        let up = linear(&place.at("w3"), u, shape.inner, false);
        linear(&place.at("w2"), gate * up, channels(u), false)
    };

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 1_000_000.0)?.angles(&cache);
    for n in 0..shape.layers {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, false), &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        x = x + linear(&block.at("o_proj"), y, shape.width, false);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        x = x + experts.apply(&layer.at("block_sparse_moe"), u, expert);
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
