"""RWKV-7 in plain torch: one step after another, as the paper writes it; and its tiny checkpoint.

In: parameters under the names of the official checkpoints, token ids, a state. Out: logits, the next state.
Source: "RWKV-7 Goose with Expressive Dynamic State Evolution" (arXiv 2503.14456). The README beside the
golden files has the equations.

Invariants: everything is f32. The number of layers, heads and channels is read from the parameters' shapes:
an official checkpoint has no configuration. `make` holds the logits against the package `rwkv`.

Refuses: nothing; a missing parameter is a KeyError.
"""

import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

NAME = "rwkv7"
LAYERS, HEADS, HEAD_WIDTH, VOCABULARY = 2, 2, 16, 97
# Widths of the low-rank parts for decay, in-context learning rate, value mixing and gate.
RANKS = {"w": 8, "a": 8, "v": 6, "g": 10}
PROMPT = 20
STEPS = 64
LEAST_MARGIN = 1e-3
SEEDS = 200
LAYER_NORM_EPSILON = 1e-5
# Epsilon of the per-head norm: (head_size_divisor = 8)^2 times 1e-5, whatever the head's width.
HEAD_NORM_EPSILON = 64e-5
# How far two implementations in f32 may differ.
TOLERANCE = 1e-5


def layer_norm(parameters, name, x):
    return functional.layer_norm(
        x, x.shape[-1:], parameters[f"{name}.weight"], parameters[f"{name}.bias"], LAYER_NORM_EPSILON
    )


def zero_state(parameters):
    """The state before the first token: per layer the two last inputs, and one matrix per head."""
    heads, width = parameters["blocks.0.att.r_k"].shape
    layers = 1 + max(int(name.split(".")[1]) for name in parameters if name.startswith("blocks."))
    channels = heads * width
    return [
        {
            "att_x": torch.zeros(channels),
            "att_s": torch.zeros(heads, width, width),
            "ffn_x": torch.zeros(channels),
        }
        for _ in range(layers)
    ]


def time_mix(parameters, layer, x, last, matrix, first_value):
    """One token through a layer's time mixing. Returns the output, the new matrix, and layer 0's value."""

    def own(name):
        return parameters[f"blocks.{layer}.att.{name}"]

    heads, width = own("r_k").shape
    mixed = {letter: x + (last - x) * own(f"x_{letter}").flatten() for letter in "rwkvag"}
    r = own("receptance.weight") @ mixed["r"]
    k = own("key.weight") @ mixed["k"]
    v = own("value.weight") @ mixed["v"]
    w = own("w0").flatten() + torch.tanh(mixed["w"] @ own("w1")) @ own("w2")
    decay = torch.exp(-math.exp(-0.5) * torch.sigmoid(w))
    a = torch.sigmoid(own("a0").flatten() + mixed["a"] @ own("a1") @ own("a2"))
    g = torch.sigmoid(mixed["g"] @ own("g1")) @ own("g2")
    if layer == 0:
        first_value = v
    else:
        v = v + (first_value - v) * torch.sigmoid(own("v0").flatten() + mixed["v"] @ own("v1") @ own("v2"))

    removed = functional.normalize((k * own("k_k").flatten()).view(heads, width), dim=-1, eps=1e-12)
    k = k * (1 + (a - 1) * own("k_a").flatten())
    r, k, v, a, decay = (value.view(heads, width) for value in (r, k, v, a, decay))
    # matrix[h, i, j]: row i is a value's channel, column j a key's.
    taken = torch.einsum("hij,hj->hi", matrix, -removed)
    matrix = (
        matrix * decay[:, None, :]
        + taken[:, :, None] * (removed * a)[:, None, :]
        + v[:, :, None] * k[:, None, :]
    )
    out = torch.einsum("hij,hj->hi", matrix, r).flatten()
    out = functional.group_norm(
        out[None], heads, own("ln_x.weight"), own("ln_x.bias"), HEAD_NORM_EPSILON
    ).flatten()
    bonus = (r * k * own("r_k")).sum(-1, keepdim=True) * v
    return own("output.weight") @ ((out + bonus.flatten()) * g), matrix, first_value


