"""Tests of quantised ops in `com.microsoft`.

Results that are integers compare exactly. Where what is rounded is a computed number, elements within a hundredth of the
middle between two integers would hang on the order of a sum, so the numbers of each test are drawn until none is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy
from contrib_kit import Array, Draw, Suite, outputs_of, sigmoid, softmax


def f32(value: object) -> Array:
    """A number or vector as float32."""
    return numpy.array(value, "float32")


def near_a_half(x: Array) -> Array:
    """Whether a number is so near to the middle between two integers that an error of rounding decides."""
    return numpy.abs(numpy.abs(x - numpy.floor(x)) - 0.5) < 0.01


def linear(suite: Suite) -> None:
    """`QuantizeLinear` and `DequantizeLinear` of 4, 8 and 16 bits."""
    for dtype in ("uint8", "int8", "uint16", "int16"):
        draw = Draw(f"linear {dtype}")
        x, codes = draw.normal(3, 4, scale=50.0), draw.bytes(3, 4, dtype=dtype)
        one, each = [f32(0.37), numpy.array(7, dtype)], [draw.positive(4), draw.ints(0, 9, 4, dtype=dtype)]
        rows = [draw.positive(3), draw.ints(0, 9, 3, dtype=dtype)]
        for name, parameters, rest in (("one", one, {}), ("columns", each, {"axis": 1}), ("rows", rows, {"axis": 0})):
            suite.add(f"{dtype}_{name}", "QuantizeLinear", [x, *parameters], outputs=[dtype], **rest)
            suite.add(f"{dtype}_{name}", "DequantizeLinear", [codes, *parameters], **rest)
    draw = Draw("linear")
    suite.add("no_zero", "QuantizeLinear", [draw.normal(3, 4, scale=9.0), f32(0.3)], outputs=["uint8"])
    suite.add("no_zero", "DequantizeLinear", [draw.bytes(3, 4), f32(0.3)])


def narrow(suite: Suite) -> None:
    """`QuantizeLinear` and `DequantizeLinear` of 4 bits and of float16, by NumPy after the text of the schemas.

    NumPy hands neither to onnxruntime nor takes from it what has 4 bits.
    """
    for dtype in ("int4", "uint4", "int8", "uint16"):
        limits = ml_dtypes.iinfo(dtype)
        for real in ("float32", "float16"):
            for form, axis, count in (("one", None, 0), ("rows", 0, 3), ("middle", 1, 5), ("last", -1, 4)):
                name = f"narrow_{dtype}_{real}_{form}"
                draw = Draw(f"QuantizeLinear {name}")
                shape = (count,) if count else ()
                zeros = draw.ints(limits.min, limits.max + 1, *shape).astype(dtype)
                least, most = (0.25, 2.0) if limits.bits < 16 else (0.01, 0.4)
                scales = draw.positive(*shape, dtype=real, low=least, high=most)
                x = draw.normal(3, 5, 4, dtype=real, scale=4.0 if limits.bits == 4 else 99.0)
                codes = draw.ints(limits.min, limits.max + 1, 3, 5, 4).astype(dtype)
                place = tuple(count if axis is not None and at == axis % 3 else 1 for at in range(3))
                wide = lambda value, to="float32", place=place: numpy.asarray(value).astype(to).reshape(place)  # noqa: E731

                def quantised(arrays: list[Array], wide: Any = wide, dtype: str = dtype, limits: Any = limits) -> list[Array]:
                    quotients = arrays[0].astype("float64") / wide(arrays[1], "float64")
                    codes = numpy.rint(quotients).astype("int64") + wide(arrays[2], "int64")
                    return [numpy.clip(codes, limits.min, limits.max).astype(dtype)]

                def dequantised(arrays: list[Array], wide: Any = wide) -> list[Array]:
                    codes = arrays[0].astype("int64") - wide(arrays[2], "int64")
                    return [(codes.astype("float32") * wide(arrays[1])).astype(arrays[1].dtype)]

                rest = {} if axis is None else {"axis": axis}
                suite.add(
                    name, "QuantizeLinear", [x, scales, zeros], outputs=[dtype], constants=[2], expected=quantised,
                    held=dtype == "int8", **rest,
                )
                suite.add(
                    name, "DequantizeLinear", [codes, scales, zeros], outputs=[real], constants=[0, 2],
                    expected=dequantised, held=dtype == "int8", **rest,
                )


def products(suite: Suite) -> None:
    """Products of quantised matrices, with scales and zero points of every form."""
    for dtype in ("int8", "uint8"):
        for form in ("one", "columns"):
            for bias in (False, True):
                name = f"{dtype}_{form}{'_biased' * bias}"
                draw = Draw(f"products {name}")
                vector = lambda low, high, form=form, draw=draw: draw.positive(*((5,) if form == "columns" else ()), low=low, high=high)  # noqa: E731
                zero = (draw.ints(0, 9, 5) if form == "columns" else numpy.array(3)).astype(dtype)
                added = draw.normal(5) if bias else None
                b = draw.weights(6, 5, dtype=dtype)
                inputs = [draw.normal(2, 3, 6), b, vector(0.01, 0.02), zero, added]
                suite.add(name, "DynamicQuantizeMatMul", inputs, constants=[1, 2, 3])
                inputs = [draw.bytes(2, 3, 6), b, f32(0.05), vector(0.01, 0.02), numpy.array(120, "uint8"), zero, added]
                suite.add(name, "MatMulIntegerToFloat", inputs, constants=[1, 2, 3, 5])
    draw = Draw("products")
    suite.add("no_zeros", "DynamicQuantizeMatMul", [draw.normal(3, 6), draw.weights(6, 5), f32(0.02)])
    inputs = [draw.bytes(3, 6), draw.bytes(6, 5), f32(0.05), f32(0.02)]
    suite.add("no_zeros", "MatMulIntegerToFloat", inputs)
    wide = [draw.bytes(3, 6, dtype="int16"), draw.bytes(6, 5, dtype="int16")]
    suite.add("signed", "MatMulInteger16", [wide[0] // 64, wide[1] // 64], outputs=["int32"])
    a, b = draw.bytes(2, 3), draw.bytes(3)
    whole = lambda array, zero: array.astype("int32") - int(zero)  # noqa: E731
    times = lambda arrays: [whole(arrays[0], arrays[1]) * whole(arrays[2], arrays[3])]  # noqa: E731
    suite.add("", "MulInteger", [a, numpy.uint8(3), b, numpy.uint8(100)], outputs=["int32"], expected=times)
    total = lambda arrays: [arrays[0].astype("int32").sum(1, keepdims=True).astype("uint32")]  # noqa: E731
    suite.add("", "ReduceSumInteger", [draw.bytes(2, 3)], outputs=["uint32"], expected=total, axes=[1], keepdims=1)


def gemms(suite: Suite) -> None:
    """`QGemm` to floats and to bytes."""
    for a in (0, 1):
        for b in (0, 1):
            for form in ("one", "columns"):
                draw = Draw(f"QGemm {a}{b}{form}")
                left = draw.bytes(*((4, 6) if not a else (6, 4)))
                right = draw.weights(*((6, 5) if not b else (5, 6)))
                scale = draw.positive(5, low=0.01, high=0.03) if form == "columns" else f32(0.02)
                zero = draw.ints(-5, 5, 5, dtype="int8") if form == "columns" else numpy.array(2, "int8")
                third = draw.ints(-500, 500, 5, dtype="int32")
                inputs = [left, f32(0.04), numpy.uint8(110), right, scale, zero, third]
                rest = {"transA": a, "transB": b, "alpha": 0.5, "constants": [1, 2, 3, 4, 5, 6]}
                suite.add(f"{a}{b}_{form}", "QGemm", inputs, **rest)
                out = [*inputs, f32(0.173), numpy.uint8(128)]
                suite.add(f"{a}{b}_{form}_bytes", "QGemm", out, outputs=["uint8"], **{**rest, "constants": [1, 2, 3, 4, 5, 6, 7, 8]})


Compute = Callable[[list[Array]], Array]


def drawn(name: str, shapes: list[tuple[int, ...]], dtype: str, scales: list[float], zeros: list[int], out: tuple[float, int], compute: Compute) -> list[Array]:
    """Quantised arrays for which no element of the result is near the middle between two of its integers."""
    draw = Draw(name)
    for _ in range(1000):
        arrays = [draw.bytes(*shape, dtype=dtype) for shape in shapes]
        real = [(array.astype("float64") - zero) * scale for array, scale, zero in zip(arrays, scales, zeros, strict=True)]
        result = compute(real) / out[0]
        if not near_a_half(result).any():
            return arrays
    raise ValueError(name)


def elementwise(suite: Suite) -> None:
    """`QLinearAdd` and its kin."""
    for dtype, zeros, zero in (("uint8", [120, 100], 128), ("int8", [-3, 5], 2)):
        scales, out = [0.05, 0.03], (0.07, zero)
        number = lambda value, dtype=dtype: numpy.array(value, dtype)  # noqa: E731
        for shapes in ([(2, 8), (2, 8)], [(2, 3, 4), (4,)], [(3, 1), (1, 5)], [(2, 8), ()]):
            name = f"{dtype}_{'_'.join('x'.join(map(str, shape)) or 'one' for shape in shapes)}"
            for op, compute in (("QLinearAdd", numpy.add), ("QLinearMul", numpy.multiply)):
                a, b = drawn(f"{op} {name}", shapes, dtype, scales, zeros, out, lambda real, compute=compute: compute(*real))
                inputs = [a, f32(scales[0]), number(zeros[0]), b, f32(scales[1]), number(zeros[1]), f32(out[0]), number(zero)]
                suite.add(name, op, inputs, outputs=[dtype])
        leaky = lambda real: numpy.where(real[0] < 0, real[0] * 0.1, real[0])  # noqa: E731
        (x,) = drawn(f"leaky {dtype}", [(2, 7)], dtype, scales[:1], zeros[:1], out, leaky)
        parameters = [f32(scales[0]), number(zeros[0]), f32(out[0]), number(zero)]
        suite.add(dtype, "QLinearLeakyRelu", [x, *parameters], outputs=[dtype], constants=[1, 2, 3, 4], alpha=0.1)
        out = (1 / 256, 0 if dtype == "uint8" else -128)
        (x,) = drawn(f"sigmoid {dtype}", [(2, 7)], dtype, scales[:1], zeros[:1], out, lambda real: sigmoid(real[0]))
        parameters = [f32(scales[0]), number(zeros[0]), f32(out[0]), number(out[1])]
        suite.add(dtype, "QLinearSigmoid", [x, *parameters], outputs=[dtype], constants=[1, 2, 3, 4])
        parts = lambda real: numpy.concatenate(real, 1)  # noqa: E731
        a, b = drawn(f"concat {dtype}", [(2, 3), (2, 2)], dtype, scales, zeros, (0.07, zero), parts)
        inputs = [f32(0.07), number(zero), a, f32(scales[0]), number(zeros[0]), b, f32(scales[1]), number(zeros[1])]
        suite.add(dtype, "QLinearConcat", inputs, outputs=[dtype], constants=[0, 1, 3, 4, 6, 7], axis=1)
        condition = Draw(f"where {dtype}").ints(0, 2, 2, 5).astype("bool")
        a, b = drawn(f"where {dtype}", [(2, 5), (2, 5)], dtype, scales, zeros, (0.07, zero), lambda real: numpy.stack(real))
        inputs = [condition, a, f32(scales[0]), number(zeros[0]), b, f32(scales[1]), number(zeros[1]), f32(0.07), number(zero)]
        suite.add(dtype, "QLinearWhere", inputs, outputs=[dtype], constants=[2, 3, 5, 6, 7, 8])


def pools(suite: Suite) -> None:
    """`QLinearAveragePool`, `QLinearGlobalAveragePool`, `QLinearReduceMean`, `QLinearSoftmax`."""
    for dtype, zero in (("uint8", 120), ("int8", -3)):
        number = numpy.array(zero, dtype)
        for last in (0, 1):
            axes = (1, 2) if last else (2, 3)
            shape = (1, 6, 6, 3) if last else (1, 3, 6, 6)
            mean = lambda real, axes=axes: real[0].mean(axes)  # noqa: E731
            (x,) = drawn(f"global {dtype}{last}", [shape], dtype, [0.05], [zero], (0.03, zero), mean)
            parameters = [f32(0.05), number, f32(0.03), number]
            constants = [1, 2, 3, 4]
            suite.add(f"{dtype}_{last}", "QLinearGlobalAveragePool", [x, *parameters], outputs=[dtype], constants=constants, channels_last=last)

            def windows(real: list[Array], last: int = last) -> Array:
                view = numpy.moveaxis(real[0], -1, 1) if last else real[0]
                return view.reshape(1, 3, 3, 2, 3, 2).mean((3, 5))

            (x,) = drawn(f"average {dtype}{last}", [shape], dtype, [0.05], [zero], (0.03, zero), windows)
            suite.add(
                f"{dtype}_{last}", "QLinearAveragePool", [x, *parameters], outputs=[dtype], constants=constants,
                channels_last=last, kernel_shape=[2, 2], strides=[2, 2],
            )
        mean = lambda arrays, dtype=dtype, zero=zero: [  # noqa: E731
            (numpy.round((arrays[0].astype("float64") - zero).mean(1, keepdims=True) * 0.05 / 0.03) + zero).clip(numpy.iinfo(dtype).min, numpy.iinfo(dtype).max).astype(dtype)
        ]
        (x,) = drawn(f"mean {dtype}", [(2, 5)], dtype, [0.05], [zero], (0.03, zero), lambda real: real[0].mean(1))
        suite.add(dtype, "QLinearReduceMean", [x, f32(0.05), number, f32(0.03), number], outputs=[dtype], expected=mean, axes=[1], keepdims=1)
        out = (1 / 256, 0 if dtype == "uint8" else -128)
        (x,) = drawn(f"softmax {dtype}", [(3, 5)], dtype, [0.02], [zero], out, lambda real: softmax(real[0]))
        inputs = [x, f32(0.02), number, f32(out[0]), numpy.array(out[1], dtype)]
        suite.add(dtype, "QLinearSoftmax", inputs, outputs=[dtype], constants=[1, 2, 3, 4], axis=-1, opset=13)
        suite.add(f"{dtype}_old", "QLinearSoftmax", inputs, outputs=[dtype], constants=[1, 2, 3, 4], axis=1, opset=11)


def convolutions(suite: Suite) -> None:
    """`QLinearConv` with the channels last."""
    for last in (0, 1):
        draw = Draw(f"QLinearConv {last}")
        x = draw.bytes(1, 5, 6, 4) if last else draw.bytes(1, 4, 5, 6)
        weights, bias = draw.weights(3, 4, 3, 3), draw.ints(-500, 500, 3, dtype="int32")
        inputs = [x, f32(0.04), numpy.uint8(110), weights, draw.positive(3, low=0.01, high=0.03), numpy.zeros(3, "int8")]
        inputs += [f32(0.713), numpy.uint8(128), bias]
        suite.add(f"last_{last}", "QLinearConv", inputs, outputs=["uint8"], constants=range(1, 9), channels_last=last, pads=[1, 1, 1, 1])


def attention(suite: Suite) -> None:
    """`QAttention`, over masks and a past."""
    batch, steps, width, heads, hidden = 2, 3, 6, 2, 8

    def case(name: str, mask: Array | None = None, columns: bool = False, past: int = 0, **rest: object) -> None:
        draw = Draw(f"QAttention {name}")
        scale = draw.positive(3 * hidden, low=0.01, high=0.02) if columns else f32(0.015)
        zero = numpy.zeros(3 * hidden, "int8") if columns else numpy.array(2, "int8")
        before = draw.normal(2, batch, heads, past, hidden // heads) if past else None
        inputs = [draw.bytes(batch, steps, width), draw.weights(width, 3 * hidden), draw.normal(3 * hidden)]
        inputs += [f32(0.03), scale, mask, numpy.array(120, "uint8"), zero, before]
        outputs = ["float32", "float32"] if past else ["float32"]
        suite.add(name, "QAttention", inputs, outputs=outputs, constants=[1, 2, 3, 4, 6, 7], num_heads=heads, **rest)

    case("plain")
    case("columns", columns=True)
    case("causal", unidirectional=1)
    case("lengths", mask=numpy.array([2, 3], "int32"))
    case("past", past=2, unidirectional=1)


def blocks(suite: Suite) -> None:
    """`MatMulNBits`, `MatMulBnb4` and `GatherBlockQuantized`."""
    def packed(codes: Array, bits: int) -> Array:
        """Codes along the last axis in bytes, low bits first, filled up with zeros."""
        each = 8 // bits
        padded = numpy.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % each)])
        grouped = padded.reshape(*padded.shape[:-1], -1, each).astype("uint32")
        return (grouped << (numpy.arange(each, dtype="uint32") * bits)).sum(-1).astype("uint8")

    for bits in (2, 4, 8):
        for inner, size in ((64, 16), (40, 16), (32, 32), (96, 32)):
            for zeros in ("none", "packed", "floats"):
                for dtype in ("float32", "float16"):
                    if dtype == "float16" and (zeros == "floats" or inner != 64):
                        continue
                    name = f"{bits}_{inner}_{size}_{zeros}_{dtype}"
                    draw = Draw(f"MatMulNBits {name}")
                    outer, count = 5, -(-inner // size)
                    codes = draw.ints(0, 1 << bits, outer, count, size)
                    inputs = [draw.normal(2, 3, inner, dtype=dtype), packed(codes, bits), draw.positive(outer, count, dtype=dtype, low=0.01, high=0.1)]
                    if zeros == "packed":
                        inputs.append(packed(draw.ints(0, 1 << bits, outer, count), bits))
                    if zeros == "floats":
                        inputs.append(draw.positive(outer, count, low=1.0, high=3.0))

                    def expected(arrays: list[Array], codes: Array = codes, bits: int = bits, inner: int = inner, zeros: str = zeros) -> list[Array]:
                        zero = numpy.full(codes.shape[:2], 1 << (bits - 1), "float64")
                        if zeros == "packed":
                            each = 8 // bits
                            unpacked = (arrays[3][..., None] >> (numpy.arange(each) * bits)) & ((1 << bits) - 1)
                            zero = unpacked.reshape(arrays[3].shape[0], -1)[:, : codes.shape[1]].astype("float64")
                        if zeros == "floats":
                            zero = arrays[3].astype("float64")
                        weight = (codes - zero[..., None]) * arrays[2][..., None].astype("float64")
                        weight = weight.reshape(codes.shape[0], -1)[:, :inner]
                        return [(arrays[0].astype("float64") @ weight.T).astype(arrays[0].dtype)]

                    rest = {"K": inner, "N": outer, "bits": bits, "block_size": size, "outputs": [dtype]}
                    # onnxruntime doesn't have every form of zero points for 2 and 8 bits, so these are NumPy's.
                    by_numpy = bits == 2 or (bits == 8 and zeros == "floats")
                    suite.add(name, "MatMulNBits", inputs, constants=[1, 2, 3], expected=expected if by_numpy else None, **rest)
    draw = Draw("MatMulNBits")
    codes = draw.ints(0, 16, 5, 2, 16)
    inputs = [draw.normal(3, 32), packed(codes, 4), draw.positive(5, 2, low=0.01, high=0.1), None, None, draw.normal(5)]
    rest = {"K": 32, "N": 5, "bits": 4, "block_size": 16}
    suite.add("bias", "MatMulNBits", inputs, constants=[1, 2, 5], **rest)
    suite.add("not_constant", "MatMulNBits", inputs, **rest, symbolic=False)
    groups = draw.ints(0, 2, 32, dtype="int32")
    suite.add("groups", "MatMulNBits", [*inputs[:3], None, groups], constants=[1, 2, 4], **rest)
    # With groups onnxruntime passes over packed zero points, so these are NumPy's.
    zeros = draw.ints(0, 16, 5, 2)
    weight = (codes.reshape(5, 32) - zeros[:, groups]) * inputs[2][:, groups].astype("float64")
    expected = lambda arrays: [(arrays[0].astype("float64") @ weight.T).astype("float32")]  # noqa: E731
    grouped = [*inputs[:3], packed(zeros, 4), groups]
    suite.add("groups_zeros", "MatMulNBits", grouped, constants=[1, 2, 3, 4], expected=expected, **rest)
    for kind in (0, 1):
        for inner, size in ((64, 16), (24, 32)):
            draw = Draw(f"MatMulBnb4 {kind} {inner}")
            count = inner * 5
            inputs = [draw.normal(2, 3, inner), draw.bytes((count + 1) // 2), draw.positive(-(-count // size))]
            suite.add(f"{kind}_{inner}", "MatMulBnb4", inputs, constants=[1, 2], K=inner, N=5, block_size=size, quant_type=kind)

    for bits in (2, 4, 8):
        for zeros in (False, True):
            for dtype in ("float32", "float16"):
                draw = Draw(f"GatherBlockQuantized {bits} {zeros} {dtype}")
                table = packed(draw.ints(0, 1 << bits, 6, 64), bits)
                inputs = [table, numpy.array([[0, 5], [2, 3]]), draw.positive(6, 2, dtype=dtype)]
                if zeros:
                    inputs.append(packed(draw.ints(0, 1 << bits, 6, 2), bits))
                suite.add(
                    f"{bits}{'_zeros' * zeros}_{dtype}", "GatherBlockQuantized", inputs, outputs=[dtype], constants=[0, 2, 3],
                    bits=bits, block_size=32, gather_axis=0, quantize_axis=1,
                )


def recurrent(suite: Suite) -> None:
    """`DynamicQuantizeLSTM`. onnxruntime rounds inputs and states to 8 bits at each step, so results differ by that."""
    for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        for columns in (False, True):
            draw = Draw(f"DynamicQuantizeLSTM {direction} {columns}")
            hidden, width, steps, batch = 4, 3, 5, 2
            scale = lambda columns=columns, count=count, draw=draw: draw.positive(*((count, 4 * hidden) if columns else (count,)), low=0.004, high=0.008)  # noqa: E731
            zero = lambda columns=columns, count=count: numpy.zeros((count, 4 * hidden) if columns else (count,), "int8")  # noqa: E731
            inputs = [
                draw.normal(steps, batch, width),
                draw.weights(count, width, 4 * hidden),
                draw.weights(count, hidden, 4 * hidden),
                draw.normal(count, 8 * hidden),
                None, None, None, None,
                scale(), zero(), scale(), zero(),
            ]
            suite.add(
                f"{direction}{'_columns' * columns}", "DynamicQuantizeLSTM", inputs, outputs=["float32"] * 3,
                constants=[1, 2, 3, 8, 9, 10, 11], tolerance=(0.02, 0.02), direction=direction, hidden_size=hidden,
            )


TESTS = [linear, narrow, products, gemms, elementwise, pools, convolutions, attention, blocks, recurrent]
