"""The embedded RWKV-7: its size, its first parameters, its logits computed many tokens at a time.

In: a dict of parameters under the names of the official checkpoints, tokens i64[B, T]. Out: logits f32[B, T, V].

The recurrence  S_t = S_{t-1} (diag(w_t) + p_t q_tᵀ) + v_t k_tᵀ,  o_t = S_t r_t  is solved for `CHUNK` tokens at
once. With W_t the product of the chunk's decays up to t, S̃_t = S_t diag(1 / W_t) has no decay, and what each
step takes out, u_t = S_{t-1} p_t, follows from one triangular system:
    (I - tril(P Qᵀ, -1)) U = P S_0ᵀ + tril(P Kᵀ, -1) V,   P_t = W_{t-1} p_t,  Q_t = q_t / W_t,  K_t = k_t / W_t
    O = R S_0ᵀ + tril(R Qᵀ) U + tril(R Kᵀ) V,             R_t = W_t r_t
A decay is above 0.54, so that 1 / W stays below 0.54^-CHUNK, which f32 bears well for 16.

Invariants: the logits are those of `scripts/families/rwkv7.py`, which goes step by step; `test_models.py`
checks that.
"""

import math

import torch
from torch.nn import functional

LAYERS, HEADS, CHANNELS = 6, 4, 128
WIDTH = CHANNELS // HEADS
RANKS = {"w": 16, "a": 16, "v": 16, "g": 32}
CHUNK = 16
EPSILON, HEAD_EPSILON = 1e-5, 64e-5


def first_parameters(vocabulary, seed):
    """Parameters to start the training from: slow to fast decays over the channels, blocks that add nothing yet."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    ramp = torch.arange(CHANNELS) / (CHANNELS - 1)

    def uniform(*shape, scale):
        return (torch.rand(shape, generator=generator) * 2 - 1) * scale

    def put_norm(name, weight=1.0):
        parameters[f"{name}.weight"] = torch.full((CHANNELS,), weight)
        parameters[f"{name}.bias"] = torch.zeros(CHANNELS)

    parameters["emb.weight"] = uniform(vocabulary, CHANNELS, scale=0.02)
    put_norm("blocks.0.ln0")
    for layer in range(LAYERS):
        depth, att = 1 - layer / LAYERS, f"blocks.{layer}.att."
        put_norm(f"blocks.{layer}.ln1")
        put_norm(f"blocks.{layer}.ln2")
        for letter, power in {"r": 0.2, "w": 0.9, "k": 0.7, "v": 0.7, "a": 0.9, "g": 0.2}.items():
            parameters[att + f"x_{letter}"] = (1 - ramp ** (power * depth)).view(1, 1, -1)
        for letter, rank in RANKS.items():
            if letter == "v" and layer == 0:
                continue
            parameters[att + f"{letter}1"] = torch.zeros(CHANNELS, rank)
            parameters[att + f"{letter}2"] = uniform(rank, CHANNELS, scale=0.3 / rank**0.5)
        parameters[att + "g1"] = uniform(CHANNELS, RANKS["g"], scale=0.5 / CHANNELS**0.5)
        parameters[att + "g2"] = uniform(RANKS["g"], CHANNELS, scale=2.0 / RANKS["g"] ** 0.5)
        parameters[att + "w0"] = (-6.0 + 5.0 * ramp ** (0.85 + (layer / (LAYERS - 1)) ** 0.5)).view(1, 1, -1)
        parameters[att + "a0"] = torch.zeros(1, 1, CHANNELS)
        if layer > 0:
            parameters[att + "v0"] = torch.full((1, 1, CHANNELS), 0.5)
        parameters[att + "k_k"] = torch.full((1, 1, CHANNELS), 0.85)
        parameters[att + "k_a"] = torch.ones(1, 1, CHANNELS)
        parameters[att + "r_k"] = torch.zeros(HEADS, WIDTH)
        for matrix, scale in {"receptance": 0.5, "key": 0.3, "value": 0.5, "output": 0.1}.items():
            parameters[att + f"{matrix}.weight"] = uniform(CHANNELS, CHANNELS, scale=scale / CHANNELS**0.5)
        put_norm(att + "ln_x", ((1 + layer) / LAYERS) ** 0.7)
        ffn = f"blocks.{layer}.ffn."
        parameters[ffn + "x_k"] = (1 - ramp ** (depth**4)).view(1, 1, -1)
        parameters[ffn + "key.weight"] = uniform(4 * CHANNELS, CHANNELS, scale=1.0 / CHANNELS**0.5)
        parameters[ffn + "value.weight"] = uniform(CHANNELS, 4 * CHANNELS, scale=0.1 / CHANNELS**0.5)
    put_norm("ln_out")
    parameters["head.weight"] = uniform(vocabulary, CHANNELS, scale=0.5 / CHANNELS**0.5)
    return parameters


def recur(r, log_decay, k, v, p, q):
    """The outputs o of the recurrence above from a zero matrix; `log_decay` is ln w.

    All are f32[B, H, T, N], T a multiple of CHUNK.
    """
    batch, heads, length, width = r.shape
    state = r.new_zeros(batch, heads, width, width)
    outputs = []
    # Everything that needs no state is computed for all chunks at once: f32[B, H, chunks, CHUNK, N].
    r, log_decay, k, v, p, q = (part.unflatten(2, (-1, CHUNK)) for part in (r, log_decay, k, v, p, q))
    log_total = log_decay.cumsum(dim=3)
    total = log_total.exp()
    taken_at, read_at = p * (log_total - log_decay).exp(), r * total
    given = torch.cat([q / total, k / total], dim=3)
    # How much of each q and k up to then a step sees, as it takes out and as it is read.
    known, seen = taken_at @ given.transpose(3, 4), read_at @ given.transpose(3, 4)
    before_q, before_k = known[..., :CHUNK].tril(-1), known[..., CHUNK:].tril(-1)
    seen = torch.cat([seen[..., :CHUNK].tril(), seen[..., CHUNK:].tril()], dim=4)
    stepwise = (taken_at, read_at, given, seen, before_q, before_k @ v, v, total[:, :, :, -1:])
    for taken_at, read_at, given, seen, before_q, from_values, v, last in zip(*(part.unbind(2) for part in stepwise)):
        right = taken_at @ state.transpose(2, 3) + from_values
        taken = torch.linalg.solve_triangular(-before_q, right, upper=False, unitriangular=True)
        sources = torch.cat([taken, v], dim=2)
        outputs.append(read_at @ state.transpose(2, 3) + seen @ sources)
        state = (state + sources.transpose(2, 3) @ given) * last
    return torch.cat(outputs, dim=2)


def shifted(x):
    """Every position's predecessor; zeros before the first."""
    return functional.pad(x, (0, 0, 1, -1))


