"""Tests of fused layers: products, convolutions, activations, normalisations, embeddings, and what moves elements."""

from __future__ import annotations

import numpy
from contrib_kit import Array, Draw, Suite, outputs_of, sigmoid, softmax

erf = numpy.vectorize(__import__("math").erf)


def gelu(x: Array) -> Array:
    """The exact Gaussian error linear unit."""
    return x * (1 + erf(x / numpy.sqrt(2))) / 2


def products(suite: Suite) -> None:
    """`FusedMatMul` and its kin, over transposes, ranks and factors."""
    for op in ("FusedMatMul", "TransposeMatMul"):
        for a in (0, 1):
            for b in (0, 1):
                draw = Draw(f"{op} {a}{b}")
                left, right = (2, 3, 5), (2, 5, 4)
                inputs = [
                    draw.normal(*(left if not a else (2, 5, 3))),
                    draw.normal(*(right if not b else (2, 4, 5))),
                ]
                suite.add(f"{a}{b}", op, inputs, transA=a, transB=b, alpha=0.5 if a else 1.0)
    draw = Draw("FusedMatMul")
    add = lambda name, inputs, **rest: suite.add(name, "FusedMatMul", inputs, **rest)  # noqa: E731
    add("matrices", [draw.normal(3, 5), draw.normal(5, 4)], alpha=-2.0)
    add("broadcast", [draw.normal(2, 1, 3, 5), draw.normal(4, 5, 2)])
    add("vector", [draw.normal(5), draw.normal(5, 4)], transA=1)
    add("batch_a", [draw.normal(3, 2, 6, 5), draw.normal(2, 6, 5, 4)], transBatchA=1)
    add("batch_b", [draw.normal(2, 6, 3, 5), draw.normal(5, 2, 6, 4)], transBatchB=1)
    add("batch_a_swapped", [draw.normal(5, 2, 6, 3), draw.normal(2, 6, 5, 4)], transBatchA=1, transA=1)
    add("double", [draw.normal(3, 5, dtype="float64"), draw.normal(5, 4, dtype="float64")], outputs=["float64"], alpha=3.0)


def gemms(suite: Suite) -> None:
    """`FusedGemm` with every activation that onnxruntime has, and `FusedMatMulActivation` and `GemmFastGelu` by NumPy."""
    for name, rest in {
        "Relu": {},
        "LeakyRelu": {"activation_alpha": 0.2},
        "Sigmoid": {},
        "Tanh": {},
        "Elu": {"activation_alpha": 0.5},
        "HardSigmoid": {"activation_alpha": 0.3, "activation_beta": 0.4},
        "Selu": {"activation_alpha": 1.5, "activation_gamma": 1.1},
        "Softplus": {},
        "Softsign": {},
        "ThresholdedRelu": {"activation_alpha": 0.5},
        "ScaledTanh": {"activation_alpha": 0.5, "activation_beta": 2.0},
        "ParametricSoftplus": {"activation_alpha": 0.5, "activation_beta": 2.0},
    }.items():
        draw = Draw(f"FusedGemm {name}")
        rest["activation"] = name
        inputs = [draw.normal(5, 3), draw.normal(4, 5), draw.normal(4)]
        suite.add(name, "FusedGemm", inputs, transA=1, transB=1, alpha=0.7, beta=1.5, **rest)
    draw = Draw("GemmFastGelu")
    x, w, bias = draw.normal(2, 3, 5), draw.normal(5, 4), draw.normal(4)
    tanh = lambda y: 0.5 * y * (1 + numpy.tanh(0.7978845608 * (y + 0.044715 * y**3)))  # noqa: E731
    expected = lambda arrays: [tanh(arrays[0] @ arrays[1] + (arrays[2] if len(arrays) > 2 else 0)).astype("float32")]  # noqa: E731
    suite.add("biased", "GemmFastGelu", [x, w, bias], expected=expected)
    suite.add("plain", "GemmFastGelu", [x, w], expected=expected)
    expected = lambda arrays: [numpy.maximum(arrays[0] @ arrays[1] * 0.5, 0).astype("float32")]  # noqa: E731
    suite.add("relu", "FusedMatMulActivation", [x, w], expected=expected, activation="Relu", alpha=0.5)


