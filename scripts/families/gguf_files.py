"""Writes the tiny checkpoints as GGUF files, as llama.cpp's conversion would.

    python scripts/families/gguf_files.py [--golden crates/glassbox-models/tests/golden] [--only llama3 gpt2]

In: config.json and model.safetensors of each family's folder, as make.py wrote them. Out: model.gguf beside
them, and for one family model_q8_0.gguf and model_f16.gguf. Which types matrices are stored in, `TYPES` says;
bf16 holds all their values exactly. Vectors are f32.

What conversion changes: rows of queries and keys of the Llamas are put in another order; 1 is added to the
weights of Gemma's norms; GPT-2's matrices are transposed; experts are stacked; the scaling of Llama 3 becomes a
tensor of factors. The format has no place for `query_pre_attn_scalar` and assumes the width of a head; where a
checkpoint has another, its queries are scaled here instead. Of the windows of Gemma 3 it has a pattern that the
converter doesn't write, since all published models have the same.

Refuses: a parameter that it knows no name for. Same versions, same bytes.
"""

import argparse
import json
import math
import re
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

GOLDEN_DIRECTORY = Path(__file__).resolve().parents[2] / "crates" / "glassbox-models" / "tests" / "golden"
F32, BF16 = gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.BF16
F16, Q8_0 = gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.Q8_0

# Which files there are, and the type of their matrices.
TYPES = {
    "gemma2": {"model.gguf": BF16},
    "gemma3_text": {"model.gguf": F32},
    "gpt2": {"model.gguf": F32},
    "llama3": {"model.gguf": F32},
    "mixtral": {"model.gguf": BF16},
    "olmo2": {"model.gguf": BF16},
    "phi3": {"model.gguf": BF16},
    "phi3_longrope_short": {"model.gguf": BF16},
    "qwen2": {"model.gguf": BF16},
    "qwen3": {"model.gguf": BF16},
    "qwen3_moe": {"model.gguf": F32, "model_q8_0.gguf": Q8_0, "model_f16.gguf": F16},
    "smollm3": {"model.gguf": BF16},
}
ARCHITECTURES = {"mixtral": "llama", "gemma3_text": "gemma3", "qwen3_moe": "qwen3moe"}

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
}
LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.gate": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "input_layernorm": "attn_norm",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
# These mean other places where there are norms after the blocks.
NORMS = {"post_attention_layernorm": "ffn_norm"}
NORMS_AFTER = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
EXPERTS = {
    "w1": "ffn_gate_exps",
    "w2": "ffn_down_exps",
    "w3": "ffn_up_exps",
    "gate_proj": "ffn_gate_exps",
    "down_proj": "ffn_down_exps",
    "up_proj": "ffn_up_exps",
}
# Always f32, whatever the other matrices are.
KEPT = ("ffn_gate_inp.weight", "position_embd.weight")


def rope_of(config):
    rope = config.get("rope_parameters") or {}
    return rope.get("full_attention", rope)


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def new_name(kind, name):
    """The name in the file; for an expert, that of the stack and the expert's place in it."""
    stem, _, suffix = name.rpartition(".")
    if stem in NAMES:
        return f"{NAMES[stem]}.{suffix}", None
    layer, rest = re.fullmatch(r"(?:model\.layers|transformer\.h)\.(\d+)\.(.+)", stem).groups()
    if found := re.fullmatch(r"(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)", rest):
        return f"blk.{layer}.{EXPERTS[found[2]]}.{suffix}", int(found[1])
    after = kind in ("gemma2", "gemma3_text", "olmo2")
    names = LAYER_NAMES | (NORMS_AFTER if after else NORMS)
    return f"blk.{layer}.{names[rest]}.{suffix}", None


