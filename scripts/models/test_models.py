"""Tests of the scripts of this folder:  python scripts/models/test_models.py"""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy
import onnx
from onnx import TensorProto, helper

import beside
import page
import random_chains
import random_models
import random_nodes
import wheels
from drawing import ML_RECIPES, RECIPES
from judged import KINDS
from subjects import About, Subject, drawn_inputs, subjects, write


def model(op: str = "Neg", kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """A model of one node."""
    x, y = (helper.make_tensor_value_info(name, kind, ["n", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"])], "g", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Distances(unittest.TestCase):
    def test_it_is_relative_to_the_value_and_to_the_size_of_all(self):
        theirs = numpy.array([0.0, 2.0, 0.0, 2.0], numpy.float32)
        size = 2.0**0.5
        self.assertAlmostEqual(beside.distance(theirs + numpy.float32([0.1, 0, 0, 0]), theirs), 0.1 / size, 6)
        self.assertAlmostEqual(beside.distance(theirs + numpy.float32([0, 0.1, 0, 0]), theirs), 0.1 / (2 + size), 6)
        self.assertEqual(beside.distance(theirs, theirs), 0)

    def test_what_is_of_another_kind_is_infinitely_far(self):
        one = numpy.array([1.0])
        for ours, theirs in (
            (one, numpy.array([[1.0]])),
            (numpy.array([numpy.nan]), one),
            (numpy.array([numpy.inf]), numpy.array([-numpy.inf])),
            (numpy.array([1]), numpy.array([2])),
            (numpy.array(["a"]), numpy.array(["b"])),
            ([one], [one, one]),
        ):
            self.assertEqual(beside.distance(ours, theirs), numpy.inf, f"{ours} {theirs}")
        self.assertEqual(beside.distance(numpy.array([numpy.nan, numpy.inf]), numpy.array([numpy.nan, numpy.inf])), 0)
        self.assertEqual(beside.distance(numpy.array(["a"]), numpy.array(["a"], object)), 0)


class Verdicts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def verdict(self, ours, exact, kind: int = TensorProto.FLOAT) -> beside.Result:
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        subject = write(self.root, About("g", "n", "s"), model(kind=kind), {"x": numpy.ones((1, 2), dtype)})

        def glassbox(binary, subject, backend, precise):
            given = exact if precise else ours
            if isinstance(given, Exception):
                raise given
            return {"y": numpy.array([given])}

        with mock.patch.object(beside, "of_glassbox", glassbox):
            return beside.judge(Path("glassbox"), subject, "cpu")

    def test_every_verdict(self):
        refused = beside.Refusal("no such op")
        for ours, exact, expected in (
            ([-1.0, -1.00001], None, "agrees"),
            ([-1.0, -1.01], [-1.0, -1.009], "nearer"),
            ([-1.0, -1.01], [-1.0, -1.001], "differs"),
            ([-1.0, -1.01], refused, "differs"),
            (refused, None, "refused"),
        ):
            self.assertEqual(self.verdict(ours, exact).verdict, expected, f"{ours} {exact}")
        half = TensorProto.FLOAT16
        self.assertEqual(self.verdict([-1.0, -1.003], [-1.0, -1.0], half).verdict, "rounds")
        self.assertEqual(self.verdict([-1.0, -1.03], [-1.0, -1.0], half).verdict, "differs")

    def test_what_only_one_side_runs(self):
        subject = write(self.root, About("g", "n", "s"), model("NoSuchOp"), {"x": numpy.ones((1, 2), numpy.float32)})
        with mock.patch.object(beside, "of_glassbox", lambda *_, **__: {"y": numpy.ones(2)}):
            self.assertEqual(beside.judge(Path("glassbox"), subject, "cpu").verdict, "alone")

    def test_a_process_that_dies_is_a_refusal(self):
        subject = write(self.root, About("g", "n", "s"), model(), {"x": numpy.ones((1, 2), numpy.float32)})
        with mock.patch.object(beside, "directly_of_onnxruntime", lambda *_: __import__("os").abort()):
            with self.assertRaisesRegex(beside.Refusal, "signal 6"):
                beside.of_onnxruntime(subject, {}, False)


class Subjects(unittest.TestCase):
    def test_inputs_are_the_same_at_every_draw_and_have_the_sizes_that_are_told(self):
        first, again = (drawn_inputs(model(), {"n": 5}, {}, 2)["x"] for _ in range(2))
        self.assertEqual(first.shape, (5, 2))
        self.assertTrue((first == again).all())

    def test_what_is_written_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), About("g", "n", "s"), model(), {"x": numpy.ones((1, 2))})
            self.assertEqual([subject.about for subject in subjects(Path(folder))], [About("g", "n", "s")])
            self.assertIsInstance(subjects(Path(folder))[0], Subject)

    def test_titles_of_models_are_short(self):
        self.assertEqual(wheels.title("onnx-asr", "onnx_asr/preprocessors/data/kaldi.onnx"), "onnx-asr.kaldi")


class RandomModels(unittest.TestCase):
    def test_every_op_is_drawn_and_is_what_the_checker_takes(self):
        for domain, table in (("", RECIPES), (random_nodes.ML, ML_RECIPES)):
            for number in range(2 * len(table)):
                self.one(number, domain, sorted(table))

    def one(self, number: int, domain: str, ops: list[str]):
        with self.subTest(domain=domain, number=number):
            drawn, opset = random_nodes.draw(7, number, domain)
            built, given = random_nodes.model_of(drawn, opset, number % 2 == 0, domain)
            for value in built.graph.output:
                # The checker wants types, which are left to whoever runs it where nothing infers them.
                if value.type.HasField("sequence_type"):
                    continue
                value.type.tensor_type.elem_type = value.type.tensor_type.elem_type or TensorProto.FLOAT
                value.type.tensor_type.shape.SetInParent()
            onnx.checker.check_model(built)
            again, _ = random_nodes.draw(7, number, domain)
            self.assertEqual(drawn.op, ops[number % len(ops)])
            self.assertEqual(repr(drawn.attributes), repr(again.attributes))
            self.assertEqual(set(given), {value.name for value in built.graph.input})

    def test_chains_are_the_same_again_and_read_what_nodes_gave(self):
        linked = 0
        for number in range(12):
            made, again = random_chains.made(7, number), random_chains.made(7, number)
            self.assertEqual(made.model.SerializeToString(deterministic=True), again.model.SerializeToString(deterministic=True))
            for value in made.model.graph.output:
                # Of outputs the dtype is told alone.
                value.type.tensor_type.shape.SetInParent()
            onnx.checker.check_model(made.model)
            self.assertEqual(set(made.given), {value.name for value in made.model.graph.input})
            self.assertEqual([part.op for part in made.parts], made.op.split(" > "))
            results = {name for node in made.model.graph.node if node.op_type != "Constant" for name in node.output}
            linked += any(name in results for node in made.model.graph.node for name in node.input)
        self.assertGreater(linked, 6)

    def test_what_is_far_off_is_cleared_by_f64_for_single_nodes_alone(self):
        ours, exact = ({"y": numpy.array([value], dtype)} for value, dtype in ((1.001, "float32"), (1.0, "float64")))
        for theirs, coarse, verdict in ((1.01, 0.05, "same"), (1.5, 0.05, "differs"), (1.5, numpy.inf, "same"), (1.0, 0.05, "differs")):
            other = {"y": numpy.array([theirs], "float32")}
            self.assertEqual(random_models.held(ours, other, lambda: exact, coarse), verdict, f"{theirs} {coarse}")

    def test_maps_are_held_by_their_keys(self):
        ours = [{b"b": numpy.float32(2), b"a": numpy.float32(1)}]
        self.assertEqual(beside.distance(ours, [{"a": 1.0, "b": 2.0}]), 0)
        self.assertEqual(beside.distance(ours, [{"a": 1.0, "c": 2.0}]), numpy.inf)
        self.assertEqual(beside.distance(ours, [{"a": 2.0, "b": 1.0}]), beside.distance(numpy.float32([1, 2]), numpy.float64([2, 1])))

    def test_every_kind_says_who_is_right(self):
        for kind in KINDS:
            self.assertIn(kind.right, ("ours", "onnxruntime", "evaluator", "nobody"))


class Page(unittest.TestCase):
    def test_a_row_of_each_verdict(self):
        row = {"name": "n", "source": "s", "nodes": 3, "off": 2e-5, "own": 0.0, "ours_f64": None, "theirs_f64": None}
        lines = list(page.table([{**row, "verdict": "agrees", "reason": ""}, {**row, "verdict": "differs", "reason": "a|b"}]))
        self.assertEqual(lines[2], "| n | s | 3 | agrees | 2e-05 | 0 |  |")
        self.assertIn("**differs**", lines[3])
        self.assertIn("a\\|b", lines[3])


if __name__ == "__main__":
    unittest.main()
