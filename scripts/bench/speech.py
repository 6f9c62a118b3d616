"""Whisper of the size `base`, with random weights: the encoder of 30 seconds, and a step of the decoder."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy
from onnx import TensorProto, helper

sys.path.append(str(Path(__file__).resolve().parents[1]))

from parts import Written, write_onnx  # noqa: E402
from peer_models import BertBuilder, float_info  # noqa: E402


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    layers: int
    width: int
    heads: int
    frames: int
    """Of sound: the encoder gives half as many."""
    words: int
    past: int
    """How many tokens were written before the step."""


BASE = Size(layers=6, width=512, heads=8, frames=3000, words=51865, past=32)
TINY = Size(layers=1, width=16, heads=2, frames=20, words=50, past=3)
BANDS = 80


class WhisperBuilder(BertBuilder):
    """Layers as transformers has them: normalised before, scaled queries, keys without a bias."""

    def __init__(self, name: str, size: Size) -> None:
        super().__init__(name)
        self.size = size

    def normal(self, value: str, name: str, output: str = "") -> str:
        """A layer normalisation."""
        gain = self.generator.uniform(0.8, 1.2, self.size.width).astype(numpy.float32)
        names = [self.constant(f"{name}.weight", gain), self.random(f"{name}.bias", self.size.width)]
        return self.apply("LayerNormalization", value, *names, name=output, axis=-1, epsilon=1e-5)

    def split(self, value: str, rows: int) -> str:
        """[1, rows, width] as [1, heads, rows, width of a head]."""
        heads = self.size.heads
        shape = self.integers([1, rows, heads, self.size.width // heads])
        return self.apply("Transpose", self.apply("Reshape", value, shape), perm=[0, 2, 1, 3])

    def project(self, value: str, name: str, rows: int, *, scaled: bool = False, biased: bool = True) -> str:
        """A projection into heads."""
        width = self.size.width
        weight = self.random(f"{name}.weight", width, width, spread=0.06)
        projected = self.apply("MatMul", value, weight)
        if biased:
            projected = self.apply("Add", projected, self.random(f"{name}.bias", width))
        if scaled:
            projected = self.apply("Mul", projected, self.scalar((width // self.size.heads) ** -0.5))
        return self.split(projected, rows)

    def mix(self, query: str, key: str, content: str, name: str, rows: int) -> str:
        """What queries find, and the projection after that."""
        scores = self.apply("MatMul", query, self.apply("Transpose", key, perm=[0, 1, 3, 2]))
        mixed = self.apply("MatMul", self.apply("Softmax", scores, axis=-1), content)
        mixed = self.apply("Transpose", mixed, perm=[0, 2, 1, 3])
        merged = self.apply("Reshape", mixed, self.integers([1, rows, self.size.width]))
        return self.dense(merged, f"{name}.out_proj", (self.size.width, self.size.width))

    def feed_forward(self, value: str, name: str) -> str:
        """The two linear layers after attention, with their shortcut."""
        width = self.size.width
        inner = self.dense(self.normal(value, f"{name}.final_layer_norm"), f"{name}.fc1", (width, 4 * width))
        return self.apply("Add", value, self.dense(self.gelu(inner), f"{name}.fc2", (4 * width, width)))


def whisper_encoder(folder: Path, tiny: bool) -> Written:
    """The encoder on a spectrogram."""
    size = TINY if tiny else BASE
    builder = WhisperBuilder("encoder", size)
    width, rows = size.width, size.frames // 2
    value = "input_features"
    for index, (entering, stride) in enumerate(((BANDS, 1), (width, 2)), start=1):
        weight = builder.random(f"conv{index}.weight", width, entering, 3, spread=math.sqrt(2 / (3 * entering)))
        bias = builder.random(f"conv{index}.bias", width)
        attributes = {"kernel_shape": [3], "pads": [1, 1], "strides": [stride], "dilations": [1], "group": 1}
        value = builder.gelu(builder.apply("Conv", value, weight, bias, **attributes))
    value = builder.apply("Transpose", value, perm=[0, 2, 1])
    value = builder.apply("Add", value, builder.random("embed_positions.weight", rows, width))
    for layer in range(size.layers):
        name = f"layers.{layer}"
        normal = builder.normal(value, f"{name}.self_attn_layer_norm")
        query = builder.project(normal, f"{name}.self_attn.q_proj", rows, scaled=True)
        key = builder.project(normal, f"{name}.self_attn.k_proj", rows, biased=False)
        content = builder.project(normal, f"{name}.self_attn.v_proj", rows)
        value = builder.apply("Add", value, builder.mix(query, key, content, f"{name}.self_attn", rows))
        value = builder.feed_forward(value, name)
    builder.normal(value, "layer_norm", "last_hidden_state")
    model = builder.model(
        [float_info("input_features", 1, BANDS, size.frames)], [float_info("last_hidden_state", 1, rows, width)]
    )
    sound = builder.generator.standard_normal((1, BANDS, size.frames), dtype=numpy.float32)
    return write_onnx(folder, model, {"input_features": sound})


def whisper_decoder(folder: Path, tiny: bool) -> Written:
    """One token, with the keys and values of those before it and of the sound."""
    size = TINY if tiny else BASE
    builder = WhisperBuilder("decoder", size)
    width, heads, rows = size.width, size.heads, size.frames // 2
    words = builder.random("embed_tokens.weight", size.words, width)
    places = builder.random("embed_positions.weight", 448, width)
    here = builder.constant("position", numpy.array([size.past], dtype=numpy.int64))
    value = builder.apply("Add", builder.apply("Gather", words, "input_ids"), builder.apply("Gather", places, here))
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, 1])]
    arrays = {"input_ids": numpy.array([[7]], dtype=numpy.int64)}
    outputs = [float_info("logits", 1, 1, size.words)]

    def taken(name: str, length: int) -> str:
        """An input of keys or values."""
        dims = (1, heads, length, width // heads)
        inputs.append(float_info(name, *dims))
        arrays[name] = builder.generator.standard_normal(dims, dtype=numpy.float32)
        return name

    for layer in range(size.layers):
        name = f"layers.{layer}"
        normal = builder.normal(value, f"{name}.self_attn_layer_norm")
        query = builder.project(normal, f"{name}.self_attn.q_proj", 1, scaled=True)
        both = []
        for kind, letter, biased in (("key", "k", False), ("value", "v", True)):
            new = builder.project(normal, f"{name}.self_attn.{letter}_proj", 1, biased=biased)
            past = taken(f"past_key_values.{layer}.decoder.{kind}", size.past)
            present = f"present.{layer}.decoder.{kind}"
            both.append(builder.apply("Concat", past, new, name=present, axis=2))
            outputs.append(float_info(present, 1, heads, size.past + 1, width // heads))
        value = builder.apply("Add", value, builder.mix(query, *both, f"{name}.self_attn", 1))
        normal = builder.normal(value, f"{name}.encoder_attn_layer_norm")
        query = builder.project(normal, f"{name}.encoder_attn.q_proj", 1, scaled=True)
        sound = [taken(f"past_key_values.{layer}.encoder.{kind}", rows) for kind in ("key", "value")]
        value = builder.apply("Add", value, builder.mix(query, *sound, f"{name}.encoder_attn", 1))
        value = builder.feed_forward(value, name)
    last = builder.normal(value, "layer_norm")
    builder.apply("MatMul", last, builder.apply("Transpose", words, perm=[1, 0]), name="logits")
    return write_onnx(folder, builder.model(inputs, outputs), arrays)
