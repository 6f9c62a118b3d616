"""Decoders in the form that onnxruntime-genai writes: grouped attention with its caches, norms with skips, products of a few bits.

The graph is built here as that tool builds it: `GroupQueryAttention` turns places itself and takes the lengths of the rows from
the mask; every norm but the first adds the residual; products are quantised by onnxruntime's own tool afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from quantized import four_bits, source

LAYERS, HIDDEN, HEADS, GROUPS, SIZE, INNER, WORDS, PLACES = 2, 64, 4, 2, 16, 96, 50, 32
DOMAIN = "com.microsoft"


class Decoder:
    """Collects nodes and weights."""

    def __init__(self, dtype: type, packed: bool) -> None:
        self.random = numpy.random.default_rng(1)
        self.dtype, self.packed = dtype, packed
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def weight(self, name: str, value: numpy.ndarray) -> str:
        """A weight of the model's dtype."""
        self.weights.append(numpy_helper.from_array(value.astype(self.dtype) if value.dtype.kind == "f" else value, name))
        return name

    def add(self, op: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        """A node; its first output."""
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def product(self, name: str, x: str, rows: int, columns: int) -> str:
        """A product with a weight of its own."""
        values = self.random.standard_normal((rows, columns)) / numpy.sqrt(rows)
        return self.add("MatMul", [x, self.weight(f"{name}.weight", values)], [name])

    def scale(self, name: str) -> str:
        """The scale of a norm."""
        return self.weight(name, 1 + 0.1 * self.random.standard_normal(HIDDEN))

    def layer(self, number: int, x: str, skip: str | None) -> tuple[str, str]:
        """Attention and what follows; its result, and the residual."""
        at = f"layers.{number}"
        if skip is None:
            norm, residual = self.add("SimplifiedLayerNormalization", [x, self.scale(f"{at}.norm.scale")], [f"{at}.norm"]), x
        else:
            norm, residual = f"{at}.norm", f"{at}.norm.sum"
            self.add("SkipSimplifiedLayerNormalization", [skip, x, self.scale(f"{at}.norm.scale")], [norm, "", "", residual], DOMAIN)
        widths = [HEADS * SIZE, GROUPS * SIZE, GROUPS * SIZE]
        if self.packed:
            given = [self.product(f"{at}.qkv", norm, HIDDEN, sum(widths)), "", ""]
        else:
            given = [self.product(f"{at}.{part}", norm, HIDDEN, width) for part, width in zip("qkv", widths, strict=True)]
        past = [f"past_key_values.{number}.key", f"past_key_values.{number}.value"]
        present = [f"present.{number}.key", f"present.{number}.value"]
        self.add("GroupQueryAttention", [*given, *past, "lengths", "total", "cosines", "sines"], [f"{at}.attention", *present],
                 DOMAIN, num_heads=HEADS, kv_num_heads=GROUPS, do_rotary=1)
        joined = self.product(f"{at}.o", f"{at}.attention", HEADS * SIZE, HIDDEN)
        after, total = f"{at}.after", f"{at}.after.sum"
        self.add("SkipSimplifiedLayerNormalization", [residual, joined, self.scale(f"{at}.after.scale")],
                 [after, "", "", total], DOMAIN)
        gate, up = self.product(f"{at}.gate", after, HIDDEN, INNER), self.product(f"{at}.up", after, HIDDEN, INNER)
        share = self.add("Sigmoid", [gate], [f"{at}.share"])
        active = self.add("Mul", [self.add("Mul", [gate, share], [f"{at}.silu"]), up], [f"{at}.active"])
        return self.product(f"{at}.down", active, INNER, HIDDEN), total

    def model(self) -> onnx.ModelProto:
        """All of it."""
        one = self.weight("one", numpy.array([1]))
        last = self.weight("last", numpy.array(1))
        self.add("ReduceSum", ["attention_mask", one], ["counts"], keepdims=0)
        self.add("Cast", [self.add("Sub", ["counts", one], ["before"])], ["lengths"], to=TensorProto.INT32)
        self.add("Cast", [self.add("Gather", [self.add("Shape", ["attention_mask"], ["sizes"]), last], ["all"])], ["total"],
                 to=TensorProto.INT32)
        angles = numpy.arange(PLACES)[:, None] / 10000.0 ** (numpy.arange(SIZE // 2) / (SIZE // 2))
        self.weight("cosines", numpy.cos(angles))
        self.weight("sines", numpy.sin(angles))
        table = self.weight("embed", self.random.standard_normal((WORDS, HIDDEN)))
        x, skip = self.add("Gather", [table, "input_ids"], ["embedded"], axis=0), None
        for number in range(LAYERS):
            x, skip = self.layer(number, x, skip)
        self.add("SkipSimplifiedLayerNormalization", [skip, x, self.scale("final.scale")], ["final"], DOMAIN)
        self.product("logits", "final", HIDDEN, WORDS)
        kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(self.dtype))
        inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
                  helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "total"])]
        outputs = [helper.make_tensor_value_info("logits", kind, ["batch", "sequence", WORDS])]
        for number in range(LAYERS):
            for part in ("key", "value"):
                inputs.append(helper.make_tensor_value_info(f"past_key_values.{number}.{part}", kind, ["batch", GROUPS, "past", SIZE]))
                outputs.append(helper.make_tensor_value_info(f"present.{number}.{part}", kind, ["batch", GROUPS, "total", SIZE]))
        graph = helper.make_graph(self.nodes, "decoder", inputs, outputs, self.weights)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid(DOMAIN, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def decoder(past: int, tokens: int, dtype: type = numpy.float32, packed: bool = False) -> Any:
    """A decoder with inputs: so many places remembered, so many tokens more."""
    random = numpy.random.default_rng(2)
    inputs: dict[str, numpy.ndarray] = {
        "input_ids": random.integers(0, WORDS, (2, tokens)),
        "attention_mask": numpy.ones((2, past + tokens), numpy.int64),
    }
    for number in range(LAYERS):
        for part in ("key", "value"):
            inputs[f"past_key_values.{number}.{part}"] = random.standard_normal((2, GROUPS, past, SIZE)).astype(dtype)
    return Decoder(dtype, packed).model(), inputs


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    plain = lambda *given, **options: (source("decoder of genai's form"), *decoder(*given, **options))  # noqa: E731
    yield "genai.decoder.prompt", lambda: plain(0, 7)
    yield "genai.decoder.step", lambda: plain(6, 1)
    yield "genai.decoder.packed.prompt", lambda: plain(0, 7, packed=True)
    yield "genai.decoder.packed.step", lambda: plain(6, 1, packed=True)
    yield "genai.decoder.f16.step", lambda: plain(6, 1, numpy.float16)
    for bits in (4, 8):
        for past, tokens, name in ((0, 7, "prompt"), (6, 1, "step")):
            yield f"genai.decoder.q{bits}.{name}", lambda bits=bits, past=past, tokens=tokens: four_bits(
                lambda: decoder(past, tokens), bits=bits, block_size=32
            )
    yield "genai.decoder.q4.accuracy4.step", lambda: four_bits(lambda: decoder(6, 1), block_size=32, accuracy_level=4)
    yield "genai.decoder.q4.packed.symmetric.step", lambda: four_bits(
        lambda: decoder(6, 1, packed=True), block_size=16, is_symmetric=True
    )
