"""The kinds of faults that `plant.py` plants: what people get wrong when they port a model.

Each kind is a function that changes a node of a model, or a constant that the node reads, and says what it did;
it gives `None` where the node offers nothing of the kind. Whether the change matters is for the caller to see:
it runs the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy
from onnx import TensorProto

from graphs import (
    Constant,
    Place,
    attribute_of,
    elements,
    find_constant,
    guilty_of,
    remove_attribute,
    set_attribute,
    set_elements,
)

SMALL = 64
"""How many elements a constant has at most that isn't a weight."""


@dataclass(frozen=True)
class Edit:
    """What was done to a model."""

    guilty: list[str]
    """The names of the nodes that are wrong, any of which may be named."""
    detail: str
    """What was changed, in words."""


@dataclass(frozen=True)
class Site:
    """A node to make wrong, with what a kind needs to know of its model."""

    place: Place
    folder: Path
    """The folder of the model's external data."""
    random: Random

    def constant(self, index: int) -> Constant | None:
        """The constant that is the node's operand of this index."""
        inputs = self.place.node.input
        if index >= len(inputs) or not inputs[index]:
            return None
        return find_constant(inputs[index], self.place.chain)

    def elements(self, constant: Constant) -> Any:
        """A constant's elements."""
        return elements(constant, self.folder)

    def noise(self, shape: tuple[int, ...]) -> Any:
        """Normally distributed numbers."""
        return numpy.random.default_rng(self.random.getrandbits(32)).standard_normal(shape)


Kind = Callable[[Site], Edit | None]


def changed(site: Site, name: str, value: Any) -> Edit:
    """Gives the node's attribute another value."""
    node = site.place.node
    before = attribute_of(node, name, "its default")
    set_attribute(node, name, value)
    return Edit([node.name], f"{name}: {before} became {value}")


FACTORS = {"LeakyRelu": ["alpha"], "Elu": ["alpha"], "HardSigmoid": ["alpha", "beta"], "Gemm": ["alpha", "beta"]}
DEFAULTS = {"LeakyRelu": 0.01, "HardSigmoid": 0.2}


def attribute(site: Site) -> Edit | None:
    """An attribute that isn't of the kinds below."""
    node, random = site.place.node, site.random
    op = node.op_type
    if op == "Gemm" and random.random() < 0.3:
        return changed(site, "transB", 1 - attribute_of(node, "transB", 0))
    if op in FACTORS:
        name = random.choice(FACTORS[op])
        value = attribute_of(node, name, 0.5 if name == "beta" and op == "HardSigmoid" else DEFAULTS.get(op, 1.0))
        return changed(site, name, float(value * random.choice([0.5, 0.8, 1.3, 2.0])))
    ways: dict[str, Kind] = {"Conv": dilated, "AveragePool": pooled, "Resize": resized}
    if op in ways:
        return ways[op](site)
    if op == "GRU":
        return changed(site, "linear_before_reset", 1 - attribute_of(node, "linear_before_reset", 0))
    if op == "LogSoftmax":
        node.op_type = "Softmax"
        return Edit([node.name], "LogSoftmax became Softmax")
    return None


def dilated(site: Site) -> Edit | None:
    """A convolution whose taps lie twice as far apart, padded so that the extents stay."""
    node = site.place.node
    kernel = attribute_of(node, "kernel_shape")
    if not kernel or max(kernel) == 1 or any(size % 2 == 0 for size in kernel):
        return None
    if attribute_of(node, "auto_pad", "NOTSET") != "NOTSET":
        return None
    dilations = attribute_of(node, "dilations", [1] * len(kernel))
    pads = attribute_of(node, "pads", [0] * (2 * len(kernel)))
    wider = [dilation * (size - 1) // 2 for dilation, size in zip(dilations, kernel, strict=True)]
    set_attribute(node, "pads", [pad + more for pad, more in zip(pads, wider * 2, strict=True)])
    return changed(site, "dilations", [2 * dilation for dilation in dilations])


def pooled(site: Site) -> Edit:
    """A pool that counts its padding or doesn't; without padding, a pool of the other kind."""
    node = site.place.node
    if any(attribute_of(node, "pads", [0])):
        return changed(site, "count_include_pad", 1 - attribute_of(node, "count_include_pad", 0))
    remove_attribute(node, "count_include_pad")
    node.op_type = "MaxPool"
    return Edit([node.name], "AveragePool became MaxPool")


def resized(site: Site) -> Edit | None:
    """Another way of resizing."""
    node, random = site.place.node, site.random
    if attribute_of(node, "mode", "nearest") == "linear":
        mode = attribute_of(node, "coordinate_transformation_mode", "half_pixel")
        others = {"half_pixel", "align_corners", "asymmetric"} - {mode}
        return changed(site, "coordinate_transformation_mode", random.choice(sorted(others)))
    if random.random() < 0.5:
        return changed(site, "mode", "linear")
    rounding = {"floor", "ceil", "round_prefer_floor"} - {attribute_of(node, "nearest_mode", "round_prefer_floor")}
    return changed(site, "nearest_mode", random.choice(sorted(rounding)))


def axis(site: Site) -> Edit | None:
    """A wrong axis."""
    node, random = site.place.node, site.random
    if node.op_type in ("Softmax", "LogSoftmax", "Concat", "Gather", "LayerNormalization", "ArgMax", "Split"):
        before = attribute_of(node, "axis", -1)
        choices = [other for other in (-3, -2, -1, 0, 1, 2) if other != before]
        return changed(site, "axis", random.choice(choices))
    if node.op_type == "Transpose" and len(attribute_of(node, "perm", [])) > 1:
        permutation = list(attribute_of(node, "perm"))
        first, second = random.sample(range(len(permutation)), 2)
        permutation[first], permutation[second] = permutation[second], permutation[first]
        return changed(site, "perm", permutation)
    return reduced(site) if node.op_type.startswith("Reduce") else None


def reduced(site: Site) -> Edit | None:
    """A reduction over other axes, which are an attribute or a constant."""
    node, random = site.place.node, site.random
    given = attribute_of(node, "axes")
    if given:
        axes = [random.choice([-2, -1, 1, 2]) for _ in given]
        return changed(site, "axes", axes) if len(set(axes)) == len(axes) else None
    constant = site.constant(1)
    if constant is None:
        return None
    return replaced(site, constant, site.elements(constant) + random.choice([-1, 1]), "axes")


def epsilon(site: Site) -> Edit | None:
    """A wrong epsilon of a norm, as an attribute or as a constant that is added."""
    node, random = site.place.node, site.random
    names = ("LayerNormalization", "BatchNormalization", "InstanceNormalization", "GroupNormalization")
    if node.op_type in names:
        before = attribute_of(node, "epsilon", 1e-5)
        return changed(site, "epsilon", float(before * random.choice([0.001, 10, 100, 1000])))
    if node.op_type != "Add":
        return None
    for index in (0, 1):
        constant = site.constant(index)
        if constant is not None and constant.tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
            values = site.elements(constant)
            if values.size == 1 and 0 < float(values.reshape(-1)[0]) < 2e-3:
                return replaced(site, constant, values * values.dtype.type(random.choice([10, 100, 1000])), "epsilon")
    return None


def replaced(site: Site, constant: Constant, values: Any, what: str) -> Edit:
    """Gives a constant other elements; all who read it are wrong with it."""
    before = site.elements(constant)
    guilty = guilty_of(constant)
    set_elements(constant, values.astype(before.dtype))

    def shown(array: Any) -> str:
        return numpy.array2string(array.reshape(-1)[:4], precision=6, separator=", ")

    return Edit(guilty, f"{what} `{constant.name}` {list(before.shape)}: {shown(before)} became {shown(values)}")


WEIGHTED = {"Conv": 3, "ConvTranspose": 3, "Gemm": 3, "MatMul": 2, "LSTM": 4, "GRU": 4, "BatchNormalization": 5}
WEIGHTED |= {"LayerNormalization": 3, "InstanceNormalization": 3, "Gather": 1, "Add": 2, "Mul": 2}


def weights(site: Site) -> tuple[Constant, Any] | None:
    """A float constant of the node with more than a few elements."""
    count = WEIGHTED.get(site.place.node.op_type, 0)
    found = [site.constant(index) for index in range(count)]
    large = []
    for constant in found:
        if constant is not None and constant.tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
            values = site.elements(constant)
            if values.size >= 8:
                large.append((constant, values))
    return site.random.choice(large) if large else None


def weight_flipped(site: Site) -> Edit | None:
    """A weight with the wrong sign, or a bit that is wrong."""
    found = weights(site)
    if found is None:
        return None
    constant, values = found
    flat = values.reshape(-1)
    if site.random.random() < 0.5:
        # One of the largest elements, so that it matters.
        order = numpy.argsort(-numpy.abs(flat.astype(numpy.float64)), kind="stable")
        index = int(order[site.random.randrange(min(8, flat.size))])
        flat[index] = -flat[index]
        return replaced(site, constant, values, f"the sign of element {index} of")
    row = site.random.randrange(values.shape[0])
    values[row] = -values[row]
    return replaced(site, constant, values, f"the signs of row {row} of")


def weight_stale(site: Site) -> Edit | None:
    """A weight of another training step, transposed, with rows swapped, or left at nothing."""
    found = weights(site)
    if found is None:
        return None
    constant, values = found
    ways = ["another step's", "rows swapped"] + (["nothing"] if values.ndim == 1 else [])
    square = values.ndim == 2 and values.shape[0] == values.shape[1]
    way = site.random.choice(ways + (["transposed"] * 2 if square else []))
    if way == "transposed":
        return replaced(site, constant, values.T, "transposed:")
    if way == "nothing":
        return replaced(site, constant, values * 0, "nothing in")
    if way == "rows swapped":
        first, second = site.random.sample(range(values.shape[0]), 2) if values.shape[0] > 1 else (0, 0)
        values[[first, second]] = values[[second, first]]
        return replaced(site, constant, values, f"rows {first} and {second} swapped in")
    spread = float(values.astype(numpy.float64).std()) or 1.0
    return replaced(site, constant, values + 0.1 * spread * site.noise(values.shape), "another step's")


def constant_stale(site: Site) -> Edit | None:
    """A small constant that isn't what it should be: a scale, a limit, a mask's value."""
    node, random = site.place.node, site.random
    if node.op_type not in ("Mul", "Div", "Add", "Sub", "Pow", "Clip", "Where", "Max", "Min", "Pad"):
        return None
    found = []
    for index in range(len(node.input)):
        constant = site.constant(index)
        if constant is not None and constant.tensor.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16):
            values = site.elements(constant)
            if 1 <= values.size <= SMALL:
                found.append((constant, values))
    if not found:
        return None
    constant, values = random.choice(found)
    one = values.dtype.type
    if node.op_type == "Pad" or not values.any():
        return replaced(site, constant, values + one(random.choice([0.5, 1])), "constant")
    return replaced(site, constant, values * one(random.choice([0.5, 0.9, 1.1, 2, -1])), "constant")


def swapped(site: Site) -> Edit | None:
    """Two operands in the wrong order."""
    node, random = site.place.node, site.random
    pairs = {"Sub": (0, 1), "Div": (0, 1), "Pow": (0, 1), "MatMul": (0, 1), "Where": (1, 2), "Concat": (0, 1)}
    pairs |= {"Less": (0, 1), "Greater": (0, 1), "Gemm": (0, 1)}
    if node.op_type not in pairs or len(node.input) < 2:
        return None
    first, second = pairs[node.op_type]
    if node.op_type == "Concat":
        first, second = random.sample(range(len(node.input)), 2)
    if node.input[first] == node.input[second]:
        return None
    node.input[first], node.input[second] = node.input[second], node.input[first]
    return Edit([node.name], f"operands {first} and {second} are swapped")


def padding(site: Site) -> Edit | None:
    """Padding on the wrong side, or of the wrong kind."""
    node, random = site.place.node, site.random
    if node.op_type == "Pad":
        mode = attribute_of(node, "mode", "constant")
        pads = site.constant(1)
        if mode != "constant" or pads is None or random.random() < 0.5:
            return changed(site, "mode", random.choice(sorted({"constant", "reflect", "edge"} - {mode})))
        return replaced(site, pads, shifted(site.elements(pads), random), "padding")
    pads = attribute_of(node, "pads")
    if node.op_type not in ("Conv", "MaxPool", "AveragePool", "ConvTranspose") or not pads or not any(pads):
        return None
    if attribute_of(node, "auto_pad", "NOTSET") != "NOTSET":
        return None
    return changed(site, "pads", [int(pad) for pad in shifted(numpy.array(pads), random)])