def convolutions(suite: Suite) -> None:
    """`FusedConv` over activations, sums and windows; those with channels last by `FusedConv` of transposed images."""
    activations = {
        "Relu": [],
        "Tanh": [],
        "Sigmoid": [],
        "LeakyRelu": [0.1],
        "Clip": [-0.5, 0.75],
        "HardSigmoid": [0.2, 0.4],
    }
    for name, parameters in activations.items():
        draw = Draw(f"FusedConv {name}")
        inputs = [draw.normal(1, 4, 7, 6), draw.normal(6, 2, 3, 3), draw.normal(6)]
        rest = {"activation_params": parameters} if parameters else {}
        suite.add(name, "FusedConv", inputs, constants=[1, 2], group=2, pads=[1, 1, 1, 1], activation=name, **rest)
    draw = Draw("FusedConv")
    image, filters, bias = draw.normal(1, 4, 8, 8), draw.normal(6, 4, 3, 3), draw.normal(6)
    residual = draw.normal(1, 6, 4, 4)
    windows = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    suite.add("sum", "FusedConv", [image, filters, bias, residual], constants=[1, 2], activation="Relu", **windows)
    suite.add("sum_alone", "FusedConv", [image, filters, None, residual], constants=[1], **windows)
    line = [draw.normal(1, 3, 9), draw.normal(2, 3, 3), draw.normal(2)]
    suite.add("line", "FusedConv", line, constants=[1, 2], activation="Relu", dilations=[2])

    def nhwc(arrays: list[Array | None]) -> list[Array]:
        x, w, *rest = [None if value is None else numpy.moveaxis(value, -1, 1) if value.ndim == 4 else value for value in arrays]
        w = arrays[1] if w.shape[1] != x.shape[1] else w
        activation = {"activation": "Relu"} if rest[1:] else {}
        (y,) = outputs_of("FusedConv", [x, w, *rest], pads=[1, 1, 1, 1], **activation)
        return [numpy.moveaxis(y, 1, -1)]

    x, w, bias, residual = draw.normal(1, 5, 6, 4), draw.normal(2, 3, 3, 4), draw.normal(2), draw.normal(1, 5, 6, 2)
    suite.add("biased", "NhwcConv", [x, w, bias], constants=[1, 2], expected=nhwc, pads=[1, 1, 1, 1])
    w = numpy.moveaxis(w, -1, 1)
    inputs = [x, numpy.ascontiguousarray(w), bias, residual]
    suite.add("sum", "NhwcFusedConv", inputs, constants=[1, 2], expected=nhwc, pads=[1, 1, 1, 1], activation="Relu")
    images = Draw("NhwcMaxPool").bytes(1, 6, 5, 3)
    suite.add("bytes", "NhwcMaxPool", [images], outputs=["uint8"], kernel_shape=[2, 3], strides=[2, 1], pads=[0, 1, 0, 1])


