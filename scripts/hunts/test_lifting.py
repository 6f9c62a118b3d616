#!/usr/bin/env python3
"""Tests of `onnx_lifting.py`: large initializers stay in their file, and everything else is parsed as it is."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper, numpy_helper

import sides

sys.path.append(str(sides.VALUES.parent))

import onnx_lifting

KNOWN = {TensorProto.FLOAT: "f32", TensorProto.BFLOAT16: "bf16", TensorProto.INT64: "i64"}
"""The dtypes that are lifted here; 8-bit integers aren't."""

ROWS = onnx_lifting.LIFTED // 4 + 3
"""Rows of one f32 that are more bytes than stay in the model."""

RANDOM = numpy.random.default_rng(1)


def values(*shape: int) -> Any:
    """Arbitrary numbers."""
    return RANDOM.standard_normal(shape).astype(numpy.float32)


def model_of(*initializers: TensorProto, x: str = "large") -> ModelProto:
    """A model that adds 1 to an initializer, and has others that nothing reads."""
    one = numpy_helper.from_array(numpy.ones(1, dtype=numpy.float32), "one")
    node = helper.make_node("Add", [x, "one"], ["y"], name="add")
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "lifted", [], [output], [one, *initializers])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Lifting(unittest.TestCase):
    """What is taken out of a model, and what stays."""

    def setUp(self) -> None:
        """A folder for each test."""
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.path = Path(self.scratch.name) / "model.onnx"

    def load(self, content: bytes | ModelProto) -> tuple[ModelProto, dict[str, tuple[Any, int]]]:
        """What is read of a file with this content."""
        self.path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        return onnx_lifting.load(self.path, KNOWN)

    def tensors(self, model: ModelProto) -> dict[str, TensorProto]:
        """The initializers of a model, by name."""
        return {tensor.name: tensor for tensor in model.graph.initializer}

    def test_large_ones_are_views_of_the_file(self) -> None:
        """A large initializer refers to data elsewhere; all else of the model is the same."""
        large = values(ROWS, 1)
        given = model_of(numpy_helper.from_array(large, "large"), numpy_helper.from_array(values(3), "small"))
        model, weights = self.load(given)
        array, dtype = weights.pop("large")
        self.assertEqual((weights, dtype), ({}, TensorProto.FLOAT))
        numpy.testing.assert_array_equal(array, large)
        self.assertFalse(array.flags.owndata)
        found = self.tensors(model)
        self.assertEqual(found["large"].data_location, TensorProto.EXTERNAL)
        self.assertEqual(list(found["large"].dims), [ROWS, 1])
        self.assertFalse(found["large"].raw_data)
        self.assertEqual(found["small"], self.tensors(given)["small"])
        # With its data back it is the model that was saved.
        found["large"].CopyFrom(self.tensors(given)["large"])
        self.assertEqual(model, given)

    def test_the_limit_is_the_size_of_the_field(self) -> None:
        """Of a model that is large only by many small initializers nothing is taken out."""
        many = [numpy_helper.from_array(values(onnx_lifting.LIFTED // 8), f"w{place}") for place in range(4)]
        given = model_of(*many, x="w0")
        model, weights = self.load(given)
        self.assertEqual((model, weights), (given, {}))

    def test_narrow_floats_come_as_their_bits(self) -> None:
        """A dtype that NumPy lacks comes as raw integers."""
        bits = RANDOM.integers(0, 1 << 16, 2 * ROWS, dtype=numpy.uint16)
        tensor = helper.make_tensor("large", TensorProto.BFLOAT16, [2 * ROWS], bits.tobytes(), raw=True)
        _, weights = self.load(model_of(tensor))
        array, dtype = weights["large"]
        self.assertEqual((array.dtype, dtype), (numpy.uint16, TensorProto.BFLOAT16))
        numpy.testing.assert_array_equal(array, bits)

    def test_what_cannot_be_a_view_stays(self) -> None:
        """Elements that aren't raw, a dtype that isn't known, data of another length, and data elsewhere stay."""
        listed = helper.make_tensor("listed", TensorProto.FLOAT, [ROWS], values(ROWS))
        bytes_ = numpy_helper.from_array(numpy.zeros(4 * ROWS, dtype=numpy.int8), "bytes")
        short = numpy_helper.from_array(values(ROWS), "short")
        short.dims[0] += 1
        odd = numpy_helper.from_array(values(ROWS), "odd")
        odd.raw_data += b"\0"
        away = numpy_helper.from_array(values(ROWS), "away")
        away.data_location = TensorProto.EXTERNAL
        given = model_of(listed, bytes_, short, odd, away, x="listed")
        model, weights = self.load(given)
        self.assertEqual((model, weights), (given, {}))

    def test_fields_that_nobody_knows_are_kept(self) -> None:
        """A field of a later version, in each of the ways in which fields end, is handed on."""
        given = model_of(numpy_helper.from_array(values(ROWS), "large")).SerializeToString()
        for ending, content in ((0, b"\x96\x01"), (1, bytes(8)), (2, b"\x03abc"), (5, bytes(4))):
            unknown = onnx_lifting.encoded(900 << 3 | ending) + content
            model, weights = self.load(given + unknown)
            self.assertEqual(list(weights), ["large"])
            self.assertIn(unknown, model.SerializeToString())

    def test_numbers_are_read_as_they_are_written(self) -> None:
        """Numbers of every length."""
        for value in (0, 1, 127, 128, 300, (1 << 14) - 1, 1 << 14, 1 << 35, (1 << 64) - 1):
            written = onnx_lifting.encoded(value)
            self.assertEqual(onnx_lifting.varint(written, 0), (value, len(written)))

    def test_a_file_that_ends_early_is_an_error(self) -> None:
        """Wherever a file is cut, it is refused or what is there is parsed; nothing goes on without end."""
        whole = model_of(numpy_helper.from_array(values(ROWS), "large")).SerializeToString()
        for end in (onnx_lifting.LIFTED, onnx_lifting.LIFTED + 1, len(whole) // 2 * 2 - 1, len(whole) - 1):
            with self.assertRaises((ValueError, IndexError, DecodeError)):
                self.load(whole[:end])

    def test_onnxruntime_gets_the_same_weights(self) -> None:
        """Values that are computed from a weight that stays in the file, all in one file."""
        large = values(ROWS)
        folder = self.path.parent
        self.path.write_bytes(model_of(numpy_helper.from_array(large, "large")).SerializeToString())
        numpy.savez(folder / "inputs.npz", allow_pickle=False)
        request = {"model": str(self.path), "inputs": str(folder / "inputs.npz"), "output": str(folder / "out")}
        request |= {"wanted": None, "optimize": "none", "threads": 1, "one_file": True}
        (folder / "request.json").write_text(json.dumps(request))
        command = [sys.executable, str(sides.VALUES), str(folder / "request.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        (entry,) = json.loads((folder / "out/index.json").read_text())["values"]
        self.assertEqual((entry["name"], entry["shape"], entry["start"] % 64), ("y", [ROWS], 0))
        found = numpy.fromfile(folder / "out" / entry["file"], numpy.float32, ROWS, offset=entry["start"])
        numpy.testing.assert_array_equal(found, large + 1)


if __name__ == "__main__":
    unittest.main()
