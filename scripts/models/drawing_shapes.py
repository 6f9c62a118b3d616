"""Recipes of random nodes that move elements: shapes, parts, places, copies."""

from __future__ import annotations

from typing import Any

import numpy

from drawing import Drawn, Random, recipe


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