def activations(suite: Suite) -> None:
    """The activation functions and sums."""
    for dtype in ("float32", "float16"):
        draw = Draw(f"activations {dtype}")
        x, bias = draw.normal(2, 3, 8, dtype=dtype, scale=2.0), draw.normal(8, dtype=dtype)
        if dtype == "float32":
            suite.add("", "Gelu", [x])
            suite.add("", "BiasGelu", [x, bias])
        suite.add(f"plain_{dtype}", "FastGelu", [x], outputs=[dtype])
        suite.add(f"biased_{dtype}", "FastGelu", [x, bias], outputs=[dtype])
        suite.add(dtype, "QuickGelu", [x], outputs=[dtype])
        suite.add(f"alpha_{dtype}", "QuickGelu", [x], outputs=[dtype], alpha=0.5)
        suite.add(dtype, "ScaledSiLU", [x], outputs=[dtype], alpha=0.5)
        suite.add(f"of_operand_{dtype}", "ScaledSiLU", [x, numpy.array(1.5, "float32")], outputs=[dtype])
    draw = Draw("sums")
    x, y, gate = draw.normal(2, 3, 8), draw.normal(2, 3, 8), draw.normal(2, 3, 1)
    suite.add("", "GatedAdd", [x, y, gate])
    add = lambda arrays: [(arrays[0] + arrays[1] + arrays[2]).astype("float32")]  # noqa: E731
    suite.add("", "BiasAdd", [x, draw.normal(8), y], expected=add)
    halves = lambda arrays: numpy.split(arrays[0] + arrays[1], 2, -1)  # noqa: E731
    split = lambda arrays: [(halves(arrays)[0] * gelu(halves(arrays)[1])).astype("float32")]  # noqa: E731
    suite.add("", "BiasSplitGelu", [x, draw.normal(8)], expected=split)
    dropped = lambda arrays: [arrays[0] + arrays[1] + (arrays[2] if arrays[2] is not None else 0)]  # noqa: E731
    suite.add("residual", "BiasDropout", [x, draw.normal(8), y], expected=dropped)
    scores, outer, inner = draw.normal(2, 3, 4, 5), draw.normal(2, 1, 1, 5), draw.normal(1, 1, 4, 5)
    soft = lambda arrays: [softmax(arrays[0] + arrays[1])]  # noqa: E731
    suite.add("inner", "BiasSoftmax", [scores, outer], expected=soft, axis=3, is_inner_broadcast=1)
    suite.add("outer", "BiasSoftmax", [scores, inner], expected=soft, axis=3, is_inner_broadcast=0)
    for bias in (draw.normal(4, 5), draw.normal(5)):
        rest = {"axis": 3, "is_inner_broadcast": 0}
        suite.add(f"of_rank_{bias.ndim}", "BiasSoftmax", [scores, bias], expected=soft, **rest)


def normalisations(suite: Suite) -> None:
    """Layer and root-mean-square normalisation, with skips, biases and gates."""
    shapes = {"": (2, 3, 8), "one": (1, 3, 8), "matrix": (3, 8)}
    for dtype in ("float32", "float16"):
        for skip, shape in shapes.items():
            for bias in (False, True):
                name = f"{dtype}{'_' * bool(skip)}{skip}{'_biased' * bias}"
                draw = Draw(f"SkipLayerNormalization {name}")
                x, other = draw.normal(2, 3, 8, dtype=dtype), draw.normal(*shape, dtype=dtype)
                vector = lambda draw=draw, dtype=dtype: draw.normal(8, dtype=dtype)  # noqa: E731
                inputs = [x, other, vector(), vector(), vector() if bias else None]
                outputs = [dtype, "", "", dtype]
                suite.add(name, "SkipLayerNormalization", inputs, outputs=outputs, constants=[2, 3, 4], epsilon=1e-5)
                if skip:
                    continue
                suite.add(f"{name}_no_beta", "SkipLayerNormalization", [*inputs[:3], None, *inputs[4:]], outputs=[dtype])
                inputs = [x, other, inputs[2], *inputs[4:]]
                suite.add(name, "SkipSimplifiedLayerNormalization", inputs, outputs=outputs, epsilon=1e-5)
    for dtype in ("float32", "float16", "float64"):
        draw = Draw(f"SimplifiedLayerNormalization {dtype}")
        x, scale = draw.normal(2, 3, 8, dtype=dtype), draw.normal(8, dtype=dtype)
        suite.add(dtype, "SimplifiedLayerNormalization", [x, scale], domain="", outputs=[dtype])
        whole = draw.normal(3, 8, dtype=dtype)
        suite.add(f"{dtype}_axis", "SimplifiedLayerNormalization", [x, whole], domain="", outputs=[dtype], axis=1, epsilon=0.01)
    draw = Draw("SimplifiedLayerNormalization")
    inputs = [draw.normal(2, 3, 8), draw.normal(8)]
    suite.add("two_outputs", "SimplifiedLayerNormalization", inputs, domain="", outputs=["float32", "float32"])
    for activation in ("silu", "swish", "sigmoid"):
        draw = Draw(f"GatedRMSNorm {activation}")
        inputs = [draw.normal(2, 3, 8), draw.normal(4), draw.normal(2, 3, 8)]
        suite.add(activation, "GatedRMSNorm", inputs, constants=[1], activation=activation)
    draw = Draw("BranchwiseRMSNorm")
    suite.add("grouped", "BranchwiseRMSNorm", [draw.normal(2, 3, 8), draw.normal(8)])
    suite.add("each", "BranchwiseRMSNorm", [draw.normal(2, 3, 8), draw.normal(3, 8)])
    suite.add("flat", "BranchwiseRMSNorm", [draw.normal(2, 24), draw.normal(24)], num_branches=3)