def channel_mix(parameters, layer, x, last):
    """One token through a layer's channel mixing."""
    prefix = f"blocks.{layer}.ffn."
    mixed = x + (last - x) * parameters[prefix + "x_k"].flatten()
    hidden = torch.relu(parameters[prefix + "key.weight"] @ mixed) ** 2
    return parameters[prefix + "value.weight"] @ hidden


def step(parameters, token, state):
    """One token through the model. Returns its logits, f32[V], and the state after it."""
    x = layer_norm(parameters, "blocks.0.ln0", parameters["emb.weight"][token])
    first_value, next_state = None, []
    for layer, old in enumerate(state):
        mixed = layer_norm(parameters, f"blocks.{layer}.ln1", x)
        out, matrix, first_value = time_mix(parameters, layer, mixed, old["att_x"], old["att_s"], first_value)
        x = x + out
        fed = layer_norm(parameters, f"blocks.{layer}.ln2", x)
        x = x + channel_mix(parameters, layer, fed, old["ffn_x"])
        next_state.append({"att_x": mixed, "att_s": matrix, "ffn_x": fed})
    return parameters["head.weight"] @ layer_norm(parameters, "ln_out", x), next_state


def read(parameters, tokens, state=None):
    """Many tokens. Returns logits f32[T, V] and the last state."""
    state = zero_state(parameters) if state is None else state
    rows = []
    for token in tokens:
        logits, state = step(parameters, token, state)
        rows.append(logits)
    return torch.stack(rows), state


def continue_greedily(parameters, prompt, steps=STEPS):
    """Returns logits of the prompt, the state after it, tokens, margins, and the logits that chose the last."""
    prompt_logits, state = read(parameters, prompt)
    prompt_state, last = state, prompt_logits[-1]
    tokens, margins = [], []
    while True:
        best = last.topk(2)
        tokens.append(best.indices[0].item())
        margins.append((best.values[0] - best.values[1]).item())
        if len(tokens) == steps:
            return prompt_logits, prompt_state, tokens, margins, last
        last, state = step(parameters, tokens[-1], state)


def random_parameters(seed):
    """Parameters that bf16 holds exactly, with shapes as in the official checkpoints."""
    generator = torch.Generator().manual_seed(seed)
    channels, parameters = HEADS * HEAD_WIDTH, {}

    def put(name, shape, scale, centre=0.0):
        values = torch.randn(shape, generator=generator) * scale + centre
        parameters[name] = values.to(torch.bfloat16).to(torch.float32)

    def put_norm(name):
        put(f"{name}.weight", (channels,), 0.2, 1.0)
        put(f"{name}.bias", (channels,), 0.2)

    put("emb.weight", (VOCABULARY, channels), 1.0)
    put_norm("blocks.0.ln0")
    for layer in range(LAYERS):
        block = f"blocks.{layer}"
        put_norm(f"{block}.ln1")
        put_norm(f"{block}.ln2")
        for letter in "rwkvag":
            put(f"{block}.att.x_{letter}", (1, 1, channels), 0.3, 0.5)
        for letter, rank in RANKS.items():
            if letter == "v" and layer == 0:
                continue
            if letter != "g":
                put(f"{block}.att.{letter}0", (1, 1, channels), 1.0, -1.0 if letter == "w" else 0.3)
            put(f"{block}.att.{letter}1", (channels, rank), 1.2 / channels**0.5)
            put(f"{block}.att.{letter}2", (rank, channels), 1.2 / rank**0.5)
        put(f"{block}.att.k_k", (1, 1, channels), 0.1, 0.85)
        put(f"{block}.att.k_a", (1, 1, channels), 0.1, 1.0)
        put(f"{block}.att.r_k", (HEADS, HEAD_WIDTH), 0.2)
        for matrix in ("receptance", "key", "value", "output"):
            put(f"{block}.att.{matrix}.weight", (channels, channels), 1.2 / channels**0.5)
        put_norm(f"{block}.att.ln_x")
        put(f"{block}.ffn.x_k", (1, 1, channels), 0.3, 0.5)
        put(f"{block}.ffn.key.weight", (4 * channels, channels), 1.2 / channels**0.5)
        put(f"{block}.ffn.value.weight", (channels, 4 * channels), 0.6 / channels**0.5)
    put_norm("ln_out")
    put("head.weight", (VOCABULARY, channels), 1.2 / channels**0.5)
    return parameters


