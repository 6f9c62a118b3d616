//! The architectures that are mapped: what their tensors are called here and there.
//!
//! The names on the left are those of the `gguf` package, on the right those of transformers, both without
//! `.weight` or `.bias`.

use super::error::GgufError;
use super::settings::{self, Settings};

/// Names in a file, and what families call them.
type Names = &'static [(&'static str, &'static str)];

/// An architecture.
pub(super) struct Architecture {
    /// What `general.architecture` calls it.
    pub(super) name: &'static str,
    /// The parameters outside the layers.
    top: Names,
    /// What the names of layers begin with, before their number.
    layers: &'static str,
    /// The parameters of a layer.
    layer: &'static [Names],
    /// The place of the experts of a layer, and the tensors that hold one matrix of all of them.
    experts: Option<(&'static str, Names)>,
    /// Tensors that the settings are made of.
    pub(super) reads: &'static [&'static str],
    /// Makes the settings that the family reads.
    pub(super) settings: fn(&mut Settings<'_>) -> Result<(), GgufError>,
}

const TOP: Names = &[("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")];

const ATTENTION: Names = &[
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
];

const HEAD_NORMS: Names = &[("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm")];

const MLP: Names = &[("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"), ("ffn_down", "mlp.down_proj")];

const NORMS_BEFORE: Names = &[("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm")];

const NORMS_AFTER: Names =
    &[("post_attention_norm", "post_attention_layernorm"), ("post_ffw_norm", "post_feedforward_layernorm")];

const NORMS_AROUND: Names = &[
    ("attn_norm", "input_layernorm"),
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

/// What most architectures have.
const BASE: Architecture = Architecture {
    name: "",
    top: TOP,
    layers: "model.layers.",
    layer: &[ATTENTION, NORMS_BEFORE, MLP],
    experts: None,
    reads: &[],
    settings: settings::llama,
};

/// Every architecture.
pub(super) static TABLE: &[Architecture] = &[
    Architecture { name: "gemma2", layer: &[ATTENTION, NORMS_AROUND, MLP], settings: settings::gemma2, ..BASE },
    Architecture {
        name: "gemma3",
        layer: &[ATTENTION, HEAD_NORMS, NORMS_AROUND, MLP],
        settings: settings::gemma3,
        ..BASE
    },
    Architecture {
        name: "gpt2",
        top: &[
            ("token_embd", "transformer.wte"),
            ("position_embd", "transformer.wpe"),
            ("output_norm", "transformer.ln_f"),
            ("output", "lm_head"),
        ],
        layers: "transformer.h.",
        layer: &[&[
            ("attn_norm", "ln_1"),
            ("attn_qkv", "attn.c_attn"),
            ("attn_output", "attn.c_proj"),
            ("ffn_norm", "ln_2"),
            ("ffn_up", "mlp.c_fc"),
            ("ffn_down", "mlp.c_proj"),
        ]],
        settings: settings::gpt2,
        ..BASE
    },
    Architecture {
        name: "llama",
        layer: &[ATTENTION, NORMS_BEFORE, MLP, &[("ffn_gate_inp", "block_sparse_moe.gate")]],
        experts: Some((
            "block_sparse_moe.experts",
            &[("ffn_gate_exps", "w1"), ("ffn_down_exps", "w2"), ("ffn_up_exps", "w3")],
        )),
        reads: &["rope_freqs.weight"],
        ..BASE
    },
    Architecture {
        name: "olmo2",
        layer: &[ATTENTION, HEAD_NORMS, NORMS_AFTER, MLP],
        settings: settings::olmo2,
        ..BASE
    },
    Architecture {
        name: "phi3",
        layer: &[
            NORMS_BEFORE,
            &[
                ("attn_qkv", "self_attn.qkv_proj"),
                ("attn_output", "self_attn.o_proj"),
                ("ffn_up", "mlp.gate_up_proj"),
                ("ffn_down", "mlp.down_proj"),
            ],
        ],
        reads: &[settings::LONG, settings::SHORT],
        settings: settings::phi3,
        ..BASE
    },
    Architecture { name: "qwen2", settings: settings::qwen2, ..BASE },
    Architecture {
        name: "qwen3",
        layer: &[ATTENTION, HEAD_NORMS, NORMS_BEFORE, MLP],
        settings: settings::qwen3,
        ..BASE
    },
    Architecture {
        name: "qwen3moe",
        layer: &[ATTENTION, HEAD_NORMS, NORMS_BEFORE, MLP, &[("ffn_gate_inp", "mlp.gate")]],
        experts: Some((
            "mlp.experts",
            &[("ffn_gate_exps", "gate_proj"), ("ffn_down_exps", "down_proj"), ("ffn_up_exps", "up_proj")],
        )),
        settings: settings::qwen3_moe,
        ..BASE
    },
    Architecture { name: "smollm3", settings: settings::smollm3, ..BASE },
];

impl Architecture {
    /// What families call the tensor `name`, where it is one parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let (stem, suffix) = name.rsplit_once('.').filter(|(_, suffix)| matches!(*suffix, "weight" | "bias"))?;
        let other = |names: Names, stem: &str| names.iter().find(|(here, _)| *here == stem).map(|(_, there)| *there);
        if let Some((layer, stem)) = in_layer(stem) {
            let there = self.layer.iter().find_map(|names| other(names, stem))?;
            return Some(format!("{}{layer}.{there}.{suffix}", self.layers));
        }
        other(self.top, stem).map(|there| format!("{there}.{suffix}"))
    }

    /// The place of the experts whose matrices the tensor `name` holds, and what families call these.
    pub(super) fn stacked(&self, name: &str) -> Option<(String, &'static str)> {
        let (layer, stem) = in_layer(name.strip_suffix(".weight")?)?;
        let (place, names) = self.experts?;
        let (_, there) = names.iter().find(|(here, _)| *here == stem)?;
        Some((format!("{}{layer}.{place}", self.layers), there))
    }
}

/// The number of the layer that `blk.N.stem` is in, and the stem. Numbers are written in one way only.
fn in_layer(name: &str) -> Option<(usize, &str)> {
    let (number, stem) = name.strip_prefix("blk.")?.split_once('.')?;
    let layer = number.parse::<usize>().ok().filter(|layer| layer.to_string() == number)?;
    Some((layer, stem))
}
