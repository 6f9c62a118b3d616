"""Tests of the ops of attention in `com.microsoft`."""

from __future__ import annotations

import numpy
from contrib_kit import Array, Draw, Suite, outputs_of, softmax


def attention(suite: Suite) -> None:
    """`Attention`: the projection is inside; masks of every form, a past, values of another size."""
    batch, steps, width, heads, size = 2, 4, 10, 2, 3
    hidden = heads * size

    def case(name: str, mask: Array | None = None, past: int = 0, bias: Array | None = None, **rest: object) -> None:
        draw = Draw(f"Attention {name}")
        values = int(rest.pop("values", hidden))
        if values != hidden:
            rest["qkv_hidden_sizes"] = [hidden, hidden, values]
        total = 2 * hidden + values
        before = draw.normal(2, batch, heads, past, size) if past else None
        inputs = [
            draw.normal(batch, steps, width),
            draw.normal(width, total, scale=0.5),
            draw.normal(total) if rest.pop("biased", True) else None,
            mask,
            before,
            bias,
        ]
        outputs = ["float32", "float32"] if values == hidden else ["float32"]
        expected = None
        if inputs[2] is None:
            # onnxruntime crashes without a bias, which is as one of zeros.
            zeros = [*inputs[:2], numpy.zeros(total, "float32"), *inputs[3:]]
            expected = lambda _: outputs_of("Attention", zeros, outputs, num_heads=heads, **rest)  # noqa: E731
        suite.add(
            name, "Attention", inputs, outputs=outputs, constants=[1, 2], expected=expected, num_heads=heads, **rest
        )

    case("plain")
    case("without_bias", biased=False)
    case("causal", unidirectional=1)
    case("scale", scale=0.3)
    case("values_of_another_size", values=4)
    case("past", past=3)
    case("past_causal", past=3, unidirectional=1)
    case("lengths", mask=numpy.array([2, 4], "int32"))
    case("ends_and_starts", mask=numpy.array([3, 4, 1, 0], "int32"))
    case("mask_of_keys", mask=numpy.array([[1, 1, 0, 0], [0, 1, 1, 1]], "int32"))
    case("mask_of_keys_and_past", mask=numpy.array([[1, 0, 1, 1, 0, 0], [1, 1, 0, 1, 1, 1]], "int32"), past=2)
    case("mask_of_pairs", mask=Draw("pairs").ints(0, 2, batch, steps, steps, dtype="int32") | numpy.eye(steps, dtype="int32"))
    case("all_masked", mask=numpy.zeros((batch, steps), "int32"))
    case("filter", mask=numpy.array([[1, 1, 0, 0], [0, 1, 1, 1]], "int32"), mask_filter_value=-1.5)
    case("causal_and_mask", mask=numpy.array([[1, 1, 1, 0], [0, 1, 1, 1]], "int32"), unidirectional=1)
    case("bias_of_scores", bias=Draw("bias").normal(batch, heads, steps, steps))
    case("bias_for_all", bias=Draw("bias").normal(1, 1, steps, steps))


def multi_head(suite: Suite) -> None:
    """`MultiHeadAttention`: inputs in their four forms, biases, masks, a past."""
    batch, steps, keys, heads, size = 2, 3, 5, 2, 4
    hidden = heads * size

    def case(name: str, form: str = "three", dtype: str = "float32", **rest: object) -> None:
        draw = Draw(f"MultiHeadAttention {name}")
        normal = lambda *shape: draw.normal(*shape, dtype=dtype)  # noqa: E731
        values = int(rest.pop("values", hidden))
        past = int(rest.pop("past", 0))
        mask, bias = rest.pop("mask", None), rest.pop("bias", None)
        streams = {
            "three": lambda: [normal(batch, steps, hidden), normal(batch, keys, hidden), normal(batch, keys, values)],
            "self": lambda: [normal(batch, steps, hidden), normal(batch, steps, hidden), normal(batch, steps, values)],
            "packed": lambda: [normal(batch, steps, heads, 3, size), None, None],
            "packed_keys": lambda: [normal(batch, steps, hidden), normal(batch, keys, heads, 2, size), None],
            "crossing": lambda: [
                normal(batch, steps, hidden),
                normal(batch, heads, keys, size),
                normal(batch, heads, keys, size),
            ],
        }[form]()
        added = normal(2 * hidden + values) if rest.pop("biased", False) else None
        before = [normal(batch, heads, past, size), normal(batch, heads, past, values // heads)] if past else [None, None]
        outputs = [dtype] * (3 if past or rest.pop("present", False) else 1)
        expected = None
        if form.startswith("packed"):
            # onnxruntime takes packed tensors on a GPU only: what it gives for their parts.
            parts = [part[:, :, :, index] for part in streams if part is not None for index in range(part.shape[3] if part.ndim == 5 else 0)]
            parts = [part.reshape(batch, -1, hidden) for part in parts]
            parts = parts if form == "packed" else [streams[0], *parts]
            expected = lambda _: outputs_of("MultiHeadAttention", parts, outputs, num_heads=heads)  # noqa: E731
        inputs = [*streams, added, mask, bias, *before]
        suite.add(name, "MultiHeadAttention", inputs, outputs=outputs, expected=expected, num_heads=heads, **rest)

    case("plain")
    case("present", present=True)
    case("values_of_another_size", values=6)
    case("biased", biased=True)
    case("biased_values", biased=True, values=6)
    case("packed", form="packed")
    case("packed_keys", form="packed_keys")
    case("crossing", form="crossing")
    case("scale", scale=0.7)
    case("causal", form="self", unidirectional=1)
    case("causal_past", form="self", unidirectional=1, past=2)
    case("past", form="self", past=3, biased=True)
    case("lengths", mask=numpy.array([2, 5], "int32"))
    case("mask_of_keys", mask=numpy.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], "int32"))
    case("mask_of_pairs", mask=Draw("mha").ints(0, 2, batch, steps, keys, dtype="int32") | numpy.eye(steps, keys, dtype="int32"))
    case("mask_and_past", form="self", past=2, mask=numpy.array([[1, 0, 1, 1, 0], [1, 1, 1, 0, 1]], "int32"))
    case("bias_of_scores", bias=Draw("mha").normal(batch, heads, steps, keys))
    case("bias_for_heads", bias=Draw("mha").normal(1, heads, steps, keys), mask=numpy.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], "int32"))
    draw = Draw("MultiHeadAttention scores")
    streams = [draw.normal(batch, steps, hidden), draw.normal(batch, keys, hidden), draw.normal(batch, keys, hidden)]
    suite.add("scores", "MultiHeadAttention", streams, outputs=["float32"] * 4, num_heads=heads)


