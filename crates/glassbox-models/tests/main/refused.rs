//! Configurations and checkpoints that no graph is built for: the message names the setting or parameter.

use std::time::{Duration, Instant};

use glassbox_models::{Config, Options, build};
use glassbox_tensor::{DType, ParamError, ParamInfo, ParamSource, Tensor};
use serde_json::{Value, json};

use crate::checkpoint::Checkpoint;

/// The message for a checkpoint whose settings have these in place of theirs; a key of `null` is left out.
fn message(name: &str, params: &dyn ParamSource, changes: Value) -> String {
    let mut settings = Checkpoint::open(name, "config.json").config.settings().clone();
    let Value::Object(changes) = changes else { panic!("an object of changes") };
    for (key, value) in changes {
        match value {
            Value::Null => settings.remove(&key),
            value => settings.insert(key, value),
        };
    }
    let start = Instant::now();
    let result = build(&Config::from_settings(settings), params, &Options::default());
    assert!(start.elapsed() < Duration::from_secs(20), "it takes too long to refuse");
    match result {
        Ok(_) => "a graph was built".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let huge = 1u64 << 32;
    let rope = |settings: Value| json!({ "rope_parameters": settings });
    let cases = [
        ("llama", json!({ "model_type": null }), "`model_type`: it is missing"),
        ("llama", json!({ "model_type": "bert" }), "no family for model_type \"bert\""),
        ("llama", json!({ "model_type": 7 }), "`model_type`: it must be a text"),
        ("llama", json!({ "hidden_size": null }), "`hidden_size`: a whole number is missing"),
        ("llama", json!({ "hidden_size": -32 }), "`hidden_size`: it must be a whole number"),
        ("llama", json!({ "hidden_size": 32.5 }), "`hidden_size`: it must be a whole number"),
        ("llama", json!({ "hidden_size": "32" }), "`hidden_size`: it must be a whole number, and is a text"),
        ("llama", json!({ "hidden_size": 0 }), "`hidden_size`: it must be in 1..="),
        ("llama", json!({ "hidden_size": huge }), "`hidden_size`: the checkpoint is too small"),
        ("llama", json!({ "hidden_size": huge + 1 }), "`hidden_size`: it must be in 1..="),
        ("llama", json!({ "hidden_size": 48, "head_dim": null }), "\"model.embed_tokens.weight\" is [97, 32]"),
        ("llama", json!({ "num_attention_heads": 5, "head_dim": null }), "`num_attention_heads`: 5 doesn't divide 32"),
        ("llama", json!({ "num_attention_heads": huge }), "`num_attention_heads`: the checkpoint is too small"),
        ("llama", json!({ "num_key_value_heads": 3 }), "`num_key_value_heads`: 3 heads"),
        ("llama", json!({ "num_key_value_heads": 8 }), "`num_key_value_heads`: 8 heads"),
        ("llama", json!({ "head_dim": huge }), "`head_dim`: the checkpoint is too small"),
        ("llama", json!({ "head_dim": 7 }), "`head_dim`: 7 channels can't turn in pairs"),
        ("llama", json!({ "num_hidden_layers": huge }), "`num_hidden_layers`: it is 4294967296"),
        ("llama", json!({ "num_hidden_layers": 3 }), "no parameter \"model.layers.2.input_layernorm.weight\""),
        ("llama", json!({ "vocab_size": huge }), "`vocab_size`: the checkpoint is too small"),
        ("llama", json!({ "vocab_size": 98 }), "\"model.embed_tokens.weight\" is [97, 32]"),
        ("llama", json!({ "intermediate_size": huge }), "`intermediate_size`: the checkpoint is too small"),
        ("llama", json!({ "rms_norm_eps": null }), "`rms_norm_eps`: a number is missing"),
        ("llama", json!({ "rms_norm_eps": -1e-6 }), "`rms_norm_eps`: it must be above 0"),
        ("llama", json!({ "hidden_act": "gelu_fast" }), "`hidden_act` is \"gelu_fast\""),
        ("llama", json!({ "attention_bias": true }), "no parameter \"model.layers.0.self_attn.q_proj.bias\""),
        ("llama", json!({ "attention_bias": "no" }), "`attention_bias`: it must be true or false"),
        ("llama", json!({ "tie_word_embeddings": 1 }), "`tie_word_embeddings`: it must be true or false"),
        ("llama", json!({ "quantization_config": {} }), "`quantization_config`"),
        ("llama", json!({ "rope_parameters": 3 }), "`rope_parameters`: it must be an object"),
        ("llama", rope(json!({ "rope_type": "yarn", "factor": 4.0 })), "rotary scaling of type \"yarn\""),
        ("llama", rope(json!({ "rope_type": "linear" })), "`rope_parameters.factor`: a number is missing"),
        (
            "llama",
            rope(json!({ "rope_type": "linear", "factor": 0.0 })),
            "`rope_parameters.factor`: it must be above 0",
        ),
        ("llama", rope(json!({ "factor": 8.0 })), "`rope_parameters.rope_type`: it is missing"),
        ("llama", rope(json!({ "rope_theta": -1.0 })), "`rope_parameters.rope_theta`: it must be above 0"),
        (
            "llama",
            rope(json!({ "partial_rotary_factor": 2.0 })),
            "`rope_parameters.partial_rotary_factor`: it must be at most 1",
        ),
        (
            "llama",
            rope(json!({ "rope_type": "llama3", "factor": 8.0 })),
            "`rope_parameters.original_max_position_embeddings`",
        ),
        ("mistral", json!({ "sliding_window": -1 }), "`sliding_window`: it must be a whole number"),
        ("qwen2", json!({ "layer_types": ["full_attention"] }), "`layer_types`: it names 1 layers, of 2"),
        ("qwen2", json!({ "layer_types": ["full_attention", "chunked_attention"] }), "\"chunked_attention\""),
        ("qwen2", json!({ "use_sliding_window": false }), "`layer_types`: a layer slides"),
        ("qwen2", json!({ "sliding_window": null }), "`sliding_window`: a whole number is missing"),
        ("qwen2", json!({ "layer_types": null, "max_window_layers": null }), "`max_window_layers`: it is missing"),
        ("qwen3_moe", json!({ "num_local_experts": null }), "`num_experts`: a whole number is missing"),
        ("qwen3_moe", json!({ "num_local_experts": huge }), "`num_local_experts`: it is 4294967296"),
        ("qwen3_moe", json!({ "num_experts_per_tok": 7 }), "`num_experts_per_tok`: it is 7, of 6 experts"),
        ("qwen3_moe", json!({ "mlp_only_layers": [-1] }), "`mlp_only_layers`: it must be a list of whole numbers"),
        ("qwen3_moe", json!({ "mlp_only_layers": [] }), "no parameter \"model.layers.0.mlp.gate.weight\""),
        ("qwen3_moe", json!({ "use_sliding_window": true }), "`use_sliding_window` is true"),
        ("mixtral", json!({ "num_local_experts": 6 }), "\"model.layers.0.block_sparse_moe.gate.weight\" is [5, 32]"),
        ("smollm3", json!({ "no_rope_layers": [1, 0] }), "`no_rope_layers`"),
        ("smollm3", json!({ "no_rope_layers": [1, 0, 2] }), "`no_rope_layers`"),
        ("gemma2", json!({ "attn_logit_softcapping": -5.0 }), "`attn_logit_softcapping`: it must be above 0"),
        ("gemma2", json!({ "use_bidirectional_attention": true }), "`use_bidirectional_attention` is true"),
        ("gemma3_text", json!({ "model_type": "gemma3" }), "`text_config`: it is missing"),
        (
            "gemma3_text",
            json!({ "model_type": "gemma3", "text_config": { "head_dim": "x" } }),
            "`text_config.head_dim`",
        ),
        ("phi3", json!({ "attention_bias": true }), "`attention_bias` is true"),
        (
            "phi3",
            rope(json!({ "rope_type": "longrope" })),
            "`rope_parameters.short_factor`: a list of numbers is missing",
        ),
        (
            "phi3",
            rope(json!({ "rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0] })),
            "1 factors for 4 pairs",
        ),
        ("phi3", rope(json!({ "rope_type": "longrope", "short_mscale": 1.2 })), "`short_mscale`"),
        ("llama", json!({ "num_hidden_layers": 1 }), "`num_hidden_layers`: it is 1, and the checkpoint has 2"),
        ("gpt2", json!({ "n_layer": 1 }), "`n_layer`: it is 1, and the checkpoint has 2"),
        ("gpt2", json!({ "n_head": 5 }), "`n_head`: 5 heads don't divide"),
        ("gpt2", json!({ "n_embd": huge }), "`n_embd`: the checkpoint is too small"),
        ("gpt2", json!({ "n_layer": huge }), "`n_layer`: it is 4294967296"),
        ("gpt2", json!({ "scale_attn_by_inverse_layer_idx": true }), "`scale_attn_by_inverse_layer_idx`"),
        ("gpt2", json!({ "tie_word_embeddings": false }), "no parameter \"lm_head.weight\""),
        ("rwkv7", json!({ "num_hidden_layers": 3 }), "`num_hidden_layers`: the parameters say 2"),
        ("rwkv7", json!({ "head_dim": 32 }), "`head_dim`: the parameters say 16"),
    ];
    for (name, changes, fragment) in cases {
        let checkpoint = Checkpoint::open(name, "config.json");
        let message = message(name, checkpoint.params.as_ref(), changes.clone());
        assert!(message.contains(fragment), "{name} with {changes}: {message}");
    }
}

/// Descriptions of parameters, without data: none is needed to build a graph.
struct Described(Vec<ParamInfo>);

impl ParamSource for Described {
    fn params(&self) -> &[ParamInfo] {
        &self.0
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        Err(ParamError::Missing { name: name.to_owned(), near: None })
    }
}

#[test]
fn wrong_parameters_are_refused_by_name() {
    type Change = fn(&mut Vec<ParamInfo>, usize);
    let missing: Change = |params, place| drop(params.remove(place));
    let transposed: Change = |params, place| params[place].shape.reverse();
    let longer: Change = |params, place| params[place].shape[0] += 1;
    let nothing: Change = |params, place| params[place].shape[0] = 0;
    let enormous: Change = |params, place| params[place].shape[0] = usize::MAX;
    let flat: Change = |params, place| params[place].shape = vec![params[place].shape.iter().product()];
    let whole: Change = |params, place| params[place].dtype = DType::I8;
    let biased: Change = |params, place| {
        let mut bias = params[place].clone();
        bias.name = bias.name.replace("weight", "bias");
        params.push(bias);
    };
    let cases = [
        ("gpt2", "transformer.h.1.attn.c_attn.weight", transposed),
        ("gpt2", "transformer.wpe.weight", longer),
        ("llama", "model.embed_tokens.weight", missing),
        ("llama", "model.layers.1.mlp.up_proj.weight", missing),
        ("llama", "model.layers.1.mlp.up_proj.weight", transposed),
        ("llama", "model.layers.1.mlp.up_proj.weight", flat),
        ("llama", "model.layers.1.mlp.up_proj.weight", whole),
        ("llama", "model.layers.1.mlp.up_proj.weight", enormous),
        ("llama", "model.norm.weight", nothing),
        ("llama", "lm_head.weight", missing),
        ("llama", "model.layers.0.self_attn.o_proj.weight", biased),
        ("qwen2", "model.layers.0.self_attn.k_proj.bias", missing),
        ("qwen3", "model.layers.0.self_attn.k_norm.weight", longer),
        ("mixtral", "model.layers.1.block_sparse_moe.experts.4.w2.weight", missing),
        ("mixtral", "model.layers.1.block_sparse_moe.experts.4.w2.weight", transposed),
        ("phi3", "model.layers.0.self_attn.qkv_proj.weight", longer),
        ("rwkv7", "blocks.0.att.r_k", missing),
        ("rwkv7", "blocks.0.att.r_k", flat),
        ("rwkv7", "blocks.1.att.w1", enormous),
        ("rwkv7", "blocks.1.att.x_g", missing),
        ("rwkv7", "blocks.1.ffn.key.weight", transposed),
        ("rwkv7", "emb.weight", nothing),
    ];
    for (name, param, change) in cases {
        let mut params = Checkpoint::open(name, "config.json").params.params().to_vec();
        let place = params.iter().position(|it| it.name == param).expect(param);
        change(&mut params, place);
        let message = message(name, &Described(params), json!({}));
        let stem = param.trim_end_matches("weight");
        assert!(message.contains(stem), "{name} with another {param}: {message}");
    }
}

#[test]
fn a_layer_of_rwkv7_that_lacks_something_is_not_left_out() {
    let without_sizes = json!({ "num_hidden_layers": null, "intermediate_size": null });
    let whole = Checkpoint::open("rwkv7", "config.json").params.params().to_vec();
    for param in &whole {
        let rest = whole.iter().filter(|other| other.name != param.name).cloned().collect();
        let message = message("rwkv7", &Described(rest), without_sizes.clone());
        assert!(message.contains(&param.name), "without {}: {message}", param.name);
    }
}

#[test]
fn a_configuration_that_is_no_object_is_refused() {
    for text in ["", "[]", "null", "{", "{\"hidden_size\": 1e999}"] {
        assert!(Config::parse(text).is_err(), "{text:?} was taken");
    }
}
