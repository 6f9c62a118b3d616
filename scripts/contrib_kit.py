"""One node of an op outside of ONNX's own suite as a test: a model, its inputs, and what must come out.

Expected values come from onnxruntime, which runs on one thread without optimisations; where it has no kernel for the
processor, from NumPy, written after the text of the op's schema. `Suite.add` takes one node; each node whose inputs have
axes of a size that may vary is written a second time with symbols in place of their first two extents.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
import onnx
import onnxruntime
from conformance_cases import Case, DataSet
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

Array = numpy.ndarray
Expected = Callable[[list[Array | None]], list[Any]]

OPSET = 17
TOLERANCES = {
    "float64": (1e-9, 1e-10),
    # Sums of up to some hundred products in another order, exp and erf of another library.
    "float32": (1e-4, 1e-5),
    # One or two units in the last place: onnxruntime rounds between the steps of some ops.
    "float16": (4e-3, 2e-3),
}
EXACT = (0.0, 0.0)


class CaseError(Exception):
    """A test that cannot be made; the message names it and says why."""


@dataclass
class Suite:
    """The tests of one topic, in the order in which they are added."""

    topic: str
    cases: list[Case] = field(default_factory=list)

    def add(
        self,
        name: str,
        op: str,
        inputs: Sequence[Any],
        *,
        domain: str = "com.microsoft",
        outputs: Sequence[str] = ("float32",),
        constants: Sequence[int] = (),
        expected: Expected | None = None,
        tolerance: tuple[float, float] | None = None,
        version: int = OPSET,
        symbolic: bool = True,
        kept: Sequence[Array] | None = None,
        held: bool = False,
        **attributes: Any,
    ) -> None:
        """Adds a node.

        `inputs` are arrays, None for one that is left out; those of `constants` are initializers. `outputs` are the
        dtypes of the outputs, "" for one that is not asked for. With `expected`, that gives the values, and `held`
        says that onnxruntime must give the same. `kept` says of each output which elements are compared; the others
        are 0 in the model's outputs.
        """
        arrays = [None if value is None else numpy.asarray(value) for value in inputs]
        declared = [dtype for dtype in outputs if dtype]
        tolerance = tolerance or max((TOLERANCES.get(dtype, EXACT) for dtype in declared), key=lambda pair: pair[0])
        fed = [index for index, value in enumerate(arrays) if value is not None and index not in constants]
        names = [""] if not symbolic or all(arrays[index].ndim < 2 for index in fed) else ["", "_symbols"]
        values: list[Any] | None = None
        for suffix in names:
            model = node_model(op, domain, arrays, constants, outputs, attributes, version, suffix != "")
            if kept is not None:
                keep(model, kept)
            title = f"{name}{suffix}"
            if values is None:
                feeds = {f"x{i}": arrays[i] for i in fed}
                values = expected(arrays) if expected else run(title, model, feeds)
                if expected and kept is not None:
                    values = [numpy.where(mask, x, numpy.zeros_like(x)) for x, mask in zip(values, kept, strict=True)]
                if expected and held:
                    compare(title, values, run(title, model, feeds), tolerance)
            results = [check(title, value, dtype) for value, dtype in zip(values, declared, strict=True)]
            self.cases.append(
                Case(
                    name=f"{op}_{title}".replace("__", "_").rstrip("_"),
                    kind=self.topic,
                    rtol=tolerance[0],
                    atol=tolerance[1],
                    model=model.SerializeToString(deterministic=True),
                    data_sets=[DataSet([arrays[index] for index in fed], results)],
                    extra_files=[],
                )
            )


def keep(model: ModelProto, kept: Sequence[Array]) -> None:
    """Makes those elements of a model's outputs 0 that aren't kept."""
    graph = model.graph
    (node,) = graph.node
    for index, mask in enumerate(kept):
        name, dtype = node.output[index], graph.output[index].type.tensor_type.elem_type
        node.output[index] = f"whole{index}"
        zero = numpy.zeros((), helper.tensor_dtype_to_np_dtype(dtype))
        graph.initializer.append(numpy_helper.from_array(mask, f"kept{index}"))
        graph.initializer.append(numpy_helper.from_array(zero, f"zero{index}"))
        graph.node.append(helper.make_node("Where", [f"kept{index}", f"whole{index}", f"zero{index}"], [name]))


def compare(name: str, values: Sequence[Any], theirs: Sequence[Any], tolerance: tuple[float, float]) -> None:
    """Holds NumPy's values against onnxruntime's."""
    for index, (one, other) in enumerate(zip(values, theirs, strict=True)):
        if not numpy.allclose(one, other, rtol=tolerance[0], atol=tolerance[1]):
            far = numpy.abs(numpy.asarray(one, "float64") - other).max()
            raise CaseError(f"{name}: output {index} of onnxruntime is {far} from what the text says")


def check(name: str, value: Any, dtype: str) -> Array:
    """An expected value as an array of its dtype."""
    array = numpy.asarray(value)
    if str(array.dtype) != dtype and not (dtype == "str" and array.dtype.kind in "OU"):
        raise CaseError(f"{name}: an output is {array.dtype}, declared {dtype}")
    if array.dtype.kind == "f" and not numpy.isfinite(array).all():
        raise CaseError(f"{name}: an expected value is not finite")
    return array


def info(name: str, array: Array, symbols: bool) -> ValueInfoProto:
    """The declaration of an input, whose first two extents may be symbols, the same for equal ones."""
    dims: list[Any] = list(array.shape)
    if symbols and array.ndim >= 2:
        dims[:2] = [f"n{size}" for size in dims[:2]]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), dims)


def node_model(
    op: str,
    domain: str,
    arrays: Sequence[Array | None],
    constants: Sequence[int],
    outputs: Sequence[str],
    attributes: dict[str, Any],
    opset: int,
    symbols: bool,
) -> ModelProto:
    """A model of one node."""
    inputs = [f"x{index}" if value is not None else "" for index, value in enumerate(arrays)]
    names = [f"y{index}" if dtype else "" for index, dtype in enumerate(outputs)]
    node = helper.make_node(op, inputs, names, name=op, domain=domain, **attributes)
    declared = []
    for name, dtype in zip(names, outputs, strict=True):
        if dtype:
            number = TensorProto.STRING if dtype == "str" else helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
            declared.append(helper.make_tensor_value_info(name, number, None))
    present = [(index, value) for index, value in enumerate(arrays) if value is not None]
    graph = helper.make_graph(
        [node],
        op,
        [info(f"x{index}", value, symbols) for index, value in present if index not in constants],
        declared,
        [numpy_helper.from_array(value, f"x{index}") for index, value in present if index in constants],
    )
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 3 if domain == "ai.onnx.ml" else 1))
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="glassbox-scripts")


def run(name: str, model: ModelProto, feeds: dict[str, Array]) -> list[Any]:
    """What onnxruntime gives for a model."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, feeds)
    except Exception as error:
        raise CaseError(f"{name}: onnxruntime says: {error}") from error


