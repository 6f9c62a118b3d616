//! GPT-2: learned positions, layer norms before each block, weights of linear layers stored [in, out].

use glassbox_ir::Expr;

use super::Family;
use crate::config::Config;
use crate::error::ModelError;
use crate::layers::attention::{Attention, Cache, split_heads};
use crate::layers::{activation, embedding, head, linear, linear_in_out, logits, norm};
use crate::net::Net;

/// The row of the table.
pub(super) static FAMILY: Family = Family { name: "gpt2", model_types: &["gpt2"], build };

fn build<'b>(net: &Net<'b>, config: &Config) -> Result<Expr<'b>, ModelError> {
    let (vocabulary, width) = (net.size(config, "vocab_size")?, net.size(config, "n_embd")?);
    let (layers, heads) = (net.count(config, "n_layer")?, net.size(config, "n_head")?);
    let positions = config.opt_size("n_positions")?.map_or_else(|| config.size("n_ctx"), Ok)?;
    let inner = config.opt_size("n_inner")?.unwrap_or(4 * width);
    let epsilon = config.opt_positive("layer_norm_epsilon")?.unwrap_or(1e-5);
    let activation = activation::of(config, "activation_function", "gelu_new")?;
    if width % heads != 0 {
        return Err(config.wrong("n_head", format!("{heads} heads don't divide n_embd, which is {width}")));
    }
    for flag in ["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"] {
        config.off(flag)?;
    }
    let attention = Attention { scale: (!config.flag("scale_attn_weights", true)?).then_some(1.0), softcap: None };

    // GGUF files have them the other way round.
    let linear = match config.flag("linear_out_in", false)? {
        true => |net: &Net<'b>, x, width| linear(net, x, width, true),
        false => linear_in_out,
    };

    // Files of the original repository omit the prefix.
    let root = net.at("transformer");
    let model = if root.has("wte.weight") { root } else { net.clone() };
    let tokens = embedding(&model.at("wte"), net.tokens(), vocabulary, width);
    model.no_more_layers("h", "n_layer", layers)?;
    let cache = Cache::new(&model, layers, heads, width / heads, positions as u64)?;
    let places = embedding(&model.at("wpe"), cache.positions(), positions, width);
    let mut x = tokens + places;
    for n in 0..layers {
        let layer = model.at(format!("h.{n}"));
        let u = norm::layer_norm(&layer.at("ln_1"), x, epsilon);
        let block = layer.at("attn");
        let qkv = linear(&block.at("c_attn"), u, 3 * width);
        let [q, k, v] = [0, 1, 2].map(|part| split_heads(qkv.slice(2, part * width, (part + 1) * width, 1), heads));
        let y = attention.apply(&block, &cache, n, [q, k, v], cache.mask(None));
        x = x + linear(&block.at("c_proj"), y, width);
        let u = norm::layer_norm(&layer.at("ln_2"), x, epsilon);
        let block = layer.at("mlp");
        let y = activation.apply(linear(&block.at("c_fc"), u, inner));
        x = x + linear(&block.at("c_proj"), y, width);
    }
    let x = norm::layer_norm(&model.at("ln_f"), x, epsilon);
    let tied = config.flag("tie_word_embeddings", true)?;
    Ok(logits(&head(net, model.at("wte"), tied), x, vocabulary))
}