def neighbours(rows, heads):
    """Rows of each head in the order in which those that turn together are neighbours."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(rows.shape)


def changed(kind, config, name, values):
    """What conversion makes of a parameter; `name` is the new one."""
    if kind in ("llama", "mixtral", "smollm3"):
        if ".attn_q." in name:
            return neighbours(values, config["num_attention_heads"])
        if ".attn_k." in name:
            return neighbours(values, config["num_key_value_heads"])
    if kind.startswith("gemma"):
        # Scores come out right if queries carry what the format leaves out.
        left_out = math.sqrt(head_size(config) / config["query_pre_attn_scalar"])
        last_of_queries = "attn_q_norm.weight" if kind == "gemma3_text" else "attn_q.weight"
        values = values + 1 if name.endswith("norm.weight") else values
        return values * np.float32(left_out) if name.endswith(last_of_queries) else values
    if kind == "gpt2" and re.search(r"(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$", name):
        return values.T
    return values


def tensors_of(kind, config, checkpoint):
    """The tensors of the file in order."""
    tensors, stacks = {}, {}
    for name, parameter in checkpoint.items():
        if config.get("tie_word_embeddings") and name == "lm_head.weight":
            continue
        name, expert = new_name(kind, name)
        values = parameter.to(torch.float32).numpy()
        if expert is None:
            tensors[name] = changed(kind, config, name, values)
        else:
            stacks.setdefault(name, {})[expert] = values
    for name, experts in stacks.items():
        tensors[name] = np.stack([experts[place] for place in range(len(experts))])
    rope = rope_of(config)
    if rope.get("rope_type") == "llama3":
        tensors["rope_freqs.weight"] = llama3_factors(rope, head_size(config))
    if rope.get("rope_type") == "longrope":
        tensors["rope_factors_long.weight"] = np.array(rope["long_factor"], dtype=np.float32)
        tensors["rope_factors_short.weight"] = np.array(rope["short_factor"], dtype=np.float32)
    return dict(sorted(tensors.items()))


def llama3_factors(rope, size):
    """What each frequency is divided by: 1 for fast ones, `factor` for slow ones."""
    original, factor = rope["original_max_position_embeddings"], rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    factors = []
    for pair in range(size // 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (2 * pair / size)
        share = min(max((original / wave - low) / (high - low), 0.0), 1.0)
        factors.append(1 / ((1 - share) / factor + share))
    return np.array(factors, dtype=np.float32)


def describe(kind, config, writer):
    """Writes the keys of the architecture."""
    writer.add_type("model")
    if kind == "gpt2":
        writer.add_block_count(config["n_layer"])
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_feed_forward_length(config["n_inner"] or 4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    rope, size = rope_of(config), head_size(config)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if kind != "gemma2":
        writer.add_rope_freq_base(rope["rope_theta"])
    if config.get("head_dim"):
        writer.add_key_length(size)
        writer.add_value_length(size)
    if kind in ("llama", "mixtral", "smollm3"):
        writer.add_vocab_size(config["vocab_size"])
        writer.add_rope_dimension_count(size)
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "phi3":
        original = config["original_max_position_embeddings"]
        writer.add_rope_dimension_count(int(size * rope.get("partial_rotary_factor", 1.0)))
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_sliding_window(config["sliding_window"] or 0)
        if rope["rope_type"] == "longrope":
            stretch = config["max_position_embeddings"] / original
            magnitude = math.sqrt(1 + math.log(stretch) / math.log(original)) if stretch > 1 else 1.0
            writer.add_rope_scaling_attn_factors(magnitude)
    if kind.startswith("gemma"):
        writer.add_sliding_window(config["sliding_window"])
        if kind == "gemma2":
            writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
            writer.add_final_logit_softcapping(config["final_logit_softcapping"])
        else:
            writer.add_sliding_window_pattern(config["layer_types"].index("full_attention") + 1)
            writer.add_rope_freq_base_swa(config["rope_parameters"]["sliding_attention"]["rope_theta"])
    if "num_local_experts" in config:
        writer.add_expert_count(config["num_local_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if "moe_intermediate_size" in config:
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def write(path, kind, config, tensors, wanted):
    writer = gguf.GGUFWriter(path, ARCHITECTURES.get(kind, kind))
    describe(kind, config, writer)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("none")
    for name, values in tensors.items():
        stored = wanted
        # A matrix that was changed by more than its order isn't one of bf16 values any more.
        inexact = kind == "gemma2" and "attn_q." in name
        if values.ndim == 1 or name.endswith(KEPT) or (wanted == BF16 and inexact):
            stored = F32
        elif wanted == Q8_0 and values.shape[-1] % gguf.GGML_QUANT_SIZES[Q8_0][0] != 0:
            stored = F16
        data = gguf.quants.quantize(np.ascontiguousarray(values), stored)
        if stored == BF16 and not np.array_equal(gguf.quants.dequantize(data, stored), values):
            raise SystemExit(f"{path}: {name} isn't exact in bf16")
        writer.add_tensor(name, data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.chmod(0o644)
    print(f"{path.parent.name}/{path.name}: {path.stat().st_size} bytes, {len(tensors)} tensors")


def main():
    parser = argparse.ArgumentParser(description="Writes the tiny checkpoints as GGUF files.")
    parser.add_argument("--golden", type=Path, default=GOLDEN_DIRECTORY)
    parser.add_argument("--only", nargs="+", choices=TYPES, help="these families alone")
    arguments = parser.parse_args()
    for name in arguments.only or TYPES:
        folder = arguments.golden / name
        config = json.loads((folder / "config.json").read_text())
        kind = config["model_type"]
        tensors = tensors_of(kind, config, load_file(folder / "model.safetensors"))
        for file, wanted in TYPES[name].items():
            write(folder / file, kind, config, tensors, wanted)


if __name__ == "__main__":
    main()
