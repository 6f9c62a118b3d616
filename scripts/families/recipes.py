"""The tiny checkpoints: which families there are, and how small each one is.

Out: `RECIPES`, a dict from folder name to `Recipe`. Every recipe is one row: the transformers class, the
values of its configuration, and how long the prompt is.

Invariants: a row differs from the family's defaults wherever a port could go wrong unseen: norm epsilons
are uneven, a head's width isn't hidden / heads where the family allows it, a sliding window is shorter than
the prompt. Vocabularies are no multiple of 32.
"""

from dataclasses import dataclass

VOCABULARY = 97
SHORT_PROMPT = 12
# Longer than every sliding window.
LONG_PROMPT = 20
WINDOW = 8


@dataclass
class Recipe:
    """One checkpoint. `model` names the transformers class without "ForCausalLM" or "LMHeadModel"."""

    model: str
    config: dict
    prompt: int = SHORT_PROMPT
    # The configuration's entries as checkpoints published before transformers 5 spell them, put in place
    # of `rope_parameters`. None where the family has none.
    older: dict | None = None
    # Standard deviation of the embedding rows. Small where the output matrix is tied to them: a model would
    # repeat its last token for ever.
    embedding_scale: float = 1.0
    # A matrix has standard deviation gain / sqrt(inputs).
    gain: float = 1.2
    # What a norm's stored weights are centred on. Gemma's norms multiply by 1 + weight.
    norm_centre: float = 1.0


def small(**changes):
    """The values that most families share."""
    values = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 72,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": None,
    }
    return values | changes


def rope(theta, **more):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}


def older_rope(theta, **more):
    return {"rope_theta": theta, "rope_scaling": None, **more}


LLAMA3_SCALING = {
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    # Puts the second of a head's four frequencies into the band between: its wavelength is 167.
    "original_max_position_embeddings": 256,
}

# Six pairs are rotated of a head's eight.
SHORT_FACTORS = [1.0, 1.05, 1.1, 1.35, 1.6, 2.1]
LONG_FACTORS = [1.0, 1.4, 2.3, 4.1, 7.7, 12.5]


def longrope(original):
    scaling = {"short_factor": SHORT_FACTORS, "long_factor": LONG_FACTORS}
    return Recipe(
        "Phi3",
        small(
            hidden_size=48,
            num_attention_heads=3,
            num_key_value_heads=1,
            intermediate_size=64,
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            original_max_position_embeddings=original,
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.75,
                "original_max_position_embeddings": original,
                **scaling,
            },
        ),
        older={
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "rope_scaling": {"type": "longrope", **scaling},
        },
        embedding_scale=0.15,
        gain=1.8,
    )


RECIPES = {
    "gpt2": Recipe(
        "GPT2",
        {
            "vocab_size": VOCABULARY,
            "n_positions": 96,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "layer_norm_epsilon": 1e-5,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        embedding_scale=0.15,
        gain=1.8,
    ),
    "llama": Recipe("Llama", small(num_key_value_heads=4, rms_norm_eps=1e-5, **rope(10000.0)), older=older_rope(10000.0)),
    "llama3": Recipe(
        "Llama",
        small(
            rms_norm_eps=1e-5,
            max_position_embeddings=2048,
            rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, **LLAMA3_SCALING},
        ),
        older={"rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", **LLAMA3_SCALING}},
    ),
    "mistral": Recipe(
        "Mistral",
        small(head_dim=12, sliding_window=WINDOW, rms_norm_eps=1e-5, **rope(10000.0)),
        prompt=LONG_PROMPT,
        older=older_rope(10000.0),
    ),
    "qwen2": Recipe(
        "Qwen2",
        small(
            use_sliding_window=True,
            sliding_window=WINDOW,
            max_window_layers=1,
            rms_norm_eps=1e-6,
            **rope(1000000.0),
        ),
        prompt=LONG_PROMPT,
        older=older_rope(1000000.0),
    ),
    "qwen3": Recipe(
        "Qwen3",
        small(head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=True, **rope(1000000.0)),
        older=older_rope(1000000.0),
        embedding_scale=0.15,
        gain=1.8,
    ),
    "gemma2": Recipe(
        "Gemma2",
        small(
            head_dim=16,
            sliding_window=WINDOW,
            query_pre_attn_scalar=24,
            attn_logit_softcapping=5.0,
            final_logit_softcapping=6.0,
            rms_norm_eps=1e-6,
            pad_token_id=0,
            **rope(10000.0),
        ),
        prompt=LONG_PROMPT,
        older={"rope_theta": 10000.0},
        embedding_scale=0.1,
        norm_centre=1.0,
    ),
    "gemma3_text": Recipe(
        "Gemma3",
        small(
            num_hidden_layers=3,
            intermediate_size=48,
            head_dim=16,
            sliding_window=WINDOW,
            query_pre_attn_scalar=24,
            rms_norm_eps=1e-6,
            pad_token_id=0,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
            rope_parameters={
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
            },
        ),
        prompt=LONG_PROMPT,
        older={
            "rope_theta": 1000000.0,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
            "sliding_window_pattern": 3,
            "layer_types": None,
        },
        embedding_scale=0.1,
        norm_centre=1.0,
    ),
    "phi3": Recipe(
        "Phi3",
        small(num_key_value_heads=4, sliding_window=WINDOW, rms_norm_eps=1e-5, **rope(10000.0)),
        prompt=LONG_PROMPT,
        older=older_rope(10000.0),
    ),
    "phi3_longrope_short": longrope(original=128),
    "phi3_longrope_long": longrope(original=8),
    "smollm": Recipe(
        "Llama",
        small(hidden_size=36, num_attention_heads=3, num_key_value_heads=1, tie_word_embeddings=True,
              rms_norm_eps=1e-5, **rope(10000.0)),
        older=older_rope(10000.0),
        embedding_scale=0.15,
        gain=1.8,
    ),
    "smollm3": Recipe(
        "SmolLM3",
        small(num_hidden_layers=3, intermediate_size=48, no_rope_layers=[1, 0, 1], rms_norm_eps=1e-6,
              tie_word_embeddings=True, **rope(5000000.0)),
        older=older_rope(5000000.0),
        embedding_scale=0.15,
        gain=1.8,
    ),
    "olmo2": Recipe("Olmo2", small(rms_norm_eps=1e-6, **rope(500000.0)), older=older_rope(500000.0)),
    "mixtral": Recipe(
        "Mixtral",
        small(intermediate_size=24, num_local_experts=5, num_experts_per_tok=2, sliding_window=None,
              rms_norm_eps=1e-5, **rope(1000000.0)),
        older={"rope_theta": 1000000.0},
    ),
    "qwen3_moe": Recipe(
        "Qwen3Moe",
        small(head_dim=16, intermediate_size=40, moe_intermediate_size=20, num_experts=6, num_experts_per_tok=2,
              norm_topk_prob=True, mlp_only_layers=[0], decoder_sparse_step=1, rms_norm_eps=1e-6, **rope(1000000.0)),
        older=older_rope(1000000.0),
    ),
}
