"""A fault of precision: a node whose result doesn't fit 16-bit floats, in a model that was converted to them.

Both sides get the same model, in which one node's operand is multiplied by a number and its result divided again,
so that in 32 bits nothing changes beyond rounding, while in 16 bits the result overflows at that node and nowhere
before it. In the faulty model either that node alone computes in 16 bits, between casts, or all of it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from faults import Edit
from graphs import attribute_of, copy_of, places, set_attribute

LARGEST = 65504.0
"""The largest 16-bit float."""

DEGREES = {"Pow": 2, "MatMul": 1, "Conv": 1, "ReduceSum": 1, "Mul": 2}
"""Ops for which a factor in the operand is a factor in the result, and its power there."""


WIDE_OPS = ("Resize", "Range", "RandomNormal")
"""Ops that have operands or results which stay 32-bit floats."""


@dataclass(frozen=True)
class Pair:
    """A good model and one that overflows."""

    good: ModelProto
    faulty: ModelProto
    edit: Edit
    harmless: ModelProto | None
    """Where all of the faulty model is in 16 bits: the same without the factor, which must compute what it should."""


def degree(node: NodeProto) -> int | None:
    """The power of a factor of the first operand in the result; `None` where it isn't a factor."""
    if node.op_type == "Mul" and node.input[0] != node.input[1]:
        return 1
    if node.op_type == "Conv" and len(node.input) > 2 and node.input[2]:
        return None
    return DEGREES.get(node.op_type)


def pair(model: ModelProto, values: Callable[[list[str]], dict[str, Any]], whole: bool, random: Random) -> Pair | None:
    """A good and a faulty model, or `None` where no node offers itself.

    `values` gives what values of the main graph are; `whole` converts all of the model.
    """
    nodes = [node for node in model.graph.node if degree(node) is not None]
    outputs = {value.name for value in model.graph.output}
    nodes = [node for node in nodes if node.output[0] not in outputs]
    random.shuffle(nodes)
    for node in nodes[:8]:
        found = values([node.input[0], node.output[0], *node.input[1:2]])
        operand, result = found.get(node.input[0]), found.get(node.output[0])
        if operand is None or result is None or operand.dtype != numpy.float32:
            continue
        factor = factor_for(node, operand, result, random)
        if factor is None:
            continue
        good = amplified(model, node.name, factor)
        faulty = halved(good) if whole else halved_at(good, node.name)
        if faulty is not None:
            way = "all in 16 bits" if whole else "in 16 bits"
            edit = Edit([node.name], f"{node.op_type} overflows, {way}, its operand times {factor:g}")
            return Pair(good, faulty, edit, halved(model) if whole else None)
    return None


def factor_for(node: NodeProto, operand: Any, result: Any, random: Random) -> float | None:
    """A power of two with which the result overflows and the operand doesn't."""
    largest, given = float(numpy.abs(result).max()), float(numpy.abs(operand).max())
    if not largest or not given:
        return None
    power = degree(node) or 1
    factor = 2.0 ** numpy.ceil(numpy.log2(random.uniform(1.5, 4) * LARGEST / largest) / power)
    return float(factor) if given * factor < LARGEST / 2 and factor > 1 else None


def constant(name: str, value: float) -> TensorProto:
    """A scalar as an initializer."""
    return numpy_helper.from_array(numpy.array(value, dtype=numpy.float32), name)


def amplified(model: ModelProto, name: str, factor: float) -> ModelProto:
    """The model with a node whose operand is that much larger; the node's result is divided again."""
    copy = copy_of(model)
    graph = copy.graph
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.name != name:
            nodes.append(node)
            continue
        before, after = f"{name}.scaled", f"{name}.large"
        nodes.append(helper.make_node("Mul", [node.input[0], f"{name}.factor"], [before], name=f"{name}.scale"))
        wanted = node.output[0]
        original = node.input[0]
        power = degree(node) or 1
        node.input[0] = before
        if node.op_type == "Mul" and len(node.input) > 1 and node.input[1] == original:
            node.input[1] = before
        node.output[0] = after
        nodes.append(node)
        nodes.append(helper.make_node("Div", [after, f"{name}.divisor"], [wanted], name=f"{name}.unscale"))
        graph.initializer.append(constant(f"{name}.factor", factor))
        graph.initializer.append(constant(f"{name}.divisor", factor**power))
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    return copy


def halved_at(model: ModelProto, name: str) -> ModelProto | None:
    """The model with one node in 16 bits, between casts."""
    copy = copy_of(model)
    graph = copy.graph
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.name != name:
            nodes.append(node)
            continue
        casts: dict[str, str] = {}
        for place, value in enumerate(node.input):
            if node.op_type == "ReduceSum" and place:
                continue
            if value not in casts:
                casts[value] = f"{name}.half{place}"
                nodes.append(cast(value, casts[value], TensorProto.FLOAT16))
            node.input[place] = casts[value]
        wanted, node.output[0] = node.output[0], f"{name}.narrow"
        nodes += [node, cast(f"{name}.narrow", wanted, TensorProto.FLOAT)]
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    return copy


def cast(value: str, result: str, dtype: int) -> NodeProto:
    """A node that casts a value."""
    return helper.make_node("Cast", [value], [result], name=f"{result}.cast", to=dtype)


def halved(model: ModelProto) -> ModelProto | None:
    """The model with 16-bit floats for all 32-bit ones; `None` where it can't be or a constant doesn't fit them.

    Inputs stay as they are and are cast where they come in.
    """
    copy = copy_of(model)
    graph = copy.graph
    if any(len(place.chain) > 1 or place.node.op_type in WIDE_OPS for place in places(graph)):
        return None
    tensors = list(graph.initializer)
    tensors += [item.t for node in graph.node for item in node.attribute if item.name == "value" and item.HasField("t")]
    if not all(halve_tensor(tensor) for tensor in tensors if tensor.data_type == TensorProto.FLOAT):
        return None
    for node in graph.node:
        if node.op_type == "Cast" and attribute_of(node, "to") == TensorProto.FLOAT:
            set_attribute(node, "to", TensorProto.FLOAT16)
    del graph.value_info[:]
    casts = []
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            narrow = f"{value.name}.narrow"
            casts.append(cast(value.name, narrow, TensorProto.FLOAT16))
            for node in graph.node:
                names = [narrow if name == value.name else name for name in node.input]
                del node.input[:]
                node.input.extend(names)
    for value in graph.output:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in (*casts, *graph.node)]
    del graph.node[:]
    graph.node.extend(nodes)
    return copy


def forced(model: ModelProto) -> ModelProto:
    """The model with a copy of each value, all of them outputs.

    onnxruntime computes 16-bit floats in 32 bits and leaves out casts between nodes; what is copied is rounded.
    """
    copy = copy_of(model)
    graph = copy.graph
    nodes: list[NodeProto] = []
    outputs: list[str] = []
    for node in graph.node:
        renamed = [f"{name}.unrounded" if name else "" for name in node.output]
        copies = [
            helper.make_node("Identity", [before], [after])
            for before, after in zip(renamed, node.output, strict=True)
            if after
        ]
        outputs += [name for name in node.output if name]
        del node.output[:]
        node.output.extend(renamed)
        nodes += [node, *copies]
    kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)
    del graph.value_info[:]
    del graph.output[:]
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return copy


def halve_tensor(tensor: TensorProto) -> bool:
    """Makes a tensor's elements 16-bit floats, if they fit; the divisor of `amplified` may be the largest."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return False
    values = numpy_helper.to_array(tensor)
    fits = not values.size or float(numpy.abs(values).max()) <= LARGEST
    if not fits and not tensor.name.endswith(".divisor"):
        return False
    narrow = numpy.clip(values, -LARGEST, LARGEST).astype(numpy.float16)
    tensor.CopyFrom(numpy_helper.from_array(narrow, tensor.name))
    return True
