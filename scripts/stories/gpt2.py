"""The embedded GPT-2: its size, its first parameters, its logits.

In: a dict of parameters under the names of GPT-2 checkpoints, tokens i64[B, T]. Out: logits f32[B, T, V].

Invariants: the parameters are those that transformers' GPT2LMHeadModel has, in its layout ([in, out] for the
linear layers), and the logits are the same; `export.py` checks that.
"""

import torch
from torch.nn import functional

LAYERS, HEADS, CHANNELS, CONTEXT = 6, 4, 128, 256
EPSILON = 1e-5


def first_parameters(vocabulary, seed):
    """Parameters to start the training from, as GPT-2 started."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {}

    def put(name, *shape, scale):
        parameters[f"transformer.{name}"] = torch.randn(shape, generator=generator) * scale

    def put_norm(name):
        parameters[f"transformer.{name}.weight"] = torch.ones(CHANNELS)
        parameters[f"transformer.{name}.bias"] = torch.zeros(CHANNELS)

    def put_linear(name, inputs, outputs, scale=0.02):
        put(f"{name}.weight", inputs, outputs, scale=scale)
        parameters[f"transformer.{name}.bias"] = torch.zeros(outputs)

    residual = 0.02 / (2 * LAYERS) ** 0.5
    put("wte.weight", vocabulary, CHANNELS, scale=0.02)
    put("wpe.weight", CONTEXT, CHANNELS, scale=0.01)
    for layer in range(LAYERS):
        put_norm(f"h.{layer}.ln_1")
        put_linear(f"h.{layer}.attn.c_attn", CHANNELS, 3 * CHANNELS)
        put_linear(f"h.{layer}.attn.c_proj", CHANNELS, CHANNELS, residual)
        put_norm(f"h.{layer}.ln_2")
        put_linear(f"h.{layer}.mlp.c_fc", CHANNELS, 4 * CHANNELS)
        put_linear(f"h.{layer}.mlp.c_proj", 4 * CHANNELS, CHANNELS, residual)
    put_norm("ln_f")
    return parameters


def logits(parameters, tokens):
    """Logits of every position."""

    def norm(name, x):
        weight, bias = parameters[f"transformer.{name}.weight"], parameters[f"transformer.{name}.bias"]
        return functional.layer_norm(x, (CHANNELS,), weight, bias, EPSILON)

    def linear(name, x):
        weight, bias = parameters[f"transformer.{name}.weight"], parameters[f"transformer.{name}.bias"]
        return torch.addmm(bias, x.reshape(-1, x.shape[-1]), weight).view(*x.shape[:-1], -1)

    batch, length = tokens.shape
    embeddings = parameters["transformer.wte.weight"]
    x = functional.embedding(tokens, embeddings) + parameters["transformer.wpe.weight"][:length]
    for layer in range(LAYERS):
        qkv = linear(f"h.{layer}.attn.c_attn", norm(f"h.{layer}.ln_1", x))
        q, k, v = (part.view(batch, length, HEADS, -1).transpose(1, 2) for part in qkv.split(CHANNELS, dim=2))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(f"h.{layer}.attn.c_proj", mixed.transpose(1, 2).reshape(batch, length, CHANNELS))
        hidden = functional.gelu(linear(f"h.{layer}.mlp.c_fc", norm(f"h.{layer}.ln_2", x)), approximate="tanh")
        x = x + linear(f"h.{layer}.mlp.c_proj", hidden)
    return norm("ln_f", x) @ embeddings.T


def config(vocabulary):
    """The entries of config.json."""
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": vocabulary,
        "n_positions": CONTEXT,
        "n_ctx": CONTEXT,
        "n_embd": CHANNELS,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": EPSILON,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }
