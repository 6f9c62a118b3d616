"""Random models of some nodes, each of which reads what those before it gave.

Nodes are drawn by the recipes of single ones, from a `Random` that proposes shapes and dtypes of values that are there, and
gives one of these where a recipe asks for an array of its shape and dtype. Each node is run by onnx's reference evaluator as it
is drawn, so that the next ones know what is there; values that are large or not finite aren't read on, since what rounding
does to them says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from drawing import RECIPES, Array, Drawn, Random
from random_nodes import OPSETS, Made, allowed, input_of, made_of, model_of, tensor_kind

LARGEST = 1000.0
MOST_ELEMENTS = 4096
TRIES = 60
LEFT_OUT = frozenset(("GlobalMaxPool", "EyeLike", "DynamicQuantizeLinear"))
"""Ops of which the evaluator gives something else in some cases (see `judged.py`), so that what is drawn next wouldn't fit."""
SAME = 0.75
"""How often a value that is there is taken, where one fits."""
LAYERS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "MaxPool", "AveragePool", "GlobalAveragePool", "LSTM", "GRU", "RNN", "Resize",
          "BatchNormalization", "InstanceNormalization", "LRN", "LayerNormalization", "QuantizeLinear", "DequantizeLinear",
          "MatMulInteger", "Einsum", "DepthToSpace", "GridSample")
"""Ops that are drawn more often than their share, and need not read what is there: their recipes choose sizes themselves, and
others go on with what they give."""


class Chained(Random):
    """Draws that prefer what is there: `pool`, by name."""

    def __init__(self, seed: Sequence[int], opset: int, pool: dict[str, Array]) -> None:
        super().__init__(seed, opset)
        self.pool = pool

    def some(self, fits: Any) -> Array | None:
        """A value that is there, at times."""
        found = [array for array in self.pool.values() if fits(array)]
        if not found or not self.chance(SAME):
            return None
        return found[-1] if self.chance(0.4) else self.one(found)

    def shape(self, least: int = 0, most: int = 6) -> list[int]:
        """The shape of a value that is there, or another one."""
        array = self.some(lambda array: least <= array.ndim <= most)
        return super().shape(least, most) if array is None else list(array.shape)

    def array(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """A value that is there, or new elements."""
        array = self.some(lambda array: list(array.shape) == list(shape) and str(array.dtype) == dtype)
        return super().array(shape, dtype) if array is None else array

    def special(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """The same; nothing special, which would be written into the value."""
        return self.array(shape, dtype)

    def number(self) -> str:
        """The dtype of a value that is there, or another one."""
        array = self.some(lambda array: array.dtype.kind in "iuf")
        return super().number() if array is None else str(array.dtype)

    def float(self) -> str:
        """The same of floats; nobody but ours rounds f16 after each node."""
        array = self.some(lambda array: array.dtype.kind == "f")
        return self.one(("float32", "float32", "float64")) if array is None else str(array.dtype)


class Chain:
    """A model that grows node by node."""

    def __init__(self, seed: Sequence[int], opset: int, symbols: bool) -> None:
        self.seed, self.opset, self.symbols = list(seed), opset, symbols
        self.random = Random([*seed, 0], opset)
        self.pool: dict[str, Array] = {}
        self.names: dict[int, str] = {}
        """The name of each array that is a value of the model, by its identity."""
        self.kept: list[Array] = []
        """Arrays whose identities are in `names`, so that no other one gets them."""
        self.nodes: list[NodeProto] = []
        self.inputs: list[Any] = []
        self.fixed: list[TensorProto] = []
        self.given: dict[str, Array] = {}
        self.results: dict[str, Array] = {}
        self.read: set[str] = set()
        self.parts: list[Made] = []

    def enter(self, array: Array, name: str) -> None:
        """Gives an array a name, and lets nodes read it that are drawn from now on."""
        self.names[id(array)] = name
        self.kept.append(array)
        tame = array.dtype.kind in "b" or bool(numpy.isfinite(array).all() and (numpy.abs(array.astype(float)) <= LARGEST).all())
        if tame and array.size <= MOST_ELEMENTS and array.dtype != numpy.float16:
            self.pool[name] = array

    def named(self, array: Array, constant: bool) -> str:
        """The name of an array that a node reads: a value that is there, a constant or an input."""
        if id(array) in self.names:
            return self.names[id(array)]
        name = f"x{len(self.given) + len(self.fixed) + len(self.kept)}"
        if not constant:
            self.inputs.append(input_of(name, array, self.symbols))
            self.given[name] = array
        elif self.random.chance(0.2):
            held = numpy_helper.from_array(array, name)
            self.nodes.append(helper.make_node("Constant", [], [name], value=held))
        else:
            self.fixed.append(numpy_helper.from_array(array, name))
        self.enter(array, name)
        return name

    def begin(self) -> None:
        """The inputs that are there before any node."""
        for _ in range(self.random.int(1, 3)):
            dtype = self.random.one(("float32", "float32", "float32", "float64", "int64", "int32"))
            self.named(self.random.array(self.random.shape(1, 4), dtype), constant=False)

    def drawn(self, number: int) -> tuple[Drawn, list[Array]] | None:
        """A node that reads at least one value that is there, and what it gives."""
        for attempt in range(TRIES):
            r = Chained([*self.seed, number, attempt], self.opset, self.pool)
            layer = r.chance(0.25)
            op = r.one(LAYERS if layer else [name for name in sorted(RECIPES) if name not in LEFT_OUT])
            since, make = RECIPES[op]
            if since > self.opset:
                continue
            try:
                schema = onnx.defs.get_schema(op, self.opset, "")
                drawn = make(r)
            except (onnx.defs.SchemaError, ValueError, IndexError):
                # A recipe may count on sizes that it would draw itself.
                continue
            # Some recipes give bare numbers.
            drawn.inputs = [None if held is None else numpy.asarray(held) for held in drawn.inputs]
            if schema.deprecated or not allowed(drawn, schema) or not (layer or any(id(held) in self.names for held in drawn.inputs)):
                continue
            if op == "MatMulInteger" and drawn.inputs[0].shape[-1] == 0:
                # onnxruntime leaves what has no terms as the memory was.
                continue
            results = self.evaluated(drawn)
            if results is not None:
                return drawn, results
        return None

    def evaluated(self, drawn: Drawn) -> list[Array] | None:
        """What a node gives, where the evaluator runs it."""
        model, given = model_of(drawn, self.opset, symbols=False)
        try:
            onnx.shape_inference.infer_shapes(model, strict_mode=True)
            with numpy.errstate(all="ignore"):
                results = ReferenceEvaluator(model).run(None, given)
        except Exception:  # noqa: BLE001: its errors have no class in common.
            return None
        if any(not isinstance(held, (numpy.ndarray, numpy.generic)) or held.size > 8 * MOST_ELEMENTS for held in results):
            return None
        # Copies, so that each has an identity of its own: some ops give what they were given.
        return [numpy.array(held) for held in results]

    def add(self, number: int) -> bool:
        """Adds a node; false where none was found."""
        found = self.drawn(number)
        if found is None:
            return False
        drawn, results = found
        self.parts.append(made_of(drawn, self.opset, self.symbols))
        names = []
        for place, array in enumerate(drawn.inputs):
            constant = place in drawn.fixed or self.random.chance(0.6)
            names.append("" if array is None else self.named(array, constant))
        while names and not names[-1]:
            names.pop()
        self.read.update(names)
        outputs = [f"v{number}_{place}" for place in range(len(results))]
        self.nodes.append(helper.make_node(drawn.op, names, outputs, name=f"n{number}", **drawn.attributes))
        for name, array in zip(outputs, results, strict=True):
            self.enter(array, name)
            self.results[name] = array
        return True

    def made(self) -> Made:
        """The model: what nobody reads is an output, and some that are read."""
        outputs = [name for name in self.results if name not in self.read or self.random.chance(0.2)]
        declared = [helper.make_tensor_value_info(name, tensor_kind(self.results[name]), None) for name in outputs]
        graph = helper.make_graph(self.nodes, "chain", self.inputs, declared, self.fixed)
        opsets = [helper.make_opsetid("", self.opset)]
        version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
        # An initializer that is no input needs version 4.
        model = helper.make_model(graph, opset_imports=opsets, ir_version=max(version, 4))
        ops = [node.op_type for node in self.nodes if node.op_type != "Constant"]
        types = ", ".join(f"{name}: {array.dtype}{list(array.shape)}" for name, array in self.given.items())
        said = [f"{','.join(node.output)}={node.op_type}({','.join(node.input)})" for node in self.nodes]
        return Made(" > ".join(ops), self.opset, model, self.given, types, json.dumps(said), tuple(self.parts))


def made(seed: int, number: int) -> Made:
    """The model of this number: 2 to 8 nodes."""
    first = Random([seed, number, 7], 0)
    chain = Chain([seed, number, 8], first.one(OPSETS), symbols=number % 3 == 0)
    chain.begin()
    for place in range(first.int(2, 8)):
        if not chain.add(place + 1):
            break
    return chain.made()
