"""Tests of the mixtures of experts in `com.microsoft`, `MoE` and `QMoE`.

onnxruntime's kernels for the processor have no third layer and one form of fusion; what they lack is NumPy's, written
after the text of the schemas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy
from contrib_kit import Array, Draw, Suite, outputs_of, sigmoid, softmax


def experts(suite: Suite) -> None:
    """`MoE` over activations and ways to share tokens out."""
    tokens, hidden, inner, count = 5, 16, 32, 4
    for activation in ("relu", "gelu", "silu", "identity"):
        for normalised in (0, 1):
            draw = Draw(f"MoE {activation} {normalised}")
            inputs = [draw.normal(tokens, hidden), draw.normal(tokens, count)]
            inputs += [draw.normal(count, inner, hidden, scale=0.2), draw.normal(count, inner)]
            inputs += [draw.normal(count, hidden, inner, scale=0.2), draw.normal(count, hidden)]
            suite.add(
                f"{activation}_{normalised}", "MoE", inputs, constants=range(2, 6), activation_type=activation, k=2,
                normalize_routing_weights=normalised,
            )
    for fusion, limit in ((1, None), (1, 1.5)):
        draw = Draw(f"MoE swiglu {fusion} {limit}")
        inputs = [draw.normal(1, tokens, hidden), draw.normal(tokens, count)]
        inputs += [draw.normal(count, 2 * inner, hidden, scale=0.2), draw.normal(count, 2 * inner)]
        inputs += [draw.normal(count, hidden, inner, scale=0.2), draw.normal(count, hidden)]
        rest = {"swiglu_limit": limit} if limit else {}
        suite.add(
            f"swiglu_{fusion}_{limit}", "MoE", inputs, constants=range(2, 6), activation_type="swiglu", k=2,
            swiglu_fusion=fusion, activation_alpha=1.702, activation_beta=1.0, normalize_routing_weights=1, **rest,
        )


def quantised_experts(suite: Suite) -> None:
    """`QMoE` of 2, 4 and 8 bits by rows and by blocks: what `MoE` gives for the numbers that the codes stand for.

    onnxruntime's own kernels round inputs to 8 bits in some of these forms.
    """
    tokens, hidden, inner, count = 5, 32, 32, 3
    for bits in (2, 4, 8):
        for size in (0, 16):
            for zeros in (False, True):
                name = f"{bits}_{size}{'_zeros' * zeros}"
                draw = Draw(f"QMoE {name}")
                each = 8 // bits

                def layer(outer: int, width: int, draw: Draw = draw, bits: int = bits, size: int = size, zeros: bool = zeros) -> tuple[list[Array | None], Array]:
                    codes = draw.ints(0, 1 << bits, count, outer, width)
                    blocks = width // size if size else 1
                    scale = draw.positive(count, outer, blocks, low=0.01, high=0.04)
                    middle = draw.ints(0, 1 << bits, count, outer, blocks) if zeros else numpy.full((count, outer, blocks), 1 << (bits - 1))
                    real = (codes.reshape(count, outer, blocks, -1) - middle[..., None]) * scale[..., None].astype("float64")
                    zero = None
                    if zeros:
                        zero = pack(middle if size else middle[..., 0], bits)
                    return [pack(codes, bits), scale if size else scale[..., 0], zero], real.reshape(codes.shape).astype("float32")

                def pack(codes: Array, bits: int, each: int = each) -> Array:
                    padded = numpy.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % each)])
                    grouped = padded.reshape(*padded.shape[:-1], -1, each).astype("uint32")
                    return (grouped << (numpy.arange(each, dtype="uint32") * bits)).sum(-1).astype("uint8")

                (first, first_real), (second, second_real) = layer(inner, hidden), layer(hidden, inner)
                x, router, bias = draw.normal(tokens, hidden), draw.normal(tokens, count), draw.normal(count, inner)
                inputs = [x, router, first[0], first[1], bias, second[0], second[1], None, None, None, None]
                inputs += [first[2], second[2]] if zeros else []
                rest = {"k": 2, "activation_type": "silu", "normalize_routing_weights": 1}
                plain = [x, router, first_real, bias, second_real]
                expected = lambda _, plain=plain, rest=rest: outputs_of("MoE", plain, **rest)  # noqa: E731
                constants = [index for index in (2, 3, 4, 5, 6, 11, 12) if index < len(inputs) and inputs[index] is not None]
                suite.add(
                    name, "QMoE", inputs, constants=constants, expected=expected, expert_weight_bits=bits,
                    **({"block_size": size} if size else {}), **rest,
                )


Layer = tuple[Array, Array | None]
"""The weights [experts, outer, inner] and biases [experts, outer] of one layer of each expert."""


def gated(gate: Array, linear: Array, attributes: dict[str, Any]) -> Array:
    """SwiGLU as the schema has it."""
    limit = attributes.get("swiglu_limit", math.inf)
    gate, linear = numpy.minimum(gate, limit), numpy.clip(linear, -limit, limit)
    return gate * sigmoid(attributes.get("activation_alpha", 1.0) * gate) * (linear + attributes.get("activation_beta", 0.0))


def activated(first: Array, third: Array | None, attributes: dict[str, Any]) -> Array:
    """What the second layer is given."""
    kind, fusion = attributes["activation_type"], attributes.get("swiglu_fusion", 0)
    if kind == "swiglu":
        pairs = {0: (first, third), 1: (first[0::2], first[1::2]), 2: tuple(numpy.split(first, 2))}
        return gated(*pairs[fusion], attributes)
    y = {"relu": lambda x: numpy.maximum(x, 0), "silu": lambda x: x * sigmoid(x), "identity": lambda x: x}[kind](first)
    return y if third is None else y * third


def mixture(x: Array, router: Array, layers: Sequence[Layer | None], shares: Array | None, attributes: dict[str, Any]) -> Array:
    """Each token's chosen experts, weighed and added, in f64."""
    rows = x.reshape(-1, x.shape[-1]).astype("float64")
    out = numpy.zeros_like(rows)
    for place, (row, scores) in enumerate(zip(rows, router.astype("float64"), strict=True)):
        chosen = numpy.argsort(-scores)[: attributes.get("k", 1)]
        weights = (softmax(scores) if shares is None else shares[place].astype("float64"))[chosen]
        weights = weights / weights.sum() if attributes.get("normalize_routing_weights") else weights
        for weight, expert in zip(weights, chosen, strict=True):
            of = lambda layer, value, expert=expert: layer[0][expert] @ value + (0 if layer[1] is None else layer[1][expert])  # noqa: E731
            first, second, third = layers
            hidden = activated(of(first, row), None if third is None else of(third, row), attributes)
            out[place] += weight * of(second, hidden)
    return out.reshape(x.shape)