def group_normalisations(suite: Suite) -> None:
    """`GroupNorm` and `SkipGroupNorm`, which have no kernel for the processor: NumPy."""

    def expected(last: bool, groups: int, activation: int, skips: bool) -> object:
        def of(arrays: list[Array | None]) -> list[Array]:
            x, gamma, beta = (numpy.asarray(value, "float64") for value in arrays[:3])
            place = (1, 1, 1, -1) if last else (1, -1, 1, 1)
            if skips:
                skip = arrays[3].reshape(arrays[3].shape[0], *place[1:]) if arrays[3].ndim == 2 else arrays[3]
                x = x + skip + (arrays[4].reshape(place) if arrays[4] is not None else 0)
            images = numpy.moveaxis(x, -1, 1) if last else x
            grouped = images.reshape(images.shape[0], groups, -1)
            mean, variance = grouped.mean(-1, keepdims=True), grouped.var(-1, keepdims=True)
            y = ((grouped - mean) / numpy.sqrt(variance + 1e-5)).reshape(images.shape)
            y = y * gamma.reshape(1, -1, 1, 1) + beta.reshape(1, -1, 1, 1)
            y = y * sigmoid(y) if activation else y
            y = numpy.moveaxis(y, 1, -1) if last else y
            dtype = arrays[0].dtype
            return [y.astype(dtype), x.astype(dtype)][: 1 + skips]

        return of

    for dtype in ("float32", "float16"):
        for last in (True, False):
            for activation in (0, 1):
                name = f"{dtype}_{'last' if last else 'second'}_{activation}"
                draw = Draw(f"GroupNorm {name}")
                shape = (2, 3, 4, 6) if last else (2, 6, 3, 4)
                inputs = [draw.normal(*shape, dtype=dtype), draw.normal(6), draw.normal(6)]
                rest = {"activation": activation, "groups": 3, "channels_last": int(last)}
                suite.add(name, "GroupNorm", inputs, outputs=[dtype], expected=expected(last, 3, activation, False), **rest)
                skip = draw.normal(*((2, 6) if activation else shape), dtype=dtype)
                inputs += [skip, draw.normal(6, dtype=dtype) if activation else None]
                suite.add(
                    name, "SkipGroupNorm", inputs, outputs=[dtype] * 2, expected=expected(last, 3, activation, True), **rest
                )


