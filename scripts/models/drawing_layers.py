"""Recipes of random nodes for layers: products, windows, normalisation, resizing, recurrence, quantisation."""

from __future__ import annotations

from typing import Any

import numpy

from drawing import Drawn, Random, recipe


@recipe("MatMul")
def product(r: Random, op: str) -> Drawn:
    """Matrices, vectors, stacks of them."""
    inner = r.size()
    dtype = r.one(("float32", "float32", "float64", "int32", "int64", "float16")) if r.opset >= 9 else "float32"
    batch = r.shape(0, 2)
    a, b = [*batch, r.size(), inner], [*r.broadcast(batch), inner, r.size()]
    a = [inner] if r.chance(0.1) else a
    b = [inner] if r.chance(0.1) else b
    return Drawn(op, [r.array(a, dtype), r.array(b, dtype)])


@recipe("Gemm")
def scaled(r: Random, op: str) -> Drawn:
    """A product with factors and a third term."""
    m, n, k = r.size(), r.size(), r.size()
    flip = [r.int(0, 1), r.int(0, 1)]
    a = r.array([k, m] if flip[0] else [m, k], "float32")
    b = r.array([n, k] if flip[1] else [k, n], "float32")
    c = r.array(r.one(([], [1], [n], [m, 1], [1, n], [m, n])), "float32")
    options = {"transA": flip[0], "transB": flip[1], "alpha": float(r.one((1.0, 0.5))), "beta": float(r.one((1.0, 2.0, 0.0)))}
    return Drawn(op, [a, b, c if r.opset < 11 or r.chance(0.8) else None], options)


