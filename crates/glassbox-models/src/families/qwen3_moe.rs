//! Qwen3 MoE: the attention of Qwen3, and a mixture of experts for the MLP, but in the layers that
//! `mlp_only_layers` and `decoder_sparse_step` say. The shares of the chosen experts are divided by their
//! sum only if `norm_topk_prob` is true.

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::moe::Experts;
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "qwen3_moe", model_types: &["qwen3_moe"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_act", "silu")?;
    let bias = config.flag("attention_bias", false)?;
    windows::none(config, shape.layers)?;
    // The one key is that of transformers 5, the other that of every file before it.
    let count = if config.has("num_local_experts") { "num_local_experts" } else { "num_experts" };
    let experts = Experts::read(net, config, count, config.flag("norm_topk_prob", false)?)?;
    let expert_inner = net.size(config, "moe_intermediate_size")?;
    let dense = config.opt_counts("mlp_only_layers")?.unwrap_or_default();
    let step = config.opt_size("decoder_sparse_step")?.unwrap_or(1);
    let attention = Attention::default();

    let model = net.at("model");
    let mut x = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for n in 0..shape.layers {
        let layer = model.at(format!("layers.{n}"));
        let u = norm::rms_norm(&layer.at("input_layernorm"), x, shape.epsilon);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, bias), &shape);
        let q = norm::rms_norm(&block.at("q_norm"), q, shape.epsilon);
        let k = norm::rms_norm(&block.at("k_norm"), k, shape.epsilon);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(None));
        x = x + linear(&block.at("o_proj"), y, shape.width, bias);
        let u = norm::rms_norm(&layer.at("post_attention_layernorm"), x, shape.epsilon);
        let block = layer.at("mlp");
        x = x + match dense.contains(&n) || (n + 1) % step != 0 {
            true => gated_mlp(&block, u, shape.inner, activation, false),
            false => experts.apply(&block, u, |expert, u| gated_mlp(expert, u, expert_inner, activation, false)),
        };
    }
    let x = norm::rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(output(net, &model, x, &shape))
}
