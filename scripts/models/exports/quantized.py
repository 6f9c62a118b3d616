"""What onnxruntime's own tools make of models: quantised ones, and those with its fused ops."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
import torch
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

import language
from torch_export import arrays, exported

warnings.filterwarnings("ignore")


class Pictures(torch.nn.Module):
    """A small network of pictures: convolutions, one of them by channel, a residual, pools, two products."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 3, 2, 1), torch.nn.BatchNorm2d(16), torch.nn.ReLU6())
        self.depth = torch.nn.Sequential(torch.nn.Conv2d(16, 16, 3, 1, 1, groups=16), torch.nn.Hardswish())
        self.point = torch.nn.Conv2d(16, 16, 1)
        self.second = torch.nn.Sequential(torch.nn.Conv2d(16, 24, 3, 2, 1), torch.nn.LeakyReLU(0.1), torch.nn.MaxPool2d(2))
        self.last = torch.nn.Sequential(torch.nn.Linear(24, 32), torch.nn.Sigmoid(), torch.nn.Linear(32, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of classes."""
        x = self.first(x)
        x = torch.cat([x + self.point(self.depth(x)), x], 1)[:, :16]
        return torch.softmax(self.last(self.second(x).mean((2, 3))), 1)


class Sequence(torch.nn.Module):
    """An LSTM over tokens, both ways, and a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(50, 16)
        self.lstm = torch.nn.LSTM(16, 24, 2, batch_first=True, bidirectional=True)
        self.gru = torch.nn.GRU(48, 16, batch_first=True)
        self.last = torch.nn.Linear(16, 5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of each token."""
        return self.last(self.gru(self.lstm(self.words(tokens))[0])[0])


def pictures() -> tuple[onnx.ModelProto, dict[str, numpy.ndarray]]:
    """The network of pictures as a model."""
    torch.manual_seed(1)
    given = {"x": torch.randn(2, 3, 32, 32)}
    return exported(Pictures(), given, ["scores"], new=False, dynamic={"x": {0: "batch"}}), arrays(given)


def sequence() -> tuple[onnx.ModelProto, dict[str, numpy.ndarray]]:
    """The network of tokens as a model."""
    torch.manual_seed(1)
    given = {"tokens": torch.randint(0, 50, (2, 7))}
    axes = {"tokens": {0: "batch", 1: "time"}}
    return exported(Sequence(), given, ["scores"], new=False, dynamic=axes), arrays(given)


def encoder(name: str = "bert") -> tuple[onnx.ModelProto, dict[str, numpy.ndarray]]:
    """A small model of transformers."""
    family = next(family for family in language.FAMILIES if family.name == name)
    _, model, inputs = language.written(family, new=False)
    return model, inputs


class Samples(quantization.CalibrationDataReader):
    """What the ranges of values are measured on."""

    def __init__(self, inputs: Mapping[str, numpy.ndarray]) -> None:
        self.left = [dict(inputs)] * 2

    def get_next(self) -> dict[str, numpy.ndarray] | None:
        """The next inputs."""
        return self.left.pop() if self.left else None


def source(what: str) -> str:
    """The tool's name."""
    return f"onnxruntime {onnxruntime.__version__}, {what}"


def static(make: Any, **options: Any) -> Any:
    """Weights and activations as integers."""
    model, inputs = make()
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, done = (Path(folder) / name for name in ("plain.onnx", "ready.onnx", "done.onnx"))
        onnx.save(model, plain)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(str(ready), str(done), Samples(inputs), **options)
        return source("quantize_static"), onnx.load(done), inputs


def dynamic(make: Any, **options: Any) -> Any:
    """Weights as integers, activations when they are there."""
    model, inputs = make()
    with tempfile.TemporaryDirectory() as folder:
        plain, done = Path(folder) / "plain.onnx", Path(folder) / "done.onnx"
        onnx.save(model, plain)
        quantization.quantize_dynamic(str(plain), str(done), **options)
        return source("quantize_dynamic"), onnx.load(done), inputs


def four_bits(make: Any, **options: Any) -> Any:
    """Weights of products in blocks of four or eight bits."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    model, inputs = make()
    quantizer = MatMulNBitsQuantizer(model, **options)
    quantizer.process()
    return source("MatMulNBitsQuantizer"), quantizer.model.model, inputs


def optimised(make: Any, kind: str, half: bool = False, level: int = 1, **options: Any) -> Any:
    """The ops of a network of attention fused by onnxruntime.transformers."""
    from onnxruntime.transformers import optimizer

    model, inputs = make()
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(model, plain)
        done = optimizer.optimize_model(
            str(plain), model_type=kind, num_heads=4, hidden_size=32, opt_level=level, only_onnxruntime=False, **options
        )
        if half:
            done.convert_float_to_float16(keep_io_types=True)
        return source("transformers.optimizer"), done.model, inputs


def graph_optimised(make: Any, level: str) -> Any:
    """What a session writes after it has optimised the graph."""
    model, inputs = make()
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done.onnx"
        settings = onnxruntime.SessionOptions()
        settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        settings.optimized_model_filepath = str(done)
        onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
        return source(f"a session at {level}"), onnx.load(done), inputs


def half(make: Any) -> Any:
    """All floats as f16 by onnxconverter-common."""
    from onnxconverter_common import float16

    model, inputs = make()
    return "onnxconverter-common float16", float16.convert_float_to_float16(model, keep_io_types=True), inputs


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    kinds, formats = quantization.QuantType, quantization.QuantFormat
    qdq, operators = {"quant_format": formats.QDQ}, {"quant_format": formats.QOperator}
    signed = {"activation_type": kinds.QInt8, "weight_type": kinds.QInt8}
    wide = {"activation_type": kinds.QUInt16, "weight_type": kinds.QInt8}
    wide_pairs = {**wide, "extra_options": {"UseQDQContribOps": True}}
    yield "quantized.pictures.qdq", lambda: static(pictures, **qdq)
    yield "quantized.pictures.qdq.channels", lambda: static(pictures, **qdq, **signed, per_channel=True)
    yield "quantized.pictures.qdq.u16", lambda: static(pictures, **qdq, **wide_pairs)
    yield "quantized.pictures.qdq.symmetric", lambda: static(
        pictures, **qdq, **signed, extra_options={"ActivationSymmetric": True}
    )
    yield "quantized.pictures.operators", lambda: static(pictures, **operators)
    yield "quantized.pictures.operators.channels", lambda: static(pictures, **operators, per_channel=True)
    yield "quantized.pictures.dynamic", lambda: dynamic(pictures)
    yield "quantized.sequence.dynamic", lambda: dynamic(sequence)
    yield "quantized.sequence.dynamic.signed", lambda: dynamic(sequence, weight_type=kinds.QInt8)
    yield "quantized.sequence.qdq", lambda: static(sequence, **qdq)
    yield "quantized.bert.dynamic", lambda: dynamic(encoder)
    yield "quantized.bert.dynamic.channels", lambda: dynamic(encoder, per_channel=True, weight_type=kinds.QInt8)
    yield "quantized.bert.qdq", lambda: static(encoder, **qdq)
    yield "quantized.bert.operators", lambda: static(encoder, **operators)
    yield "quantized.gpt2.dynamic", lambda: dynamic(lambda: encoder("gpt2"))
    yield "quantized.vit.qdq", lambda: static(lambda: encoder("vit"), **qdq)
    yield "quantized.bert.fused.dynamic", lambda: dynamic(lambda: optimised(encoder, "bert")[1:])
    for bits in (4, 8):
        yield f"quantized.llama.q{bits}", lambda bits=bits: four_bits(lambda: encoder("llama"), bits=bits, block_size=32)
    yield "quantized.llama.q4.symmetric", lambda: four_bits(lambda: encoder("llama"), block_size=16, is_symmetric=True)
    yield "quantized.llama.q4.asymmetric", lambda: four_bits(lambda: encoder("llama"), block_size=16, is_symmetric=False)
    yield "quantized.llama.q4.qdq", lambda: four_bits(
        lambda: encoder("llama"), block_size=16, quant_format=formats.QDQ
    )
    for name, kind in (("bert", "bert"), ("roberta", "bert"), ("distilbert", "bert"), ("gpt2", "gpt2"), ("vit", "vit"),
                       ("bart", "bart"), ("t5", "t5"), ("clip", "clip"), ("llama", "gpt2"), ("phi", "phi")):
        yield f"optimised.{name}", lambda name=name, kind=kind: optimised(lambda: encoder(name), kind)
    for name, kind in (("bert", "bert"), ("gpt2", "gpt2"), ("vit", "vit")):
        yield f"optimised.{name}.f16", lambda name=name, kind=kind: optimised(lambda: encoder(name), kind, half=True)
    for level in ("ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"):
        short = level.removeprefix("ORT_ENABLE_").lower()
        yield f"session.pictures.{short}", lambda level=level: graph_optimised(pictures, level)
        yield f"session.bert.{short}", lambda level=level: graph_optimised(encoder, level)
        yield f"session.gpt2.{short}", lambda level=level: graph_optimised(lambda: encoder("gpt2"), level)
        yield f"session.pictures_qdq.{short}", lambda level=level: graph_optimised(
            lambda: static(pictures, **qdq)[1:], level
        )
        yield f"session.bert_dynamic.{short}", lambda level=level: graph_optimised(lambda: dynamic(encoder)[1:], level)
    yield "half.pictures", lambda: half(pictures)
    yield "half.bert", lambda: half(encoder)
    yield "half.sequence", lambda: half(sequence)