def outputs_of(op: str, inputs: Sequence[Any], outputs: Sequence[str] = ("float32",), **attributes: Any) -> list[Any]:
    """What onnxruntime gives for a node of `com.microsoft`."""
    inner = Suite("inner")
    inner.add("", op, inputs, outputs=outputs, symbolic=False, **attributes)
    return list(inner.cases[0].data_sets[0].outputs)


class Draw:
    """Arrays for one test, the same for the same name."""

    def __init__(self, name: str) -> None:
        self.random = numpy.random.default_rng(zlib.crc32(name.encode()))

    def normal(self, *shape: int, dtype: str = "float32", scale: float = 1.0) -> Array:
        """Normally distributed numbers."""
        return (self.random.standard_normal(shape) * scale).astype(dtype)

    def positive(self, *shape: int, dtype: str = "float32", low: float = 0.5, high: float = 1.5) -> Array:
        """Numbers between two."""
        return self.random.uniform(low, high, shape).astype(dtype)

    def ints(self, low: int, high: int, *shape: int, dtype: str = "int64") -> Array:
        """Integers from `low` up to and without `high`."""
        return self.random.integers(low, high, shape).astype(dtype)

    def weights(self, *shape: int, dtype: str = "int8") -> Array:
        """Weights of 8 bits. Signed ones have 7: where a processor lacks VNNI, onnxruntime adds two products of an unsigned and
        a signed byte in 16 bits, which saturate, and so gives something else there."""
        return self.ints(-64, 65, *shape, dtype=dtype) if dtype == "int8" else self.bytes(*shape, dtype=dtype)

    def bytes(self, *shape: int, dtype: str = "uint8") -> Array:
        """Any numbers of an 8-bit or 16-bit dtype."""
        limits = numpy.iinfo(dtype)
        return self.random.integers(limits.min, limits.max + 1, shape).astype(dtype)


def softmax(x: Array) -> Array:
    """The softmax along the last axis, in the dtype of x."""
    powers = numpy.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(x: Array) -> Array:
    """The logistic function."""
    return 1 / (1 + numpy.exp(-x))


__all__ = ["Array", "CaseError", "Draw", "Suite", "onnx", "outputs_of", "sigmoid", "softmax"]
