"""Tests of versions of ONNX's own ops of which its suite has no tests: those that newer opsets replaced."""

from __future__ import annotations

import numpy
from contrib_kit import Array, Draw, Suite
from onnx import TensorProto, helper


def batch_normalisation(suite: Suite) -> None:
    """`BatchNormalization` in training, which versions before 14 tell by the number of outputs, by NumPy."""

    def expected(spatial: bool, version: int, outputs: int) -> object:
        def of(arrays: list[Array | None]) -> list[Array]:
            x, scale, bias, mean, variance = (numpy.asarray(value, "float64") for value in arrays)
            axes = tuple(axis for axis in range(x.ndim) if axis != 1) if spatial else (0,)
            place = (1, -1, *(1,) * (x.ndim - 2)) if spatial else (1, *x.shape[1:])
            if x.ndim == 1:
                axes, place = (0,), (1,)
            now, spread = x.mean(axes), x.var(axes)
            now, spread = now.reshape(mean.shape), spread.reshape(mean.shape)
            at = lambda value: value.reshape(place)  # noqa: E731
            y = (x - at(now)) / numpy.sqrt(at(spread) + 0.0078125) * at(scale) + at(bias)
            kept = [before * 0.75 + batch * 0.25 for before, batch in ((mean, now), (variance, spread))]
            results = [y, *kept] if version >= 14 else [y, *kept, now, spread]
            return [value.astype(arrays[0].dtype) for value in results[:outputs]]

        return of

    shapes = {"images": (3, 4, 2, 5), "vectors": (6, 4), "lines": (2, 3, 7), "volumes": (2, 3, 2, 2, 3)}
    for version, most in ((1, 5), (6, 5), (7, 5), (8, 5), (9, 5), (13, 5), (14, 3), (15, 3)):
        for name, shape in shapes.items():
            for dtype in ("float32", "float64"):
                for spatial in (1, 0) if version < 9 else (1,):
                    draw = Draw(f"BatchNormalization {version} {name} {dtype} {spatial}")
                    sizes = (shape[1],) if spatial else shape[1:]
                    vector = lambda draw=draw, sizes=sizes, dtype=dtype: draw.normal(*sizes, dtype=dtype)  # noqa: E731
                    inputs = [draw.normal(*shape, dtype=dtype), vector(), vector(), vector(), draw.positive(*sizes, dtype=dtype)]
                    rest = {"epsilon": 0.0078125, "momentum": 0.75}
                    rest.update({"spatial": spatial} if version < 9 else {})
                    rest.update({"training_mode": 1} if version >= 14 else {})
                    rest.update({"consumed_inputs": [0, 0, 0, 1, 1]} if version == 1 else {})
                    suite.add(
                        f"{version}_{name}_{dtype}{'' if spatial else '_each'}", "BatchNormalization", inputs, domain="",
                        outputs=[dtype] * most, expected=expected(bool(spatial), version, most), version=version,
                        symbolic=False, **rest,
                    )
    draw = Draw("BatchNormalization one")
    vector = [draw.normal(7), *(draw.positive(1) for _ in range(4))]
    rest = {"epsilon": 0.0078125, "momentum": 0.75, "domain": "", "symbolic": False}
    suite.add("9_vector", "BatchNormalization", vector, outputs=["float32"] * 5, expected=expected(True, 9, 5), version=9, **rest)
    images = [draw.normal(2, 3, 4), *(draw.positive(3) for _ in range(4))]
    of = expected(True, 9, 5)
    suite.add(
        "9_some", "BatchNormalization", images, outputs=["float32", "", "float32", "", "float32"], version=9,
        expected=lambda arrays: [of(arrays)[at] for at in (0, 2, 4)], **rest,
    )
    suite.add("6_one_output", "BatchNormalization", images, version=6, expected=expected(True, 6, 1), **rest)


def scans(suite: Suite) -> None:
    """`Scan` of opset 8, which has batches whose rows may differ in length; onnxruntime's."""
    state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("sum", "next", "each")]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    more = helper.make_tensor_value_info("z", TensorProto.FLOAT, [2])
    nodes = [helper.make_node("Add", ["sum", "x"], ["next"]), helper.make_node("Mul", ["next", "x"], ["each"])]
    body = helper.make_graph(nodes, "body", [state[0], given], [state[1], state[2]])
    two = [helper.make_node("Add", ["sum", "x"], ["t"]), helper.make_node("Sub", ["t", "z"], ["next"]), helper.make_node("Mul", ["t", "z"], ["each"])]
    wide = helper.make_graph(two, "body", [state[0], given, more], [state[1], state[2]])
    draw = Draw("Scan 8")
    first, x, z = draw.normal(3, 2), draw.normal(3, 5, 2), draw.normal(3, 5, 2)
    rest = {"domain": "", "version": 8, "outputs": ["float32", "float32"], "symbolic": False}
    for name, lengths in {"whole": None, "equal": [5, 5, 5], "ragged": [5, 2, 1]}.items():
        given_lengths = None if lengths is None else numpy.array(lengths, "int64")
        suite.add(f"8_{name}", "Scan", [given_lengths, first, x], body=body, num_scan_inputs=1, **rest)
        suite.add(f"8_{name}_two", "Scan", [given_lengths, first, x, z], body=wide, num_scan_inputs=2, **rest)
    reverse = {"body": wide, "num_scan_inputs": 2, "directions": [1, 0]}
    suite.add("8_reverse", "Scan", [None, first, x, z], **reverse, **rest)
    suite.add("8_reverse_equal", "Scan", [numpy.array([5, 5, 5]), first, x, z], **reverse, **rest)


TESTS = [batch_normalisation, scans]