FORMS: dict[str, dict[str, Any]] = {
    "third_swiglu": {"activation_type": "swiglu", "activation_alpha": 1.3, "activation_beta": 0.5},
    "third_swiglu_limit": {"activation_type": "swiglu", "swiglu_limit": 0.75, "activation_beta": 1.0},
    "third_swiglu_defaults": {"activation_type": "swiglu"},
    "third_silu": {"activation_type": "silu"},
    "third_relu": {"activation_type": "relu"},
    "interleaved": {"activation_type": "swiglu", "swiglu_fusion": 1, "activation_alpha": 1.702, "activation_beta": 1.0},
    "interleaved_limit": {"activation_type": "swiglu", "swiglu_fusion": 1, "swiglu_limit": 0.5},
    "halves": {"activation_type": "swiglu", "swiglu_fusion": 2, "activation_alpha": 1.702, "activation_beta": 1.0},
    "halves_limit": {"activation_type": "swiglu", "swiglu_fusion": 2, "swiglu_limit": 0.5, "activation_alpha": 0.5},
}
"""Activations with a gate, which is fused with the first layer or a third layer of its own."""


def forms(suite: Suite) -> None:
    """`MoE` with each form of gate, with and without biases, over ways to share tokens out."""
    tokens, hidden, inner, count = 6, 8, 12, 4
    for form, attributes in FORMS.items():
        for normalised in (0, 1):
            for chosen in (1, 3):
                biased = normalised == (chosen > 1)
                name = f"{form}_{normalised}_{chosen}"
                draw = Draw(f"MoE {name}")
                rest = {**attributes, "k": chosen, "normalize_routing_weights": normalised}
                outer = inner * (2 if attributes.get("swiglu_fusion") else 1)
                layer = lambda rows, columns, draw=draw, biased=biased: [draw.normal(count, rows, columns, scale=0.4), draw.normal(count, rows) if biased else None]  # noqa: E731
                third = layer(inner, hidden) if form.startswith("third") else [None, None]
                inputs = [draw.normal(2, tokens // 2, hidden), draw.normal(tokens, count)]
                inputs += [*layer(outer, hidden), *layer(hidden, inner), *third]

                def expected(arrays: list[Array | None], rest: dict[str, Any] = rest) -> list[Array]:
                    x, router, *layers = arrays
                    pairs = [None if layers[at] is None else (layers[at], layers[at + 1]) for at in (0, 2, 4)]
                    return [mixture(x, router, pairs, None, rest).astype("float32")]

                # onnxruntime's kernel for the processor has no other fusion, and no third layer.
                held = attributes.get("swiglu_fusion") == 1
                constants = [at for at in range(2, 8) if inputs[at] is not None]
                suite.add(name, "MoE", inputs, constants=constants, expected=expected, held=held, **rest)


def unchosen(suite: Suite) -> None:
    """What isn't finite in an expert that a token doesn't get is none of that token's."""
    draw = Draw("MoE unchosen")
    router = numpy.array([[2, 1, -9], [1, 2, -9], [3, 0, -9]], "float32")
    first, second = draw.normal(3, 4, 8), draw.normal(3, 8, 4)
    first[2], second[2] = numpy.inf, numpy.nan
    inputs = [draw.normal(3, 8), router, first, None, second]
    suite.add("unchosen", "MoE", inputs, constants=[2, 4], activation_type="silu", k=2)
    inputs[1] = numpy.where(router < -8, -numpy.inf, router).astype("float32")
    suite.add("unchosen_masked", "MoE", inputs, constants=[2, 4], activation_type="silu", k=2)


def packed(codes: Array, bits: int) -> Array:
    """Codes along the last axis in bytes, low bits first, filled up with zeros."""
    each = 8 // bits
    padded = numpy.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % each)])
    grouped = padded.reshape(*padded.shape[:-1], -1, each).astype("uint32")
    return (grouped << (numpy.arange(each, dtype="uint32") * bits)).sum(-1).astype("uint8")


