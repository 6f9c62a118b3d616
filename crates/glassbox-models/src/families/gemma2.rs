//! Gemma 2: a norm before and one after each block, whose weights are added to 1; embeddings times the root
//! of their width; scores and logits that are capped; windows in every second layer, the first among them.

use glassbox_ir::Expr;
use serde_json::json;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, soft_cap, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "gemma2", model_types: &["gemma2"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    // What a file that doesn't name them means.
    let config = &config.with_defaults(json!({
        "tie_word_embeddings": true,
        "sliding_window": 4096,
        "query_pre_attn_scalar": 256,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
    }));
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_activation", "gelu_pytorch_tanh")?;
    let bias = config.flag("attention_bias", false)?;
    // GGUF files have the sum.
    let rms_norm = if config.flag("norm_plus_one", true)? { norm::rms_norm_plus_one } else { norm::rms_norm };
    config.off("use_bidirectional_attention")?;
    let windows = windows::by_layer(config, shape.layers, |n| n % 2 == 0)?;
    let scale = config.positive("query_pre_attn_scalar")?.powf(-0.5);
    let attention = Attention { scale: Some(scale), softcap: config.opt_positive("attn_logit_softcapping")? };
    let last_cap = config.opt_positive("final_logit_softcapping")?;

    let model = net.at("model");
    let tokens = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let mut x = tokens * (shape.width as f64).sqrt();
    let cache = Cache::of(&model, &shape)?;
    let angles = Rotary::read(config, shape.head_size, 10_000.0)?.angles(&cache);
    for (n, window) in (0..).zip(windows) {
        let layer = model.at(format!("layers.{n}"));
        let norm = |name: &str, x| rms_norm(&layer.at(name), x, shape.epsilon);
        let u = norm("input_layernorm", x);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, bias), &shape);
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        let y = linear(&block.at("o_proj"), y, shape.width, bias);
        x = x + norm("post_attention_layernorm", y);
        let u = norm("pre_feedforward_layernorm", x);
        let y = gated_mlp(&layer.at("mlp"), u, shape.inner, activation, false);
        x = x + norm("post_feedforward_layernorm", y);
    }
    let x = rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(soft_cap(output(net, &model, x, &shape), last_cap))
}