def windows(r: Random, rank: int, sizes: list[int], ceil: bool) -> dict[str, Any]:
    """Kernel, strides, dilations and pads."""
    kernel = [r.int(1, 3) for _ in range(rank)]
    options: dict[str, Any] = {"kernel_shape": kernel}
    if r.chance(0.6):
        options["strides"] = [r.int(1, 3) for _ in range(rank)]
    if r.chance(0.3) and ceil is not None:
        options["dilations"] = [r.int(1, 2) for _ in range(rank)]
    how = r.one(("none", "pads", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"))
    if how == "pads":
        options["pads"] = [r.int(0, max(kernel[at % rank] - 1, 0)) for at in range(2 * rank)]
    elif how != "none":
        options["auto_pad"] = how
    return options


@recipe("Conv")
@recipe("ConvTranspose")
def convolved(r: Random, op: str) -> Drawn:
    """With groups, along one to three axes."""
    rank = r.one((1, 2, 2, 3))
    groups = r.one((1, 1, 2, 3))
    inner, outer = groups * r.int(1, 3), groups * r.int(1, 3)
    sizes = [r.int(3, 7) for _ in range(rank)]
    options = windows(r, rank, sizes, True)
    if op == "ConvTranspose":
        options.pop("auto_pad", None)
    weights = [outer, inner // groups] if op == "Conv" else [inner, outer // groups]
    dtype = r.one(("float32", "float32", "float64"))
    w = r.array([*weights, *options["kernel_shape"]], dtype)
    x = r.array([r.one((0, 1, 2)), inner, *sizes], dtype)
    bias = r.array([outer], dtype) if r.chance(0.5) else None
    return Drawn(op, [x, w, bias], {**options, "group": groups}, (1, 2) if r.chance(0.6) else ())


@recipe("MaxPool", "AveragePool")
@recipe("LpPool", since=18)
def pooled(r: Random, op: str) -> Drawn:
    """Windows, some of which hang over the end."""
    rank = r.one((1, 2, 2, 3))
    sizes = [r.int(1, 7) for _ in range(rank)]
    options = windows(r, rank, sizes, True)
    if op == "AveragePool" and r.opset < 19 or op == "MaxPool" and r.opset < 10:
        options.pop("dilations", None)
    if r.opset >= 10 and op != "LpPool" or r.opset >= 18:
        options["ceil_mode"] = r.int(0, 1)
    if op == "AveragePool":
        options["count_include_pad"] = r.int(0, 1)
    if op == "LpPool":
        options["p"] = r.int(1, 3)
    outputs = 2 if op == "MaxPool" and r.opset >= 8 and r.chance(0.3) else 1
    x = r.array([r.one((0, 1, 2)), r.int(1, 3), *sizes], "float32")
    return Drawn(op, [x], options, (), outputs)


@recipe("GlobalAveragePool", "GlobalMaxPool")
def over_all(r: Random, op: str) -> Drawn:
    """One window over all."""
    return Drawn(op, [r.array(r.full(3, 5), r.one(("float32", "float64")))])


@recipe("BatchNormalization", since=9)
def batch(r: Random, op: str) -> Drawn:
    """Numbers of each channel."""
    shape = r.shape(2, 5)
    channels = shape[1]
    inputs = [r.array(shape), *(r.array([channels]) for _ in range(3)), numpy.abs(r.array([channels])) + numpy.float32(0.1)]
    return Drawn(op, inputs, {"epsilon": 1e-3} if r.chance(0.5) else {}, (1, 2, 3, 4))


@recipe("InstanceNormalization", since=7)
@recipe("LayerNormalization", since=17)
@recipe("GroupNormalization", since=21)
@recipe("RMSNormalization", since=23)
@recipe("LpNormalization")
@recipe("MeanVarianceNormalization", since=9)
@recipe("LRN")
def normalised(r: Random, op: str) -> Drawn:
    """By what is in the tensor itself."""
    if op in ("LayerNormalization", "RMSNormalization"):
        shape = r.full(1, 4)
        axis = r.axis(len(shape))
        tail = shape[axis % len(shape):]
        bias = [r.array(tail) if r.chance(0.6) else None] if op == "LayerNormalization" else []
        return Drawn(op, [r.array(shape), r.array(tail), *bias], {"axis": axis})
    if op == "LpNormalization":
        shape = r.full(1, 4)
        return Drawn(op, [r.array(shape)], {"axis": r.axis(len(shape)), "p": r.int(1, 2)})
    if op == "MeanVarianceNormalization":
        return Drawn(op, [r.array(r.full(4, 4))], {"axes": r.one(([0, 2, 3], [1], [2, 3]))})
    shape = [r.int(1, 2), r.one((2, 4)), *(r.int(2, 5) for _ in range(2 if op == "LRN" else r.int(1, 3)))]
    if op == "LRN":
        return Drawn(op, [r.array(shape)], {"size": r.one((1, 3, 2))})
    options = {"num_groups": r.one((1, 2))} if op == "GroupNormalization" else {}
    return Drawn(op, [r.array(shape), r.array([shape[1]]), r.array([shape[1]])], options)


@recipe("Resize", since=11)
def resized(r: Random, op: str) -> Drawn:
    """By every mode and every way to place pixels."""
    mode = r.one(("nearest", "linear", "cubic"))
    rank = r.int(1, 4) if mode != "cubic" else 4
    shape = [r.int(1, 6) for _ in range(rank)]
    if mode == "cubic":
        shape[:2] = [1, 2]
    ways = ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel") + (("half_pixel_symmetric",) if r.opset >= 19 else ())
    options: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": r.one(ways)}
    if mode == "nearest":
        options["nearest_mode"] = r.one(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
    if mode == "cubic" and r.chance(0.4):
        options |= {"exclude_outside": 1} if r.chance(0.5) else {"cubic_coeff_a": -0.5}
    if r.opset >= 18 and r.chance(0.3) and mode == "linear":
        options["antialias"] = 1
    fixed = [1.0, 1.0] if rank == 4 else []
    x = r.array(shape, "float32")
    nothing = numpy.zeros(0, numpy.float32)
    if r.chance(0.5):
        scales = fixed + [float(r.one((0.5, 0.6, 1.0, 1.5, 2.0, 3.0))) for _ in shape[len(fixed):]]
        return Drawn(op, [x, nothing if r.opset < 13 else None, numpy.array(scales, numpy.float32)], options, (1, 2))
    sizes = [int(size) for size in shape[: len(fixed)]] + [r.int(1, 9) for _ in shape[len(fixed):]]
    inputs = [x, nothing if r.opset < 13 else None, nothing if r.opset < 13 else None, numpy.array(sizes, numpy.int64)]
    return Drawn(op, inputs, options, (1, 2, 3))


@recipe("DepthToSpace", "SpaceToDepth", since=11)
def blocks(r: Random, op: str) -> Drawn:
    """Channels and pixels exchanged."""
    size = r.int(1, 3)
    channels, height, width = r.int(1, 2), r.int(0, 3), r.int(1, 3)
    if op == "DepthToSpace":
        return Drawn(op, [r.array([r.int(1, 2), channels * size * size, height, width])],
                     {"blocksize": size, "mode": r.one(("DCR", "CRD"))})
    return Drawn(op, [r.array([r.int(1, 2), channels, height * size, width * size])], {"blocksize": size})


@recipe("GridSample", since=16)
def sampled(r: Random, op: str) -> Drawn:
    """Pixels between pixels."""
    linear, cubic = ("bilinear", "bicubic") if r.opset < 20 else ("linear", "cubic")
    options = {"mode": r.one((linear, "nearest", cubic)), "align_corners": r.int(0, 1),
               "padding_mode": r.one(("zeros", "border", "reflection"))}
    batch = r.int(1, 2)
    grid = (r.of.random([batch, r.int(1, 4), r.int(1, 4), 2]) * 2.6 - 1.3).astype(numpy.float32)
    return Drawn(op, [r.array([batch, 2, r.int(1, 5), r.int(1, 5)]), grid], options)


@recipe("LSTM", "GRU", "RNN")
def recurrent(r: Random, op: str) -> Drawn:
    """All directions, with and without what is optional."""
    direction = r.one(("forward", "reverse", "bidirectional"))
    ways = 2 if direction == "bidirectional" else 1
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    time, batch, size, hidden = r.int(1, 4), r.int(1, 3), r.int(1, 4), r.int(1, 4)
    small = lambda shape: r.array(shape) * numpy.float32(0.3)  # noqa: E731
    inputs: list[Any] = [r.array([time, batch, size]), small([ways, gates * hidden, size]), small([ways, gates * hidden, hidden])]
    inputs.append(small([ways, 2 * gates * hidden]) if r.chance(0.6) else None)
    inputs.append(r.of.integers(1, time + 1, batch).astype(numpy.int32) if r.chance(0.3) else None)
    inputs.append(small([ways, batch, hidden]) if r.chance(0.5) else None)
    options: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if op == "LSTM":
        inputs.append(small([ways, batch, hidden]) if r.chance(0.5) else None)
        inputs.append(small([ways, 3 * hidden]) if r.chance(0.3) else None)
        options |= {"input_forget": 1} if r.chance(0.1) else {}
    if op == "GRU":
        options["linear_before_reset"] = r.int(0, 1)
    if r.chance(0.2):
        options["clip"] = 0.5
    return Drawn(op, inputs, options, (1, 2, 3), 3 if op == "LSTM" else 2)


@recipe("QuantizeLinear", "DequantizeLinear", since=10)
def quantised(r: Random, op: str) -> Drawn:
    """By one step or one for each part of an axis."""
    shape = r.shape(1, 4)
    dtype = r.one(("uint8", "int8"))
    axis = r.axis(len(shape))
    parts = r.opset >= 13 and r.chance(0.5)
    scale = numpy.abs(r.array([shape[axis]] if parts else [])) + numpy.float32(0.1)
    zero = r.array([shape[axis]] if parts else [], dtype) if r.chance(0.7) else None
    options = {"axis": axis} if parts else {}
    if op == "QuantizeLinear":
        return Drawn(op, [r.array(shape) * numpy.float32(9), scale.astype(numpy.float32), zero], options)
    return Drawn(op, [r.array(shape, dtype if zero is not None else "uint8"), scale.astype(numpy.float32), zero], options)


@recipe("DynamicQuantizeLinear", since=11)
def quantised_alone(r: Random, op: str) -> Drawn:
    """By its own range."""
    return Drawn(op, [r.array(r.full(1, 3))], {}, (), 3)


@recipe("MatMulInteger", "QLinearMatMul", since=10)
def integers(r: Random, op: str) -> Drawn:
    """Products of bytes."""
    m, n, k = r.int(1, 4), r.int(1, 4), r.size()
    kinds = r.one((("uint8", "uint8"), ("uint8", "int8"), ("int8", "int8")))
    a, b = r.array([m, k], kinds[0]), r.array([k, n], kinds[1])
    zeros = [r.array([], kind) for kind in kinds]
    if op == "MatMulInteger":
        return Drawn(op, [a, b, *(zero if r.chance(0.6) else None for zero in zeros)])
    step = [numpy.float32(value) for value in (0.1, 0.2, 0.7)]
    return Drawn(op, [a, step[0], zeros[0], b, step[1], zeros[1], step[2], r.array([], kinds[0])])


@recipe("Einsum", since=12)
def written(r: Random, op: str) -> Drawn:
    """Sums of products, as letters say."""
    sizes = {letter: r.int(1, 4) for letter in "abcdij"}
    terms = r.one(("ij,jc->ic", "aij,ajc->aic", "ij->ji", "ij->i", "ii->i", "ii", "i,j->ij", "abij,abcj->abic", "...i,...i->..."))
    left = terms.split("->")[0].split(",")
    inputs = [r.array([sizes[letter] for letter in term.replace("...", "ab")]) for term in left]
    return Drawn(op, list(inputs), {"equation": terms})


@recipe("Range", since=11)
def counted(r: Random, op: str) -> Drawn:
    """Numbers in a row."""
    dtype = r.one(("float32", "int64", "int32", "float64"))
    step = r.one((1, 2, 3, -1, -2))
    return Drawn(op, [numpy.array(value, dtype) for value in (r.int(-5, 5), r.int(-5, 5), step)])


@recipe("ConstantOfShape", since=9)
def filled(r: Random, op: str) -> Drawn:
    """One number everywhere."""
    return Drawn(op, [numpy.array(r.shape(), numpy.int64)], {}, (0,) if r.chance(0.5) else ())


@recipe("Compress", since=9)
@recipe("Unique", since=11)
@recipe("ReverseSequence", since=10)
def picked(r: Random, op: str) -> Drawn:
    """Some of them, each once, or turned around."""
    shape = r.full(1, 4) if op != "ReverseSequence" else r.full(2, 4)
    x = r.array(shape, r.one(("float32", "int64")))
    if op == "Compress":
        if r.chance(0.3):
            return Drawn(op, [x, r.array([r.int(0, x.size)], "bool")])
        axis = r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)
        return Drawn(op, [x, r.array([r.int(0, shape[axis])], "bool")], {"axis": axis})
    if op == "Unique":
        options = {"axis": r.axis(len(shape))} if r.chance(0.5) else {}
        return Drawn(op, [numpy.round(x)], {**options, "sorted": 1}, (), 4)
    lengths = r.of.integers(1, shape[0] + 1, shape[1]).astype(numpy.int64)
    return Drawn(op, [x, lengths], {"time_axis": 0, "batch_axis": 1})


@recipe("PRelu")
def sloped(r: Random, op: str) -> Drawn:
    """A slope for numbers below 0."""
    shape = r.shape(0, 4)
    return Drawn(op, [r.array(shape), r.array(r.broadcast(shape))])