def quantised_forms(suite: Suite) -> None:
    """`QMoE` of 4 and 8 bits with each form of gate, weights of other widths for each layer, and weights of its own for
    what is added."""
    tokens, hidden, inner, count = 5, 32, 32, 3
    for form, attributes in FORMS.items():
        for bits, size, zeros in ((4, 0, False), (4, 16, True), (8, 0, True), (8, 16, False), (0, 16, True)):
            name = f"{form}_{bits or 'each'}_{size}{'_zeros' * zeros}"
            draw = Draw(f"QMoE {name}")
            third = form.startswith("third")
            # With a fused gate the third layer is in the first, and has its width.
            widths = [bits] * 3 if bits else [8, 4, 4 if third else 8]
            outer = inner * (2 if attributes.get("swiglu_fusion") else 1)

            def layer(rows: int, columns: int, width: int, draw: Draw = draw, size: int = size, zeros: bool = zeros) -> tuple[list[Array | None], Layer]:
                codes = draw.ints(0, 1 << width, count, rows, columns)
                blocks = columns // size if size else 1
                scale = draw.positive(count, rows, blocks, low=0.01, high=0.04) * (1 if width == 4 else 0.1)
                scale = scale.astype("float32")
                middle = numpy.full((count, rows, blocks), 1 << (width - 1))
                if zeros:
                    middle = draw.ints(0, 1 << width, count, rows, blocks)
                real = (codes.reshape(count, rows, blocks, -1) - middle[..., None]) * scale[..., None].astype("float64")
                zero = packed(middle if size else middle[..., 0], width) if zeros else None
                bias = draw.normal(count, rows)
                fed = [packed(codes, width), scale if size else scale[..., 0], bias, zero]
                return fed, (real.reshape(codes.shape), bias)

            made = [layer(outer, hidden, widths[0]), layer(hidden, inner, widths[1])]
            made.append(layer(inner, hidden, widths[2]) if third else ([None] * 4, None))
            x, router = draw.normal(tokens, hidden), draw.normal(tokens, count)
            shares = draw.positive(tokens, count) if zeros else None
            rest = {**attributes, "k": 2, "normalize_routing_weights": int(size > 0)}
            inputs = [x, router, *(part for fed, _ in made for part in fed[:3]), *(fed[3] for fed, _ in made), shares]
            layers = [real for _, real in made]

            def expected(arrays: list[Array | None], layers: list[Any] = layers, shares: Array | None = shares, rest: dict[str, Any] = rest) -> list[Array]:
                return [mixture(arrays[0], arrays[1], layers, shares, rest).astype("float32")]

            told = {"expert_weight_bits": bits} if bits else {
                f"fc{place + 1}_expert_weight_bits": width for place, width in enumerate(widths) if place < 2 or third
            }
            constants = [at for at in range(2, 14) if inputs[at] is not None]
            suite.add(
                name, "QMoE", inputs, constants=constants, expected=expected, symbolic=False,
                **({"block_size": size} if size else {}), **told, **rest,
            )


TESTS = [experts, forms, unchosen, quantised_experts, quantised_forms]
