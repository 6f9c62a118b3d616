#!/usr/bin/env python3
"""Tests of the program that takes what torch's modules give, on a checkpoint of the tests of language models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "crates/glassbox-check/python/torch_values.py"
GOLDEN = ROOT / "crates/glassbox-models/tests/golden"


class TorchValues(unittest.TestCase):
    """The program."""

    def run_program(self, **request: Any) -> tuple[Any, dict[str, Any]]:
        """Runs the program; gives how it ended and what it took, by name."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fields = {"output": str(folder / "out"), "wanted": None, "dtype": "f32", **request}
            (folder / "request.json").write_text(json.dumps(fields))
            command = [sys.executable, str(PROGRAM), str(folder / "request.json")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            index = folder / "out/index.json"
            if not index.exists():
                return done, {}
            entries = json.loads(index.read_text())["values"]
            return done, {
                entry["name"]: {**entry, "array": numpy.load(index.parent / entry["file"])} for entry in entries
            }

    def test_modules_come_under_their_paths(self) -> None:
        """The logits are those that torch gave when the checkpoint was made; layers follow from each other."""
        golden = load_file(GOLDEN / "llama/golden.safetensors")
        tokens = [golden["tokens"].tolist()]
        done, values = self.run_program(checkpoint=str(GOLDEN / "llama"), tokens=tokens)
        self.assertEqual(done.returncode, 0, done.stderr)
        numpy.testing.assert_allclose(values["logits"]["array"][0], golden["logits"], rtol=1e-4, atol=1e-5)
        numpy.testing.assert_array_equal(values["lm_head"]["array"], values["logits"]["array"])
        embedded, first = values["model.embed_tokens"]["array"], values["model.layers.0:input"]["array"]
        numpy.testing.assert_array_equal(embedded, first)
        self.assertIn("model.layers.1.mlp.down_proj", values)
        self.assertEqual(values["model.norm"]["kind"], "module")

    def test_the_dtype_of_the_checkpoint_is_kept(self) -> None:
        """bf16 comes as its bits."""
        request = {"checkpoint": str(GOLDEN / "llama"), "tokens": [[1, 2, 3]], "dtype": "checkpoint"}
        done, values = self.run_program(**request, wanted=["model.norm"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(values), ["model.norm"])
        kinds = {"f32": numpy.float32, "bf16": numpy.uint16, "f16": numpy.float16}
        self.assertEqual(values["model.norm"]["array"].dtype, kinds[values["model.norm"]["dtype"]])

    def test_what_torch_cannot_open_is_said_in_a_line(self) -> None:
        """ONNX files, folders without weights, families that transformers lacks."""
        with tempfile.TemporaryDirectory() as name:
            shutil.copy(GOLDEN / "llama/config.json", name)
            for checkpoint, said in (
                ("model.onnx", "torch reads no ONNX files"),
                (name, "no weights that transformers reads"),
                (str(GOLDEN / "rwkv7"), "transformers can't open it"),
            ):
                done, _ = self.run_program(checkpoint=checkpoint, tokens=[[1]])
                self.assertEqual(done.returncode, 1)
                self.assertIn(said, done.stderr)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main()