def package_logits(parameters, tokens):
    """The logits that the package `rwkv` computes, or None if it is not installed."""
    os.environ.update({"RWKV_V7_ON": "1", "RWKV_JIT_ON": "0", "RWKV_CUDA_ON": "0"})
    try:
        from rwkv.model import RWKV
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as temporary:
        torch.save(parameters, Path(temporary) / "model.pth")
        logits, _ = RWKV(str(Path(temporary) / "model"), "cpu fp32").forward(list(tokens), None, full_output=True)
    return logits


def check_against_package(parameters, tokens, logits):
    """Ends the script if the package `rwkv` computes other logits; says so if it is not installed."""
    other = package_logits(parameters, tokens)
    if other is None:
        print("rwkv7: skipped the comparison: the package rwkv is not installed")
        return
    difference = (other - logits).abs().max().item()
    print(f"rwkv7: the package rwkv differs by at most {difference:.1e}")
    if not difference <= TOLERANCE:
        sys.exit("rwkv7: that is more than rounding")


def make(output, is_lively, write_golden):
    """Writes the folder of the tiny RWKV-7: model.safetensors, model.pth, config.json, golden.safetensors."""
    for seed in range(SEEDS):
        parameters = random_parameters(seed)
        generator = torch.Generator().manual_seed(1_000_000 + seed)
        prompt = torch.randint(3, VOCABULARY, (PROMPT,), generator=generator).tolist()
        logits, state, greedy, margins, last = continue_greedily(parameters, prompt)
        if is_lively(greedy) and min(margins) > LEAST_MARGIN:
            break
    else:
        sys.exit(f"rwkv7: no seed below {SEEDS} gives a clear continuation")
    check_against_package(parameters, prompt, logits)
    folder = output / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(parameters, folder / "model.safetensors")
    torch.save({name: value.to(torch.bfloat16) for name, value in parameters.items()}, folder / "model.pth")
    write_config(folder, parameters)
    states = {name: torch.stack([layer[name] for layer in state]) for name in ("att_x", "att_s", "ffn_x")}
    write_golden(folder, prompt, logits, greedy, margins, last, states)
    exact, _ = read({name: value.double() for name, value in parameters.items()}, prompt, double(zero_state(parameters)))
    print(f"{NAME:20} seed {seed:3}  least margin {min(margins):.4f}  largest logit {logits.abs().max():.2f}  "
          f"f32 off by {(exact - logits).abs().max():.1e}  distinct {len(set(greedy))}")


def double(state):
    return [{name: value.double() for name, value in layer.items()} for layer in state]


def write_config(folder, parameters, **more):
    """Writes config.json: ours, since official checkpoints have none. All of it follows from the shapes."""
    heads, width = parameters["blocks.0.att.r_k"].shape
    vocabulary, channels = parameters["emb.weight"].shape
    config = {
        "architectures": ["RWKV7ForCausalLM"],
        "model_type": "rwkv7",
        "vocab_size": vocabulary,
        "hidden_size": channels,
        "num_hidden_layers": len(zero_state(parameters)),
        "num_heads": heads,
        "head_dim": width,
        "intermediate_size": parameters["blocks.0.ffn.key.weight"].shape[0],
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "head_norm_eps": HEAD_NORM_EPSILON,
        "tie_word_embeddings": False,
        **more,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
