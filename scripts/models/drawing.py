"""Random single nodes of ONNX: what `random_models.py` makes models of.

A recipe draws the inputs and attributes of one op, of any rank, with sizes of 0 and 1 among them, so that the node is one that
the specification allows, or nearly: who refuses it is part of what is looked at. Recipes for ops that are alike are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

Array = numpy.ndarray


@dataclass
class Drawn:
    """A node before it has names: arrays for its inputs, `None` for one that is left out."""

    op: str
    inputs: list[Array | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    """Places of inputs that are constants rather than given."""
    outputs: int = 1


class Random:
    """Draws that recipes are made of."""

    def __init__(self, seed: Sequence[int], opset: int) -> None:
        self.of = numpy.random.default_rng(seed)
        self.opset = opset

    def chance(self, share: float) -> bool:
        """True in so many of all cases."""
        return bool(self.of.random() < share)

    def one(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[int(self.of.integers(len(choices)))]

    def int(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.of.integers(low, high + 1))

    def size(self) -> int:
        """The size of an axis."""
        return self.one((0, 1, 1, 2, 3, 4, 5, 7))

    def shape(self, least: int = 0, most: int = 6) -> list[int]:
        """A shape of so many axes."""
        rank = self.int(least, most)
        return [self.size() if rank < 5 else self.one((1, 2, 2, 3)) for _ in range(rank)]

    def full(self, least: int = 1, most: int = 4) -> list[int]:
        """A shape without axes of size 0."""
        return [max(size, 1) for size in self.shape(least, most)]

    def array(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """Random elements of a dtype; floats have a few zeros and repeated numbers among them."""
        if dtype == "bool":
            return self.of.random(shape) < 0.5
        if dtype.startswith(("int", "uint")):
            low = 0 if dtype.startswith("u") else -9
            return self.of.integers(low, 10, shape).astype(dtype)
        values = self.of.standard_normal(shape) * 2
        rounded = numpy.round(values)
        return numpy.where(self.of.random(shape) < 0.2, rounded, values).astype(dtype)

    def special(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """The same, at times with NaN, infinities and zeros of both signs."""
        values = self.array(shape, dtype)
        if dtype.startswith("float") and values.size and self.chance(0.25):
            flat = values.reshape(-1)
            for special in (numpy.nan, numpy.inf, -numpy.inf, -0.0):
                if self.chance(0.5):
                    flat[self.int(0, flat.size - 1)] = special
        return values

    def broadcast(self, shape: Sequence[int]) -> list[int]:
        """A shape that is stretched to this one."""
        cut = list(shape[self.int(0, len(shape)):])
        return [1 if self.chance(0.3) else size for size in cut]

    def axis(self, rank: int) -> int:
        """An axis, from the front or from the back."""
        return self.int(-rank, rank - 1) if rank else 0

    def axes(self, rank: int) -> list[int]:
        """Some axes, each once."""
        count = self.int(1, max(rank, 1))
        chosen = self.of.permutation(rank)[:count] if rank else []
        back = self.opset >= 11 and self.chance(0.3)
        return [int(axis) - (rank if back else 0) for axis in chosen]

    def float(self) -> str:
        """A dtype of floats."""
        return self.one(("float32", "float32", "float32", "float64", "float16"))

    def number(self) -> str:
        """A dtype of numbers."""
        kinds = ("float32", "float32", "float64", "float16", "int32", "int64", "int8", "uint8", "int16", "uint16", "uint32",
                 "uint64")
        return self.one(kinds)

    def any(self) -> str:
        """Any dtype."""
        return self.number() if self.chance(0.8) else "bool"


Recipe = Callable[[Random], Drawn]
RECIPES: dict[str, tuple[int, Recipe]] = {}
"""By op: the first opset that has it as the recipe says, and the recipe."""


def recipe(*names: str, since: int = 7) -> Callable[[Callable[[Random, str], Drawn]], Callable[[Random, str], Drawn]]:
    """Enters a recipe for ops."""

    def enter(function: Callable[[Random, str], Drawn]) -> Callable[[Random, str], Drawn]:
        for name in names:
            RECIPES[name] = (since, lambda random, name=name: function(random, name))
        return function

    return enter


@recipe("Abs", "Neg", "Sign", since=9)
def of_numbers(r: Random, op: str) -> Drawn:
    """Of any number."""
    return Drawn(op, [r.special(r.shape(), r.number())])


@recipe("Ceil", "Floor", "Exp", "Log", "Sqrt", "Reciprocal", "Sigmoid", "Tanh", "Softplus", "Softsign", "Relu", "Sin", "Cos",
        "Tan", "Asin", "Acos", "Atan", "Elu", "Selu", "LeakyRelu", "HardSigmoid")
@recipe("Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Erf", "IsNaN", since=9)
@recipe("ThresholdedRelu", "IsInf", since=10)
@recipe("Round", since=11)
@recipe("Celu", since=12)
@recipe("HardSwish", since=14)
@recipe("Mish", since=18)
@recipe("Gelu", since=20)
@recipe("Swish", since=24)
def of_floats(r: Random, op: str) -> Drawn:
    """Of any float."""
    options: dict[str, Any] = {}
    if op in ("Elu", "LeakyRelu", "ThresholdedRelu", "Celu", "Selu", "HardSigmoid") and r.chance(0.5):
        options = {"alpha": float(r.one((0.1, 0.5, 1.0, 2.0)))}
    if op == "Gelu" and r.chance(0.5):
        options = {"approximate": r.one(("tanh", "none"))}
    dtype = "float32" if op in ("Celu", "IsInf") else r.float()
    return Drawn(op, [r.special(r.shape(), dtype)], options)


@recipe("Add", "Sub", "Mul", "Div")
@recipe("Less", "Greater", since=9)
@recipe("Equal", since=11)
@recipe("LessOrEqual", "GreaterOrEqual", since=12)
@recipe("Pow", since=12)
@recipe("Mod", since=10)
def two(r: Random, op: str) -> Drawn:
    """Of two that are stretched to each other."""
    shape, dtype = r.shape(), r.number() if op != "Equal" else r.any()
    a, b = r.special(shape, dtype), r.special(r.broadcast(shape), dtype)
    options: dict[str, Any] = {}
    if dtype.startswith(("int", "uint")) and op in ("Div", "Mod"):
        b = numpy.where(b == 0, 3, b).astype(dtype)
    if op == "Pow" and dtype.startswith(("int", "uint")):
        b = numpy.abs(b) % 4
        b = b.astype(dtype)
    if op == "Mod":
        options = {"fmod": 1} if dtype.startswith("float") or r.chance(0.3) else {}
    if r.chance(0.4) and op not in ("Pow", "Mod"):
        a, b = b, a
        if dtype.startswith(("int", "uint")) and op == "Div":
            b = numpy.where(b == 0, 3, b).astype(dtype)
    return Drawn(op, [a, b], options)


@recipe("And", "Or", "Xor")
def logic(r: Random, op: str) -> Drawn:
    """Of two bools."""
    shape = r.shape()
    return Drawn(op, [r.array(shape, "bool"), r.array(r.broadcast(shape), "bool")])


@recipe("Not")
def negated(r: Random, op: str) -> Drawn:
    """Of one bool."""
    return Drawn(op, [r.array(r.shape(), "bool")])


@recipe("BitwiseAnd", "BitwiseOr", "BitwiseXor", since=18)
@recipe("BitShift", since=11)
def bits(r: Random, op: str) -> Drawn:
    """Of two integers."""
    dtype = r.one(("uint8", "uint16", "uint32", "uint64"))
    shape = r.shape()
    b = r.array(r.broadcast(shape), dtype) % 8
    return Drawn(op, [r.array(shape, dtype), b.astype(dtype)], {"direction": r.one(("LEFT", "RIGHT"))} if op == "BitShift" else {})


@recipe("Sum", "Max", "Min", "Mean", since=8)
def several(r: Random, op: str) -> Drawn:
    """Of any number of them."""
    dtype = r.float() if op in ("Sum", "Mean") or r.opset < 12 else r.number()
    shape = r.shape()
    inputs = [r.special(shape if index == 0 else r.broadcast(shape), dtype) for index in range(r.int(1, 4))]
    return Drawn(op, list(inputs))


@recipe("Where", since=9)
def chosen(r: Random, op: str) -> Drawn:
    """Of two, by a third."""
    shape, dtype = r.shape(), r.any()
    return Drawn(op, [r.array(r.broadcast(shape), "bool"), r.array(shape, dtype), r.array(r.broadcast(shape), dtype)])


@recipe("Clip", since=11)
def clipped(r: Random, op: str) -> Drawn:
    """Between bounds, either of which may be missing, or lie above the other."""
    dtype = "float32" if r.opset < 12 else r.number()
    low, high = (r.array([], dtype) if r.chance(0.7) else None for _ in range(2))
    inputs = [r.special(r.shape(), dtype), low, high]
    return Drawn(op, inputs)


REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
              "ReduceLogSumExp", "ReduceSumSquare")


@recipe(*REDUCTIONS)
def reduced(r: Random, op: str) -> Drawn:
    """Over axes that are an attribute, later an input."""
    shape = r.shape(0, 5)
    dtype = r.one(("float32", "float32", "float64", "int32", "int64", "float16"))
    if op.startswith("ReduceLog"):
        dtype = "float32"
    x = r.special(shape, dtype)
    if op == "ReduceLogSum":
        x = numpy.abs(x)
    axes = r.axes(len(shape)) if r.chance(0.7) and shape else None
    options: dict[str, Any] = {"keepdims": r.int(0, 1)}
    as_input = r.opset >= (13 if op == "ReduceSum" else 18)
    if as_input:
        options |= {"noop_with_empty_axes": 1} if r.chance(0.2) else {}
        return Drawn(op, [x, None if axes is None else numpy.array(axes, numpy.int64)], options, (1,))
    return Drawn(op, [x], options | ({} if axes is None else {"axes": axes}))


@recipe("ArgMax", "ArgMin")
def placed(r: Random, op: str) -> Drawn:
    """Where the largest is."""
    shape = r.full(1, 5)
    options: dict[str, Any] = {"axis": r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)}
    options["keepdims"] = r.int(0, 1)
    if r.opset >= 12 and r.chance(0.4):
        options["select_last_index"] = 1
    return Drawn(op, [r.array(shape, r.one(("float32", "float64", "int32", "int64", "int8", "uint8", "float16")))], options)


@recipe("Softmax", "LogSoftmax", "Hardmax")
def soft(r: Random, op: str) -> Drawn:
    """Over an axis, or before opset 13 over all from one on."""
    shape = r.shape(1, 5)
    options = {"axis": r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)} if r.chance(0.7) else {}
    return Drawn(op, [r.array(shape, r.float())], options)


@recipe("CumSum", since=11)
def summed(r: Random, op: str) -> Drawn:
    """Sums on the way."""
    shape = r.shape(1, 4)
    options = {"exclusive": r.int(0, 1), "reverse": r.int(0, 1)}
    dtype = r.one(("float32", "float64", "int32", "int64"))
    return Drawn(op, [r.array(shape, dtype), numpy.array(r.axis(len(shape)), numpy.int64)], options)


@recipe("Transpose")
def turned(r: Random, op: str) -> Drawn:
    """Axes in another order."""
    shape = r.shape()
    options = {"perm": [int(axis) for axis in r.of.permutation(len(shape))]} if shape and r.chance(0.8) else {}
    return Drawn(op, [r.array(shape, r.any())], options)


@recipe("Reshape")
def reshaped(r: Random, op: str) -> Drawn:
    """The same elements in another shape, with 0 and -1 in it."""
    shape = r.shape()
    target = list(r.of.permutation(shape).astype(int))
    if target and r.chance(0.5):
        product = int(numpy.prod(target))
        place = r.int(0, len(target) - 1)
        if product or target[place]:
            target[place] = -1
    if len(target) > 1 and r.chance(0.3) and -1 not in target and 0 not in target:
        target = [target[0] * target[1], *target[2:]]
    options = {"allowzero": 1} if r.opset >= 14 and 0 in shape and -1 not in target else {}
    return Drawn(op, [r.array(shape, r.any()), numpy.array(target, numpy.int64)], options, (1,) if r.chance(0.7) else ())


@recipe("Flatten")
def flattened(r: Random, op: str) -> Drawn:
    """To two axes."""
    shape = r.shape()
    return Drawn(op, [r.array(shape, "float32" if r.opset < 9 else r.any())],
                 {"axis": r.int(-len(shape) if r.opset >= 11 else 0, len(shape))})


@recipe("Squeeze", "Unsqueeze")
def squeezed(r: Random, op: str) -> Drawn:
    """Axes of size one taken out or put in."""
    shape = r.shape(0, 4)
    if op == "Squeeze":
        axes = sorted(int(axis) for axis in r.of.permutation(len(shape) + 1)[: r.int(0, 2)])
        for axis in axes:
            shape.insert(axis, 1)
    else:
        axes = [int(axis) for axis in r.of.permutation(len(shape) + 2)[:2]]
    if op == "Squeeze" and not axes:
        return Drawn(op, [r.array(shape, r.any())])
    if r.opset >= 13:
        return Drawn(op, [r.array(shape, r.any()), numpy.array(axes, numpy.int64)], {}, (1,))
    return Drawn(op, [r.array(shape, r.any())], {"axes": sorted(axes)})


@recipe("Concat")
def joined(r: Random, op: str) -> Drawn:
    """One after another."""
    shape, dtype = r.shape(1, 5), r.any()
    axis = r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)
    inputs = []
    for _ in range(r.int(1, 4)):
        size = list(shape)
        size[axis] = r.size()
        inputs.append(r.array(size, dtype))
    return Drawn(op, list(inputs), {"axis": axis})


@recipe("Split")
def parted(r: Random, op: str) -> Drawn:
    """Into equal parts or given ones."""
    shape = r.shape(1, 4)
    axis = r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)
    sizes = [r.int(0, 3) for _ in range(r.int(1, 4))]
    shape[axis] = sum(sizes)
    x = r.array(shape, r.any())
    if r.opset >= 13:
        return Drawn(op, [x, numpy.array(sizes, numpy.int64)], {"axis": axis}, (1,), len(sizes))
    return Drawn(op, [x], {"axis": axis, "split": sizes}, (), len(sizes))


@recipe("Slice", since=10)
def sliced(r: Random, op: str) -> Drawn:
    """Parts of axes, forwards and backwards, past the ends."""
    shape = r.shape(1, 5)
    axes = r.axes(len(shape))
    starts, ends = ([r.int(-9, 9) for _ in axes] for _ in range(2))
    steps = [r.one((1, 1, 1, 2, 3, -1, -2)) for _ in axes]
    arrays = [numpy.array(held, numpy.int64) for held in (starts, ends, axes, steps)]
    return Drawn(op, [r.array(shape, r.any()), *arrays], {}, (1, 2, 3, 4) if r.chance(0.6) else ())


@recipe("Gather")
@recipe("GatherElements", since=11)
def gathered(r: Random, op: str) -> Drawn:
    """By indices, from the front or the back."""
    shape = r.full(1, 4)
    axis = r.axis(len(shape))
    axis = axis if r.opset >= 11 else axis % len(shape)
    size = shape[axis]
    low = -size if r.opset >= 11 else 0
    target = r.shape(0, 3) if op == "Gather" else [r.int(0, held) for held in shape]
    indices = r.of.integers(low, size, target).astype(r.one(("int64", "int32")))
    return Drawn(op, [r.array(shape, r.any()), indices], {"axis": axis})


@recipe("GatherND", since=12)
def gathered_nd(r: Random, op: str) -> Drawn:
    """By places."""
    shape = r.full(2, 4)
    batch = r.int(0, 1)
    depth = r.int(1, len(shape) - batch)
    outer = shape[:batch] + r.shape(0 if batch else 1, 2)
    places = [r.of.integers(-shape[batch + at], shape[batch + at], outer) for at in range(depth)]
    indices = numpy.stack(places, -1).astype(numpy.int64)
    return Drawn(op, [r.array(shape, r.any()), indices], {"batch_dims": batch} if batch else {})


@recipe("ScatterElements", since=11)
@recipe("ScatterND", since=11)
def scattered(r: Random, op: str) -> Drawn:
    """Written to places."""
    shape = r.full(1, 4)
    dtype = r.one(("float32", "float64", "int32", "int64"))
    options: dict[str, Any] = {}
    if r.opset >= 16 and r.chance(0.5):
        options["reduction"] = r.one(("add", "mul") if r.opset < 18 else ("add", "mul", "max", "min"))
    if op == "ScatterElements":
        axis = r.axis(len(shape))
        target = [r.int(0, held) for held in shape]
        target[axis] = min(target[axis], shape[axis])
        # Without a reduction no place may be written twice.
        count = target[axis]
        lines = r.of.permuted(numpy.broadcast_to(numpy.arange(shape[axis]), (int(numpy.prod(target)) // max(count, 1), shape[axis])), axis=1)
        moved = [held for at, held in enumerate(target) if at != axis % len(shape)]
        indices = numpy.moveaxis(lines[:, :count].reshape([*moved, count]), -1, axis % len(shape))
        return Drawn(op, [r.array(shape, dtype), indices.astype(numpy.int64), r.array(target, dtype)], {"axis": axis, **options})
    depth = r.int(1, len(shape))
    places = numpy.array(list(numpy.ndindex(*shape[:depth])), numpy.int64)
    indices = r.of.permutation(places)[: r.int(0, len(places))]
    return Drawn(op, [r.array(shape, dtype), indices, r.array([len(indices), *shape[depth:]], dtype)], options)


@recipe("Expand", since=8)
@recipe("Tile")
def stretched(r: Random, op: str) -> Drawn:
    """Stretched or repeated."""
    shape = r.shape(0, 5)
    if op == "Tile":
        return Drawn(op, [r.array(shape, r.any()), numpy.array([r.int(0, 3) for _ in shape], numpy.int64)], {}, (1,))
    target = [r.size() if size == 1 else r.one((1, size)) for size in shape]
    target = r.full(0, 6 - len(target))[:2] + target if r.chance(0.5) else target
    return Drawn(op, [r.array(shape, r.any()), numpy.array(target, numpy.int64)], {}, (1,) if r.chance(0.5) else ())


@recipe("Pad", since=11)
def padded(r: Random, op: str) -> Drawn:
    """With more around it, or less."""
    mode = r.one(("constant", "constant", "edge", "reflect"))
    shape = r.full(1, 4) if mode != "constant" else r.shape(1, 4)
    most = [max(size - 1, 0) if mode == "reflect" else 3 for size in shape]
    pads = [r.int(0, held) for held in (*most, *most)]
    if mode == "constant" and r.chance(0.2):
        pads[0] = -min(1, shape[0])
    dtype = r.one(("float32", "float64", "int32", "int64"))
    value = r.array([], dtype) if mode == "constant" and r.chance(0.6) else None
    return Drawn(op, [r.array(shape, dtype), numpy.array(pads, numpy.int64), value], {"mode": mode}, (1,))


@recipe("Shape", "Size", "Identity")
def described(r: Random, op: str) -> Drawn:
    """Its sizes, or itself."""
    options: dict[str, Any] = {}
    if op == "Shape" and r.opset >= 15 and r.chance(0.5):
        options = {"start": r.int(-4, 4), "end": r.int(-4, 4)}
    return Drawn(op, [r.array(r.shape(), r.any())], options)


@recipe("Cast", since=9)
def cast(r: Random, op: str) -> Drawn:
    """As another dtype, within its range."""
    from onnx import helper

    source, target = r.any(), r.any()
    x = r.array(r.shape(), source)
    if target.startswith("u") and source != "bool":
        x = numpy.abs(x)
    return Drawn(op, [x], {"to": int(helper.np_dtype_to_tensor_dtype(numpy.dtype(target)))})


@recipe("NonZero", since=9)
@recipe("Trilu", since=14)
@recipe("EyeLike", since=9)
def masked(r: Random, op: str) -> Drawn:
    """Triangles, diagonals, and what isn't 0."""
    shape = r.shape(2, 2) if op == "EyeLike" else r.shape(2, 4) if op == "Trilu" else r.shape(1, 4)
    x = r.array(shape, r.one(("float32", "int64", "int32", "float64")))
    if op == "Trilu":
        return Drawn(op, [x, numpy.array(r.int(-3, 3), numpy.int64) if r.chance(0.6) else None], {"upper": r.int(0, 1)})
    return Drawn(op, [x], {"k": r.int(-2, 2)} if op == "EyeLike" else {})


@recipe("OneHot", since=9)
def hot(r: Random, op: str) -> Drawn:
    """One of many."""
    depth = r.int(1, 5)
    indices = r.of.integers(-depth - 1, depth + 1, r.shape(0, 3)).astype(numpy.int64)
    options = {"axis": r.int(-indices.ndim - 1, indices.ndim)}
    return Drawn(op, [indices, numpy.array(depth, numpy.int64), r.array([2], r.one(("float32", "int64")))], options)


@recipe("TopK", since=10)
def largest(r: Random, op: str) -> Drawn:
    """The largest or smallest, without equal ones, whose order nobody fixes."""
    shape = r.full(1, 4)
    axis = r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)
    x = r.of.permutation(int(numpy.prod(shape))).reshape(shape).astype(r.one(("float32", "float64", "int64")))
    x = x.astype("float32") if r.opset < 11 else x
    options: dict[str, Any] = {"axis": axis}
    if r.opset >= 11:
        options |= {"largest": r.int(0, 1)}
    return Drawn(op, [x, numpy.array([r.int(0, shape[axis])], numpy.int64)], options, (1,), 2)