def embeddings(suite: Suite) -> None:
    """`EmbedLayerNormalization` and its quantised twin, with and without segments, masks and places."""
    for dtype in ("float32", "float16"):
        for name in ("plain", "segments", "mask", "places", "sum"):
            draw = Draw(f"EmbedLayerNormalization {dtype} {name}")
            table = lambda rows, draw=draw, dtype=dtype: draw.normal(rows, 8, dtype=dtype)  # noqa: E731
            ids = lambda most, draw=draw: draw.ints(0, most, 2, 4, dtype="int32")  # noqa: E731
            segments = name != "plain"
            inputs = [ids(10), ids(2) if segments else None, table(10), table(6), table(2) if segments else None]
            inputs += [draw.normal(8, dtype=dtype), draw.normal(8, dtype=dtype)]
            inputs += [numpy.array([[1, 1, 1, 0], [1, 1, 0, 0]], "int32") if name in ("mask", "sum") else None]
            inputs += [ids(6)] if name == "places" else []
            outputs = [dtype, "int32", dtype] if name == "sum" else [dtype, "int32"]
            suite.add(f"{dtype}_{name}", "EmbedLayerNormalization", inputs, outputs=outputs, constants=range(2, 7), epsilon=1e-6)
    draw = Draw("QEmbedLayerNormalization")
    ids = lambda most: draw.ints(0, most, 2, 4, dtype="int32")  # noqa: E731
    tables = [draw.bytes(rows, 8) for rows in (10, 6, 2)] + [draw.bytes(8), draw.bytes(8)]
    scales = [numpy.array(value, "float32") for value in (0.1, 0.2, 0.05, 0.02, 0.03)]
    zeros = [numpy.array(value, "uint8") for value in (120, 100, 128, 90, 130)]
    inputs = [ids(10), ids(2), *tables, None, *scales, *zeros]
    suite.add("segments", "QEmbedLayerNormalization", inputs, outputs=["float32", "int32"], constants=range(2, 18))


def matrices(suite: Suite) -> None:
    """Inverses and distances."""
    for dtype in ("float32", "float64"):
        draw = Draw(f"Inverse {dtype}")
        suite.add(dtype, "Inverse", [draw.normal(4, 4, dtype=dtype)], outputs=[dtype], tolerance=(1e-3, 1e-4))
        suite.add(f"batch_{dtype}", "Inverse", [draw.normal(2, 3, 5, 5, dtype=dtype)], outputs=[dtype], tolerance=(1e-2, 1e-3))
    turned = numpy.array([[0, 2, 1], [1, 0, 0], [3, 0, 1]], "float32")
    suite.add("pivots", "Inverse", [turned])
    for metric in ("sqeuclidean", "euclidean"):
        draw = Draw(f"CDist {metric}")
        suite.add(metric, "CDist", [draw.normal(3, 5), draw.normal(4, 5)], metric=metric, tolerance=(1e-4, 1e-4))


def moves(suite: Suite) -> None:
    """Ops that move elements or count them."""
    draw = Draw("moves")
    x = draw.normal(2, 3, 4)
    for axis in (0, 2, -1):
        suite.add(f"axis_{axis % 4}", "ExpandDims", [x, numpy.array(axis, "int32")], constants=[1])
    pads = numpy.array([0, 1, 0, 1, 0, 2])
    suite.add("constant", "Pad", [x, pads, numpy.array([1.5], "float32")], constants=[1])
    suite.add("row", "Pad", [x, pads.reshape(1, 6)], constants=[1])
    for mode in ("reflect", "edge"):
        suite.add(mode, "Pad", [x, pads], constants=[1], mode=mode)
    suite.add("upper", "Trilu", [x])
    suite.add("lower", "Trilu", [x, numpy.array(1)], upper=0)
    suite.add("floats", "Unique", [draw.ints(0, 4, 9).astype("float32")], outputs=["float32", "int64", "int64"])
    suite.add("", "GatherND", [x, numpy.array([[0, 1], [1, 2]])])
    one = lambda value: numpy.array([value], "float32")  # noqa: E731
    suite.add("three", "Range", [one(1), one(5.5), one(1.5)])
    suite.add("two", "Range", [one(1), one(5)])
    suite.add("all", "UnfoldTensor", [draw.normal(2, 7)], dim=-1, size=3, step=2)
    suite.add("middle", "UnfoldTensor", [draw.normal(2, 7, 3)], dim=1, size=2)
    finite = lambda arrays: [numpy.array(all(numpy.isfinite(array).all() for array in arrays))]  # noqa: E731
    infinite = x.copy()
    infinite[0, 0, 0] = numpy.inf
    suite.add("yes", "IsAllFinite", [x, x], outputs=["bool"], expected=finite)
    suite.add("no", "IsAllFinite", [x, infinite], outputs=["bool"], expected=finite)
    rows = lambda arrays: [arrays[0][arrays[1]]]  # noqa: E731
    suite.add("", "TorchEmbedding", [draw.normal(5, 3), draw.ints(0, 5, 2, 2)], expected=rows)
    complex_of = lambda array: array[..., 0].astype("complex128") + 1j * array[..., 1]  # noqa: E731
    parts = lambda array: numpy.stack([array.real, array.imag], -1).astype("float32")  # noqa: E731
    a, b = draw.normal(2, 3, 2), draw.normal(2, 3, 2)
    suite.add("", "ComplexMul", [a, b], expected=lambda arrays: [parts(complex_of(arrays[0]) * complex_of(arrays[1]))])
    conj = lambda arrays: [parts(complex_of(arrays[0]) * complex_of(arrays[1]).conj())]  # noqa: E731
    suite.add("", "ComplexMulConj", [a, b], expected=conj)
    signal = draw.normal(2, 8)
    rfft = lambda arrays: [parts(numpy.fft.rfft(arrays[0]))]  # noqa: E731
    suite.add("", "Rfft", [signal], expected=rfft, signal_ndim=1)
    half = parts(numpy.fft.rfft(signal))
    # The text says nothing of a division; NumPy's inverse divides.
    suite.add("", "Irfft", [half], expected=lambda arrays: [numpy.fft.irfft(complex_of(arrays[0])).astype("float32")], signal_ndim=1)