def shifted(pads: Any, random: Random) -> Any:
    """Pads of which some move from the beginning to the end, or the other way, so that extents stay."""
    rank = len(pads) // 2
    axis = random.choice([index for index in range(rank) if pads[index] or pads[index + rank]] or [0])
    give, take = (axis, axis + rank) if pads[axis] else (axis + rank, axis)
    moved = pads.copy()
    moved[give] -= 1
    moved[take] += 1
    return moved


def slice_off(site: Site) -> Edit | None:
    """A slice or an index that is off by one."""
    node, random = site.place.node, site.random
    step = random.choice([-1, 1])
    if node.op_type == "Gather":
        indices = site.constant(1)
        if indices is None or indices.tensor.data_type not in (TensorProto.INT64, TensorProto.INT32):
            return None
        values = site.elements(indices)
        return replaced(site, indices, values + step, "index") if values.size <= SMALL else None
    if node.op_type != "Slice":
        return None
    starts, ends = site.constant(1), site.constant(2)
    if starts is None or ends is None or starts.name == ends.name:
        return None
    last = site.elements(ends)
    edit = replaced(site, starts, site.elements(starts) + step, "start")
    if abs(int(last.reshape(-1)[0])) > 1 << 30:
        return edit  # the end is open
    other = replaced(site, ends, last + step, "end")
    return Edit(sorted({*edit.guilty, *other.guilty}), f"{edit.detail}, {other.detail}")


ACTIVATIONS = ("Relu", "Sigmoid", "Tanh", "Softmax", "Clip", "LeakyRelu", "HardSigmoid", "Elu", "Erf", "Gelu")
ACTIVATIONS += ("Softplus", "Sqrt", "Abs", "Log", "Exp", "Neg")


def activation_missing(site: Site) -> Edit | None:
    """An activation that was forgotten: what goes in comes out."""
    node = site.place.node
    if node.op_type not in ACTIVATIONS:
        return None
    op = node.op_type
    node.op_type = "Identity"
    del node.input[1:]
    del node.attribute[:]
    return Edit([node.name], f"{op} became Identity")


def residual_missing(site: Site) -> Edit | None:
    """An addition of two computed values of which one was forgotten."""
    node = site.place.node
    if node.op_type != "Add" or site.constant(0) is not None or site.constant(1) is not None:
        return None
    kept = site.random.choice([0, 1])
    name = node.input[kept]
    node.op_type = "Identity"
    del node.input[:]
    node.input.append(name)
    return Edit([node.name], f"operand {1 - kept} of Add was forgotten")


OTHER_OPS = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "Add",
    "Max": "Min",
    "Min": "Max",
    "Relu": "Elu",
    "Tanh": "Sigmoid",
    "Sigmoid": "HardSigmoid",
    "Erf": "Tanh",
    "ReduceMean": "ReduceMax",
    "ReduceMax": "ReduceMean",
    "ReduceSum": "ReduceMax",
    "GlobalAveragePool": "GlobalMaxPool",
    "GlobalMaxPool": "GlobalAveragePool",
    "Softmax": "LogSoftmax",
    "Greater": "Less",
    "Floor": "Ceil",
    "Softplus": "Relu",
}


def wrong_op(site: Site) -> Edit | None:
    """An op that looks alike."""
    node = site.place.node
    if node.op_type not in OTHER_OPS or len([name for name in node.input if name]) > 2:
        return None
    before = node.op_type
    node.op_type = OTHER_OPS[before]
    return Edit([node.name], f"{before} became {node.op_type}")


KINDS: dict[str, Kind] = {
    "attribute": attribute,
    "weight flipped": weight_flipped,
    "weight stale": weight_stale,
    "axis": axis,
    "epsilon": epsilon,
    "inputs swapped": swapped,
    "constant stale": constant_stale,
    "padding": padding,
    "slice off by one": slice_off,
    "activation missing": activation_missing,
    "residual missing": residual_missing,
    "wrong op": wrong_op,
}
"""Every kind of fault but those of precision, which are in `overflow.py`."""
