"""Tests of `GroupQueryAttention` in `com.microsoft`.

Rows of a batch that differ in length are NumPy's, written after the text of the schema, and those of their elements are
compared that the text speaks of: what stands behind a row's own tokens is nobody's. What onnxruntime can run is held
against onnxruntime as well.
"""

from __future__ import annotations

from typing import Any

import numpy
from contrib_kit import Array, Draw, Suite

HEADS, KV_HEADS, SIZE, PLACES = 4, 2, 16, 16
"""Heads of queries, those of keys and values, the size of each, and how many places the rotation has."""


def group_query(suite: Suite) -> None:
    """`GroupQueryAttention`: prompts, ragged prompts, single tokens, buffers, rotation, windows, sinks."""
    heads, kv_heads, size, places = 4, 2, 16, 16

    def case(
        name: str,
        lengths: list[int],
        steps: int,
        past: int = 0,
        dtype: str = "float32",
        packed: bool = False,
        rotary: bool = False,
        **rest: object,
    ) -> None:
        """`lengths` are those of all keys of each row, the new ones included; `past` is the extent of the buffer."""
        draw = Draw(f"GroupQueryAttention {name}")
        normal = lambda *shape: draw.normal(*shape, dtype=dtype)  # noqa: E731
        batch, total = len(lengths), max(lengths)
        if packed:
            streams = [normal(batch, steps, (heads + 2 * kv_heads) * size), None, None]
        else:
            streams = [normal(batch, steps, count * size) for count in (heads, kv_heads, kv_heads)]
        before = [None, None]
        if past:
            before = [normal(batch, kv_heads, past, size) for _ in range(2)]
            # What a buffer holds beyond a row's past is 0, so that what is left of it compares.
            for row, length in enumerate(lengths):
                for buffer in before:
                    buffer[row, :, max(length - steps, 0) :] = 0
        angles = numpy.outer(numpy.arange(places), 0.5 ** numpy.arange(size // 2))
        caches = [numpy.cos(angles).astype(dtype), numpy.sin(angles).astype(dtype)] if rotary else [None, None]
        if rotary:
            rest["do_rotary"] = 1
        bias, sink = rest.pop("bias", None), rest.pop("sink", None)
        inputs = [
            *streams,
            *before,
            numpy.array(lengths, "int32") - 1,
            numpy.array(total, "int32"),
            *caches,
            None,
            bias,
            sink,
        ]
        suite.add(
            name,
            "GroupQueryAttention",
            inputs,
            outputs=[dtype] * int(rest.pop("results", 3)),
            constants=[7, 8] if rotary else [],
            num_heads=heads,
            kv_num_heads=kv_heads,
            **rest,
        )

    case("prompt", [5], 5)
    case("prompt_packed", [5], 5, packed=True)
    case("prompt_rotary", [5], 5, rotary=True)
    case("prompt_interleaved", [5], 5, rotary=True, rotary_interleaved=1)
    case("prompt_packed_rotary", [5, 5], 5, packed=True, rotary=True)
    case("prompt_half", [5], 5, rotary=True, dtype="float16")
    case("token", [6], 1, past=5)
    case("token_rotary", [6], 1, past=5, rotary=True)
    case("token_half", [6], 1, past=5, rotary=True, dtype="float16")
    case("token_in_buffer", [6], 1, past=8, rotary=True)
    case("tokens_ragged", [6, 3], 1, past=8, rotary=True)
    case("some_tokens", [7], 3, past=4, rotary=True)
    case("window", [6], 6, local_window_size=3)
    case("window_token", [7], 1, past=6, local_window_size=4)
    case("softcap", [5], 5, softcap=2.0)
    case("scale", [5], 5, scale=0.2)
    case("smooth", [5], 5, smooth_softmax=1)
    case("sink", [5], 5, sink=Draw("sink").normal(heads))
    case("sink_token", [6], 1, past=8, sink=Draw("sink").normal(heads), rotary=True)
    case("sink_window", [6], 6, sink=Draw("sink").normal(heads), local_window_size=3)
    case("bias", [5], 5, bias=Draw("gqa").normal(1, heads, 5, 5))
    case("bias_token", [6], 1, past=5, bias=Draw("gqa").normal(1, 1, 1, 6))
    case("not_causal", [5], 5, causal=0)
    # Rows of a prompt that is shorter than the longest: what stands behind their end compares where it is computed.
    case("scores", [5], 5, results=4, qk_output=2)
    case("raw_scores", [1], 1, results=4, qk_output=1)


def normalised(x: Array, weight: Array, epsilon: float) -> Array:
    """Each head divided by the root of the mean of its squares, times its weights."""
    return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def turned(x: Array, cos: Array, sin: Array, interleaved: bool) -> Array:
    """Heads [tokens, size] turned by the rows of the caches."""
    first, second = (x[:, 0::2], x[:, 1::2]) if interleaved else numpy.split(x, 2, -1)
    parts = [first * cos - second * sin, second * cos + first * sin]
    return numpy.stack(parts, -1).reshape(x.shape) if interleaved else numpy.concatenate(parts, -1)


def attended(arrays: list[Array | None], attributes: dict[str, Any]) -> list[Array]:
    """The attention and both buffers, row by row and head by head, in f64."""
    dtype = arrays[0].dtype
    arrays = [value if value is None or value.dtype.kind != "f" else value.astype("float64") for value in arrays]
    query, key, value, past_key, past_value, lengths, _, cos, sin, places, bias, sink, _, _, q_norm, k_norm = arrays
    batch, steps = query.shape[:2]
    if key is None:
        query, key, value = numpy.split(query, [HEADS * SIZE, (HEADS + KV_HEADS) * SIZE], -1)
    heads = lambda x: x.reshape(batch, steps, -1, SIZE).transpose(0, 2, 1, 3)  # noqa: E731
    query, key, value = heads(query), heads(key), heads(value)
    if q_norm is not None:
        epsilon = attributes.get("qk_norm_epsilon", 1e-6)
        query, key = normalised(query, q_norm, epsilon), normalised(key, k_norm, epsilon)
    total = int(arrays[6])
    extent = max(total, past_key.shape[2] if past_key is not None else 0)
    buffers = [numpy.zeros((batch, KV_HEADS, extent, SIZE)) for _ in range(2)]
    out = numpy.zeros((batch, steps, HEADS, SIZE))
    for row in range(batch):
        length = int(lengths[row]) + 1
        past = max(length - steps, 0) if past_key is not None else 0
        new = min(steps, length - past)
        if past_key is not None:
            for buffer, before in zip(buffers, (past_key, past_value), strict=True):
                buffer[row, :, :past] = before[row, :, :past]
        at = places[row] if places is not None else numpy.arange(past, past + steps)
        if attributes.get("do_rotary"):
            mixed = bool(attributes.get("rotary_interleaved"))
            for x in (query, key):
                for head in range(x.shape[1]):
                    x[row, head] = turned(x[row, head], cos[at], sin[at], mixed)
        buffers[0][row, :, past : past + new] = key[row, :, :new]
        buffers[1][row, :, past : past + new] = value[row, :, :new]
        for head in range(HEADS):
            keys, values = (buffer[row, head * KV_HEADS // HEADS] for buffer in buffers)
            for step in range(new):
                scores = keys[:length] @ query[row, head, step] * attributes.get("scale", 1 / numpy.sqrt(SIZE))
                cap = attributes.get("softcap", 0)
                scores = cap * numpy.tanh(scores / cap) if cap else scores
                if bias is not None:
                    scores = scores + bias[row % len(bias), head % bias.shape[1], step, :length]
                place, window = past + step, attributes.get("local_window_size", -1)
                seen = numpy.arange(length)
                seen = seen <= place if attributes.get("causal", 1) else seen >= 0
                if window > 0:
                    seen &= numpy.arange(length) > place - window
                powers = numpy.exp(scores) * seen
                below = powers.sum() + (1 if attributes.get("smooth_softmax") else 0)
                below += numpy.exp(sink[head]) if sink is not None else 0
                out[row, step, head] = powers / below @ values[:length]
    return [part.astype(dtype) for part in (out.reshape(batch, steps, -1), *buffers)]


def ragged(suite: Suite) -> None:
    """Rows of different lengths, of prompts and of single tokens, and heads that are normalised."""

    def case(name: str, lengths: list[int], steps: int, past: int = 0, held: bool = True, **rest: Any) -> None:
        draw = Draw(f"GroupQueryAttention ragged {name}")
        dtype = rest.pop("dtype", "float32")
        normal = lambda *shape: draw.normal(*shape, dtype=dtype)  # noqa: E731
        batch, total = len(lengths), max(lengths)
        if rest.pop("packed", False):
            streams = [normal(batch, steps, (HEADS + 2 * KV_HEADS) * SIZE), None, None]
        else:
            streams = [normal(batch, steps, count * SIZE) for count in (HEADS, KV_HEADS, KV_HEADS)]
        before = [normal(batch, KV_HEADS, past, SIZE) for _ in range(2)] if past else [None, None]
        angles = numpy.outer(numpy.arange(PLACES), 0.5 ** numpy.arange(SIZE // 2))
        rotary = bool(rest.get("do_rotary"))
        caches = [numpy.cos(angles).astype(dtype), numpy.sin(angles).astype(dtype)] if rotary else [None, None]
        biased, places = rest.pop("biased", False), rest.pop("places", None)
        bias = normal(batch, HEADS, steps, total) if biased else None
        sink = normal(HEADS) if rest.pop("sunk", False) else None
        norms = [draw.positive(SIZE, dtype=dtype) for _ in range(2)] if rest.pop("norms", False) else [None, None]
        inputs = [*streams, *before, numpy.array(lengths, "int32") - 1, numpy.array(total, "int32"), *caches, places]
        inputs += [bias, sink, None, None, *norms]
        new = [length - (max(length - steps, 0) if past else 0) for length in lengths]
        kept = (numpy.arange(steps) < numpy.array(new)[:, None])[:, :, None]
        held_keys = (numpy.arange(max(total, past)) < numpy.array(lengths)[:, None])[:, None, :, None]
        attributes = {"num_heads": HEADS, "kv_num_heads": KV_HEADS, **rest}
        suite.add(
            f"ragged_{name}", "GroupQueryAttention", inputs, outputs=[dtype] * 3, constants=[7, 8] if rotary else [],
            expected=lambda arrays: attended(arrays, attributes), kept=[kept, held_keys, held_keys], held=held,
            **attributes,
        )

    prompts: dict[str, dict[str, Any]] = {
        "plain": {},
        "packed": {"packed": True},
        "rotary": {"do_rotary": 1},
        "packed_rotary": {"packed": True, "do_rotary": 1},
        "interleaved": {"do_rotary": 1, "rotary_interleaved": 1},
        "window": {"local_window_size": 2},
        "softcap": {"softcap": 1.5},
        "smooth": {"smooth_softmax": 1},
        "sink": {"sunk": True},
        "sink_softcap": {"sunk": True, "softcap": 1.5},
        "sink_window_bias": {"sunk": True, "local_window_size": 2, "biased": True},
        "smooth_window_softcap": {"smooth_softmax": 1, "local_window_size": 3, "softcap": 2.0},
        "bias": {"biased": True},
        "bias_softcap": {"biased": True, "softcap": 1.5},
        "scale": {"scale": 0.4},
        "half": {"dtype": "float16", "do_rotary": 1},
        # What a query sees of a row that is shorter than the longest isn't told by causality then.
        "not_causal": {"causal": 0},
        "not_causal_sink": {"causal": 0, "sunk": True},
        # onnxruntime normalises heads on a GPU only.
        "norms": {"norms": True, "held": False},
        "norms_rotary": {"norms": True, "do_rotary": 1, "qk_norm_epsilon": 0.01, "held": False},
        "norms_packed": {"norms": True, "packed": True, "held": False},
    }
    for name, rest in prompts.items():
        case(f"prompt_{name}", [5, 3, 1], 5, **rest)
        case(f"token_{name}", [7, 4, 1], 1, past=8, **rest)
    case("tokens_norms", [7], 3, past=8, norms=True, do_rotary=1, held=False)


TESTS = [group_query, ragged]