def images(suite: Suite) -> None:
    """Sampled images, and biases by distance."""
    draw = Draw("images")
    x = draw.normal(2, 3, 5, 6)
    grid = draw.positive(2, 4, 3, 2, low=-0.9, high=0.9)
    for mode in ("bilinear", "nearest", "bicubic"):
        suite.add(mode, "GridSample", [x, grid], mode=mode)
    suite.add("corners", "GridSample", [x, grid * 1.3], align_corners=1, padding_mode="border")
    boxes = numpy.array([[0.1, 0.2, 0.8, 0.9], [0.0, 0.0, 1.0, 1.0], [-0.2, 0.1, 0.7, 1.2]], "float32")
    places = numpy.array([0, 1, 1], "int32")
    for mode in ("bilinear", "nearest"):
        for size in ((3, 4), (1, 2)):
            inputs = [x, boxes, places, numpy.array(size, "int32")]
            suite.add(f"{mode}_{size[0]}", "CropAndResize", inputs, mode=mode, extrapolation_value=0.5)

    def relative(both: int) -> object:
        def of(arrays: list[Array | None]) -> list[Array]:
            table, rows, columns = arrays
            buckets, most = table.shape[0], 8
            distance = numpy.arange(columns.item())[None] - numpy.arange(rows.item())[:, None]
            bucket = numpy.zeros_like(distance)
            if both:
                buckets //= 2
                bucket += (distance > 0) * buckets
                distance = numpy.abs(distance)
            else:
                distance = -numpy.minimum(distance, 0)
            exact = buckets // 2
            far = exact + (
                numpy.log(numpy.maximum(distance, 1) / exact) / numpy.log(most / exact) * (buckets - exact)
            ).astype(int)
            bucket += numpy.where(distance < exact, distance, numpy.minimum(far, buckets - 1))
            return [table[bucket].transpose(2, 0, 1)[None]]

        return of

    for both in (0, 1):
        inputs = [draw.normal(8, 2), numpy.array([11]), numpy.array([11])]
        rest = {"expected": relative(both), "constants": [0], "is_bidirectional": both, "max_distance": 8}
        suite.add(f"bias_{both}", "RelativePositionBias", inputs, **rest)


TESTS = [
    products, gemms, convolutions, activations, normalisations, group_normalisations, embeddings, matrices, moves, images,
]
