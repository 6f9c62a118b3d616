"""Makes the packages of the examples in crates/glassbox-runtime/examples, and what NumPy computes with them.

Usage: python3 scripts/language/packages.py crates/glassbox-runtime/examples/packages

Needs NumPy and nothing else. The packages are `.oinf` files of version 1 (docs/oinf.md), with sizes and metadata;
`expected.json` has the inputs of every step and the outputs that belong to them. Numbers are random, the same at every run.
"""

import json
import pathlib
import struct
import sys

import numpy as np

DTYPES = {"int32": 3, "float16": 9, "float32": 10}
TYPES = {"u32": (7, "<I"), "f32": (10, "<f")}

# --- packages ------------------------------------------------------------------------------------------------


def pad(data):
    return data + b"\0" * (-len(data) % 8)


def string(text):
    return pad(struct.pack("<I", len(text)) + text.encode("ascii"))


def package(sizes, metadata, tensors):
    """A package: sizes and tensors by name, metadata as (type, number) by name."""
    data = bytearray()
    offsets = []

    def append(payload):
        place = offsets[3] + len(data) if offsets else 0
        data.extend(pad(payload))
        return place

    def tables():
        data.clear()
        out = [b"".join(string(name) + struct.pack("<Q", value) for name, value in sizes.items()), b"", b""]
        for key, (kind, number) in metadata.items():
            number_type, layout = TYPES[kind]
            payload = struct.pack(layout, number)
            out[1] += string(key) + struct.pack("<IIQQ", number_type, 0, len(payload), append(payload))
        for name, tensor in tensors.items():
            payload = np.ascontiguousarray(tensor).tobytes()
            out[2] += string(name) + struct.pack("<III", DTYPES[str(tensor.dtype)], tensor.ndim, 1)
            out[2] += struct.pack(f"<{tensor.ndim}QQQ", *tensor.shape, len(payload), append(payload))
        return out

    # Once to learn how long the tables are, once with the places that follow from that.
    ends = [72]
    for table in tables():
        ends.append(ends[-1] + len(pad(table)))
    offsets = ends
    found = tables()
    counts = (len(sizes), len(metadata), len(tensors))
    header = b"OINF\0" + struct.pack("<6I5Q", 1, 0, *counts, 0, *offsets, offsets[3] + len(data))
    return pad(header) + b"".join(pad(table) for table in found) + bytes(data)


# --- arithmetic ----------------------------------------------------------------------------------------------


def matmul(a, b):
    """The product, its sums in the order of the inner axis: of f32 in f64, of f16 in f32, and rounded once."""
    wide = np.float64 if a.dtype == np.float32 else np.float32
    out = np.zeros((a.shape[0], b.shape[1]), wide)
    for k in range(a.shape[1]):
        out = out + a[:, k : k + 1].astype(wide) * b[k].astype(wide)
    return out.astype(a.dtype)


def attention(q, k, v, seen):
    """softmax(q kᵀ / sqrt(d)) v in f64, rounded once. q [B, D]; k and v [B, T, D]; seen [B, T]."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    scores = np.einsum("bd,btd->bt", q, k) / np.sqrt(q.shape[-1])
    scores = np.where(seen, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("bt,btd->bd", weights, v).astype(np.float16)


# --- programs ------------------------------------------------------------------------------------------------


def block_form(random):
    """The program of the design in block form."""
    layers, width = 3, 4
    w = random.uniform(-0.75, 0.75, (layers, width, width)).astype(np.float32)
    alpha = np.float32(0.1)
    sizes = {"D": width, "H": 2, "Dh": 3}
    metadata = {"alpha": ("f32", alpha), "num_layers": ("u32", layers)}
    made = package(sizes, metadata, {f"W.{l}": w[l] for l in range(layers)})
    steps = []
    overflow = np.full((1, width), 3e38, np.float32) * np.sign(w[0, :, 0])
    for step, x in enumerate([random.uniform(-20, 20, (2, width)), random.uniform(-1, 1, (1, width)), overflow]):
        x = x.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            h = matmul(x, w[0])
            h = np.where(h > 0, h, np.float32(0.01) * h)
            # A bound above: what overflows below stays -inf, so that the last step isn't finite.
            h = np.minimum(h, np.float32(6.0))
            for l in range(layers):
                h = matmul(h, w[l])
        h = h + alpha if np.isfinite(h).all() else np.zeros_like(h)
        steps.append({"x": x, "h": h, "step": step + 1})
    return made, steps


def tokens_to_logits(random):
    """The first program of the design in expression form."""
    vocabulary, width = 11, 8
    embeddings = random.normal(0, 1, (vocabulary, width)).astype(np.float32)
    head = random.normal(0, 1, (width, vocabulary)).astype(np.float16)
    made = package({}, {}, {"tok_embeddings": embeddings, "lm_head": head})
    steps = []
    for tok in ([3], [0, 10, 3, 7]):
        tok = np.array(tok, np.int32)
        steps.append({"tok": tok, "logits": matmul(embeddings[tok].astype(np.float16), head)})
    return made, steps


def decode_loop(random):
    """The second one: keys and values of every step are kept."""
    vocabulary, width, layers, context = 13, 16, 2, 6
    embeddings = random.normal(0, 1, (vocabulary, width)).astype(np.float32)
    tensors = {"tok_embeddings": embeddings}
    for l in range(layers):
        for name in ("Wq", "Wk", "Wv", "Wo"):
            tensors[f"{name}.{l}"] = random.normal(0, 0.25, (width, width)).astype(np.float16)
    tensors["lm_head"] = random.normal(0, 0.25, (width, vocabulary)).astype(np.float16)
    made = package({"ctx_len": context}, {"n_layers": ("u32", layers)}, tensors)
    kept = [([], []) for _ in range(layers)]
    steps = []
    # One sequence of the batch may see all there is, the other not its first token.
    for step, tok in enumerate([[3, 5], [12, 5], [0, 1], [7, 7], [3, 2], [9, 11]]):
        tok = np.array(tok, np.int32)
        mask = np.zeros((2, 1, 1, context), np.uint8)
        mask[0, ..., : step + 1] = 1
        mask[1, ..., min(step, 1) : step + 1] = 1
        x = embeddings[tok].astype(np.float16)
        for l in range(layers):
            q, k, v = (matmul(x, tensors[f"{name}.{l}"]) for name in ("Wq", "Wk", "Wv"))
            kept[l][0].append(k)
            kept[l][1].append(v)
            keys, values = (np.stack(part, axis=1) for part in kept[l])
            a = attention(q, keys, values, mask[:, 0, 0, : step + 1] != 0)
            x = x + matmul(a, tensors[f"Wo.{l}"])
        steps.append({"tok": tok, "step": step, "mask": mask, "logits": matmul(x, tensors["lm_head"])})
    return made, steps


def plain(value):
    """A value for JSON: numbers row by row, exactly."""
    return value.ravel().tolist() if isinstance(value, np.ndarray) else value


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for program in (block_form, tokens_to_logits, decode_loop):
        made, steps = program(np.random.default_rng(7))
        (folder / f"{program.__name__}.oinf").write_bytes(made)
        expected[program.__name__] = [{name: plain(value) for name, value in step.items()} for step in steps]
    rows = [
        f'"{name}": [\n' + ",\n".join("  " + json.dumps(step) for step in steps) + "\n]"
        for name, steps in expected.items()
    ]
    (folder / "expected.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


main()