def time_mix(parameters, layer, x, first_value):
    """The time mixing of one layer, x f32[B, T, C]. Returns the output and layer 0's value."""

    def own(name):
        return parameters[f"blocks.{layer}.att.{name}"]

    def low_rank(letter, x, activation=lambda y: y):
        return activation(x @ own(f"{letter}1")) @ own(f"{letter}2")

    batch, length, _ = x.shape
    change = shifted(x) - x
    mixed = {letter: torch.addcmul(x, change, own(f"x_{letter}")) for letter in "rwkvag"}
    r = mixed["r"] @ own("receptance.weight").T
    k = mixed["k"] @ own("key.weight").T
    v = mixed["v"] @ own("value.weight").T
    log_decay = -math.exp(-0.5) * torch.sigmoid(own("w0") + low_rank("w", mixed["w"], torch.tanh))
    a = torch.sigmoid(own("a0") + low_rank("a", mixed["a"]))
    g = torch.sigmoid(mixed["g"] @ own("g1")) @ own("g2")
    if layer == 0:
        first_value = v
    else:
        v = v + (first_value - v) * torch.sigmoid(own("v0") + low_rank("v", mixed["v"]))
    removed = functional.normalize((k * own("k_k")).view(batch, length, HEADS, WIDTH), dim=-1).view(x.shape)
    k = k * (1 + (a - 1) * own("k_a"))

    def heads(y):
        return y.view(batch, length, HEADS, WIDTH).transpose(1, 2)

    out = recur(*(heads(y) for y in (r, log_decay, k, v, -removed, removed * a)))
    out = out.transpose(1, 2).reshape(batch * length, CHANNELS)
    out = functional.group_norm(out, HEADS, own("ln_x.weight"), own("ln_x.bias"), HEAD_EPSILON).view(x.shape)
    bonus = ((r * k).view(batch, length, HEADS, WIDTH) * own("r_k")).sum(-1, keepdim=True)
    out = out + (bonus * v.view(batch, length, HEADS, WIDTH)).view(x.shape)
    return (out * g) @ own("output.weight").T, first_value


def logits(parameters, tokens):
    """Logits of every position. A length that is no multiple of CHUNK is padded."""

    def norm(name, x):
        return functional.layer_norm(x, (CHANNELS,), parameters[f"{name}.weight"], parameters[f"{name}.bias"], EPSILON)

    length = tokens.shape[1]
    tokens = functional.pad(tokens, (0, -length % CHUNK))
    x, first_value = norm("blocks.0.ln0", functional.embedding(tokens, parameters["emb.weight"])), None
    for layer in range(LAYERS):
        out, first_value = time_mix(parameters, layer, norm(f"blocks.{layer}.ln1", x), first_value)
        x = x + out
        fed = norm(f"blocks.{layer}.ln2", x)
        fed = fed + (shifted(fed) - fed) * parameters[f"blocks.{layer}.ffn.x_k"]
        hidden = torch.relu(fed @ parameters[f"blocks.{layer}.ffn.key.weight"].T) ** 2
        x = x + hidden @ parameters[f"blocks.{layer}.ffn.value.weight"].T
    return norm("ln_out", x[:, :length]) @ parameters["head.weight"].T


def config(vocabulary):
    """The entries of config.json: ours, since official checkpoints have none."""
    return {
        "architectures": ["RWKV7ForCausalLM"],
        "model_type": "rwkv7",
        "vocab_size": vocabulary,
        "hidden_size": CHANNELS,
        "num_hidden_layers": LAYERS,
        "num_heads": HEADS,
        "head_dim": WIDTH,
        "intermediate_size": 4 * CHANNELS,
        "layer_norm_eps": EPSILON,
        "head_norm_eps": HEAD_EPSILON,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
