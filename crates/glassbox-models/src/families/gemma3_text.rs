//! Gemma 3: Gemma 2 with norms over each head of queries and keys in place of the caps, and windows in all
//! but every sixth layer. Layers with a window turn by a base of their own, which no scaling changes.
//! Checkpoints that see pictures, too, hold the model of text in a part of theirs.

use glassbox_ir::Expr;
use serde_json::{Map, Value, json};

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, in_heads, project};
use crate::layers::rotary::Rotary;
use crate::layers::{Shape, activation, embedding, gated_mlp, linear, norm, output, soft_cap, windows};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "gemma3_text", model_types: &["gemma3_text", "gemma3"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let inner = match config.opt_text("model_type")? {
        Some("gemma3") => {
            config.opt_inner("text_config")?.ok_or_else(|| config.wrong("text_config", "it is missing"))?
        }
        _ => config.clone(),
    };
    // What a file that doesn't name them means: the published ones name only what differs.
    let config = &inner.with_defaults(json!({
        "vocab_size": 262_208,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": true,
        "sliding_window": 4096,
        "query_pre_attn_scalar": 256,
    }));
    let shape = Shape::read(net, config)?;
    let activation = activation::of(config, "hidden_activation", "gelu_pytorch_tanh")?;
    let bias = config.flag("attention_bias", false)?;
    // GGUF files have the sum.
    let rms_norm = if config.flag("norm_plus_one", true)? { norm::rms_norm_plus_one } else { norm::rms_norm };
    config.off("use_bidirectional_attention")?;
    let pattern = config.opt_size("sliding_window_pattern")?.unwrap_or(6);
    let windows = windows::by_layer(config, shape.layers, |n| (n + 1) % pattern != 0)?;
    let scale = config.positive("query_pre_attn_scalar")?.powf(-0.5);
    let attention = Attention { scale: Some(scale), softcap: config.opt_positive("attn_logit_softcapping")? };
    let last_cap = config.opt_positive("final_logit_softcapping")?;

    let (net, model) = places(net);
    let tokens = embedding(&model.at("embed_tokens"), net.tokens(), shape.vocabulary, shape.width);
    let mut x = tokens * (shape.width as f64).sqrt();
    let cache = Cache::of(&model, &shape)?;
    let [near, far] = rotaries(config, shape.head_size)?.map(|rotary| rotary.angles(&cache));
    for (n, window) in (0..).zip(windows) {
        let layer = model.at(format!("layers.{n}"));
        let norm = |name: &str, x| rms_norm(&layer.at(name), x, shape.epsilon);
        let u = norm("input_layernorm", x);
        let block = layer.at("self_attn");
        let [q, k, v] = in_heads(project(&block, u, &shape, bias), &shape);
        let head_norm = |name: &str, x| rms_norm(&block.at(name), x, shape.epsilon);
        let (q, k) = (head_norm("q_norm", q), head_norm("k_norm", k));
        let angles = if window.is_some() { &near } else { &far };
        let qkv = [angles.turn(q), angles.turn(k), v];
        let y = attention.apply(&block, &cache, n, qkv, cache.mask(window));
        let y = linear(&block.at("o_proj"), y, shape.width, bias);
        x = x + norm("post_attention_layernorm", y);
        let u = norm("pre_feedforward_layernorm", x);
        let y = gated_mlp(&layer.at("mlp"), u, shape.inner, activation, false);
        x = x + norm("post_feedforward_layernorm", y);
    }
    let x = rms_norm(&model.at("norm"), x, shape.epsilon);
    Ok(soft_cap(output(&net, &model, x, &shape), last_cap))
}

/// Where `lm_head` would be and where the layers are: at the top, or where checkpoints with pictures have
/// them, which transformers has named in two ways.
fn places<'b>(net: &Net<'b>) -> (Net<'b>, Net<'b>) {
    let older = net.at("language_model");
    let newer = net.at("model").at("language_model");
    if older.at("model").at("embed_tokens").has("weight") {
        (older.clone(), older.at("model"))
    } else if newer.at("embed_tokens").has("weight") {
        (net.clone(), newer)
    } else {
        (net.clone(), net.at("model"))
    }
}

/// How heads of `size` channels turn in layers with a window, and in those without.
fn rotaries(config: &Config, size: i64) -> Result<[Rotary; 2], ModelError> {
    let local = config.opt_positive("rope_local_base_freq")?.unwrap_or(10_000.0);
    let global = config.opt_positive("rope_theta")?.unwrap_or(1_000_000.0);
    let Some(settings) = config.opt_inner("rope_parameters")? else {
        return Ok([Rotary::plain(config, size, local)?, Rotary::read(config, size, global)?]);
    };
    if settings.has("rope_type") || settings.has("rope_theta") {
        let rule = "it is one for all layers, and these have `sliding_attention` and `full_attention`";
        return Err(config.wrong("rope_parameters", rule));
    }
    // As in transformers: what isn't said of a kind of layers is said beside, and `rope_scaling` is of those without a window.
    let nothing = || Config::from_settings(Map::new());
    let sliding = settings.opt_inner("sliding_attention")?.unwrap_or_else(nothing);
    let mut full = settings.opt_inner("full_attention")?.unwrap_or_else(nothing);
    if let Some(scaling) = config.opt_inner("rope_scaling")? {
        full = scaling.with_defaults(Value::Object(full.settings().clone()));
    }
    Ok([Rotary::described(config, &sliding, size, local)?, Rotary::described(config, &full, size, global)?])
}