def decoder_masked(suite: Suite) -> None:
    """`DecoderMaskedMultiHeadAttention`: one new token."""
    batch, past, heads, size = 2, 3, 2, 4
    hidden = heads * size
    draw = Draw("DecoderMaskedMultiHeadAttention")
    one = lambda: draw.normal(batch, 1, hidden)  # noqa: E731
    before = lambda length: [draw.normal(batch, heads, length, size) for _ in range(2)]  # noqa: E731
    op = "DecoderMaskedMultiHeadAttention"
    three = ["float32"] * 3
    crossing = [one(), *before(5)]
    suite.add("crossing", op, crossing, num_heads=heads)
    length = numpy.array([past], "int32")
    shared = [one(), one(), one(), None, None, *before(past + 3), length]
    suite.add("shared_buffer", op, shared, outputs=three, num_heads=heads, past_present_share_buffer=1)
    mask = numpy.array([[1, 0, 1, 1], [0, 1, 1, 1]], "int32")
    masked = [one(), one(), one(), mask, None, *before(past + 3), length]
    suite.add("masked", op, masked, outputs=three, num_heads=heads, past_present_share_buffer=1)


def rotary(suite: Suite) -> None:
    """`RotaryEmbedding`: both orders of pairs, both forms of x and of places, a part of a head."""
    batch, heads, steps, size, places = 2, 3, 4, 8, 12
    for dtype in ("float32", "float16"):
        for interleaved in (0, 1):
            for form in ("heads", "flat"):
                for offset in (False, True):
                    name = f"{dtype}_{form}_{'offset' if offset else 'places'}{'_interleaved' * interleaved}"
                    draw = Draw(f"RotaryEmbedding {name}")
                    x = draw.normal(*((batch, heads, steps, size) if form == "heads" else (batch, steps, heads * size)), dtype=dtype)
                    ids = numpy.array([3]) if offset else draw.ints(0, places, batch, steps)
                    angles = draw.positive(places, size // 2)
                    caches = [numpy.cos(angles).astype(dtype), numpy.sin(angles).astype(dtype)]
                    suite.add(name, "RotaryEmbedding", [x, ids, *caches], outputs=[dtype], constants=[2, 3], interleaved=interleaved)
    draw = Draw("RotaryEmbedding part")
    angles = draw.positive(places, 2)
    caches = [numpy.cos(angles).astype("float32"), numpy.sin(angles).astype("float32")]
    inputs = [draw.normal(batch, steps, heads * size), draw.ints(0, places, batch, steps), *caches]
    suite.add("part", "RotaryEmbedding", inputs, num_heads=heads, rotary_embedding_dim=4)


def packed(suite: Suite) -> None:
    """`PackedMultiHeadAttention`, which has no kernel for the processor: NumPy."""
    heads, size, lengths, steps = 2, 4, [1, 3, 2], 3
    hidden, tokens = heads * size, sum(lengths)
    places = [row * steps + step for row, length in enumerate(lengths) for step in range(length)]
    padding = [place for place in range(len(lengths) * steps) if place not in places]
    offsets = numpy.array(places + padding, "int32").reshape(len(lengths), steps)
    sums = numpy.cumsum([0, *lengths]).astype("int32")

    def expected(arrays: list[Array | None]) -> list[Array]:
        query, key, value, added, _, _, scores_bias = arrays
        parts = [query, key, value] if key is not None else [query[:, :, part].reshape(tokens, hidden) for part in range(3)]
        if added is not None:
            parts = [part + added[index * hidden : (index + 1) * hidden] for index, part in enumerate(parts)]
        out = numpy.zeros((tokens, hidden))
        for row, (first, last) in enumerate(zip(sums, sums[1:], strict=False)):
            for head in range(heads):
                columns = slice(head * size, (head + 1) * size)
                q, k, v = [part[first:last, columns].astype("float64") for part in parts]
                scores = q @ k.T / numpy.sqrt(size)
                if scores_bias is not None:
                    count = last - first
                    scores += scores_bias[row % len(scores_bias), head % scores_bias.shape[1], :count, :count]
                out[first:last, columns] = softmax(scores) @ v
        return [out.astype("float32")]

    for name in ("three", "packed", "biased", "bias_of_scores"):
        draw = Draw(f"PackedMultiHeadAttention {name}")
        streams = [draw.normal(tokens, hidden) for _ in range(3)]
        if name == "packed":
            streams = [draw.normal(tokens, heads, 3, size), None, None]
        added = draw.normal(3 * hidden) if name == "biased" else None
        bias = draw.normal(1, heads, steps, steps) if name == "bias_of_scores" else None
        inputs = [*streams, added, offsets, sums, bias]
        suite.add(name, "PackedMultiHeadAttention", inputs, expected=expected, num_heads=heads)


def paddings(suite: Suite) -> None:
    """`RemovePadding`, `RestorePadding` and `PackedAttention`, which have no kernel for the processor: NumPy."""
    draw = Draw("paddings")
    lengths, steps, hidden = numpy.array([1, 3, 2], "int32"), 3, 4
    x = draw.normal(3, steps, hidden)
    places = [row * steps + step for row, length in enumerate(lengths) for step in range(length)]
    padding = [place for place in range(3 * steps) if place not in places]
    offsets = numpy.array(places + padding, "int32").reshape(3, steps)
    sums = numpy.cumsum([0, *lengths]).astype("int32")
    tokens = x.reshape(-1, hidden)[places]
    removed = lambda _: [tokens, offsets, sums, numpy.array([3], "int32")]  # noqa: E731
    suite.add("", "RemovePadding", [x, lengths], outputs=["float32", "int32", "int32", "int32"], expected=removed)
    restored = numpy.zeros((3 * steps, hidden), "float32")
    restored[places] = tokens
    suite.add("", "RestorePadding", [tokens, offsets], expected=lambda _: [restored.reshape(x.shape)])
    weights, bias = draw.normal(hidden, 3 * hidden), draw.normal(3 * hidden)

    def attended(_: list[Array | None]) -> list[Array]:
        rows = []
        for row, length in enumerate(lengths):
            inputs = [x[row : row + 1, :length], weights, bias]
            rows.append(outputs_of("Attention", inputs, num_heads=2)[0][0])
        return [numpy.concatenate(rows)]

    inputs = [tokens, weights, bias, offsets, sums]
    suite.add("", "PackedAttention", inputs, constants=[1, 2], expected=attended, num_heads=2)


def recurrences(suite: Suite) -> None:
    """`LinearAttention`, `CausalConvWithState` and `GemmaRotaryEmbedding`."""
    batch, steps, heads, size = 2, 3, 2, 4
    for rule in ("linear", "gated", "delta", "gated_delta"):
        draw = Draw(f"LinearAttention {rule}")
        inputs = [draw.normal(batch, steps, heads * size, scale=0.5) for _ in range(3)]
        inputs.append(draw.normal(batch, heads, size, size))
        inputs.append(-draw.positive(batch, steps, heads) if rule.startswith("gated") else None)
        inputs.append(draw.positive(batch, steps, heads, low=0.1, high=0.9) if rule.endswith("delta") else None)
        rest = {"q_num_heads": heads, "kv_num_heads": heads, "update_rule": rule}
        suite.add(rule, "LinearAttention", inputs, outputs=["float32"] * 2, **rest)
    for activation in ("none", "silu"):
        draw = Draw(f"CausalConvWithState {activation}")
        inputs = [draw.normal(2, 3, 5), draw.normal(3, 1, 4), draw.normal(3), draw.normal(2, 3, 3)]
        suite.add(activation, "CausalConvWithState", inputs, outputs=["float32"] * 2, constants=[1, 2], activation=activation)
    draw = Draw("GemmaRotaryEmbedding")
    angles, parts = draw.normal(batch, steps, size), [draw.normal(batch, heads, steps, size, dtype="float16") for _ in range(4)]

    def turned(arrays: list[Array | None]) -> list[Array]:
        emb, q, q_rot, k, k_rot = arrays
        cos, sin = numpy.cos(emb).astype("float16")[:, None], numpy.sin(emb).astype("float16")[:, None]
        return [q * cos + q_rot * sin, k * cos + k_rot * sin]

    suite.add("", "GemmaRotaryEmbedding", [angles, *parts], outputs=["float16"] * 2, expected=turned)


TESTS = [paddings, recurrences, attention, multi_head, decoder_masked, rotary, packed]
