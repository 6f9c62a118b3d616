#!/usr/bin/env python3
"""Tests of the faults, the other sides, the judge and the program that takes values out of onnxruntime."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from random import Random
from typing import Any

import numpy
import onnx
import onnxruntime
from onnx import ModelProto, TensorProto, helper, numpy_helper

import faults
import judge
import overflow
import sides
from graphs import Place, bodies, copy_of, find_constant, places, spread

HERE = Path(__file__).resolve().parent
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def initializer(name: str, values: Any, dtype: Any = numpy.float32) -> TensorProto:
    """A constant."""
    return numpy_helper.from_array(numpy.array(values, dtype=dtype), name)


def info(name: str, dtype: int, dims: Any) -> onnx.ValueInfoProto:
    """A declaration."""
    return helper.make_tensor_value_info(name, dtype, dims)


def model_of(graph: onnx.GraphProto, opset: int = 17) -> ModelProto:
    """A model, checked."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def branchy() -> ModelProto:
    """A loop with a branch in it, and a name of the outer graph that both read."""
    grown = helper.make_graph(
        [helper.make_node("Mul", ["state", "factor"], ["larger"], name="grow")],
        "grown",
        [],
        [info("larger", FLOAT, [2])],
    )
    shrunk = helper.make_graph(
        [helper.make_node("Sub", ["state", "factor"], ["smaller"], name="shrink")],
        "shrunk",
        [],
        [info("smaller", FLOAT, [2])],
    )
    body = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["state"], ["total"], name="sum", keepdims=0),
            helper.make_node("Less", ["total", "limit"], ["is_small"], name="less"),
            helper.make_node("If", ["is_small"], ["next"], name="if", then_branch=grown, else_branch=shrunk),
            helper.make_node("Identity", ["on"], ["still_on"], name="keep"),
        ],
        "body",
        [info("turn", INT64, []), info("on", BOOL, []), info("state", FLOAT, [2])],
        [info("still_on", BOOL, []), info("next", FLOAT, [2])],
    )
    nodes = [
        helper.make_node("Tanh", ["x"], ["start"], name="tanh"),
        helper.make_node("Loop", ["turns", "", "start"], ["last"], name="loop", body=body),
        helper.make_node("Mul", ["last", "scale"], ["y"], name="scaled"),
    ]
    constants = [
        initializer("turns", 5, numpy.int64),
        initializer("factor", [3, 2]),
        initializer("limit", 4),
        initializer("scale", 0.5),
    ]
    return model_of(helper.make_graph(nodes, "branchy", [info("x", FLOAT, [2])], [info("y", FLOAT, [2])], constants))


def run(model: ModelProto, inputs: dict[str, Any]) -> list[Any]:
    """A model's outputs, in order."""
    options = sides.session_options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    return list(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs))


X = {"x": numpy.array([0.9, -0.4], dtype=numpy.float32)}


def branchy_by_hand() -> list[dict[str, Any]]:
    """What each turn of the loop computes, in NumPy."""
    state, turns = numpy.tanh(X["x"]), []
    for _ in range(5):
        total = state.sum()
        factor = numpy.array([3, 2], dtype=numpy.float32)
        following = state * factor if total < 4 else state - factor
        turns.append({"total": total, "next": following, "larger" if total < 4 else "smaller": following})
        state = following
    return turns


class Values(unittest.TestCase):
    """The program that takes values out of onnxruntime."""

    def take(self, model: ModelProto, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Runs the program; gives the index, its values with their arrays."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            onnx.save(model, folder / "model.onnx")
            numpy.savez(folder / "inputs.npz", allow_pickle=False, **inputs)
            request = {"model": str(folder / "model.onnx"), "inputs": str(folder / "inputs.npz")}
            request |= {"output": str(folder / "out"), "wanted": None, "optimize": "none", "threads": 1, **more}
            (folder / "request.json").write_text(json.dumps(request))
            command = [sys.executable, str(sides.VALUES), str(folder / "request.json")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            index = json.loads((folder / "out/index.json").read_text())
            for entry in index["values"]:
                entry["array"] = numpy.load(folder / "out" / entry["file"])
                self.assertEqual(entry["shape"], list(entry["array"].shape))
            return index

    def test_values_in_bodies_come_turn_by_turn(self) -> None:
        """Loop and If: each value as often as it was computed, with the turn."""
        index = self.take(branchy(), X)
        by_hand = branchy_by_hand()
        self.assertTrue({"larger", "smaller"} <= {name for turn in by_hand for name in turn})
        expected = [(name, [turn]) for turn, values in enumerate(by_hand) for name in values]
        found = [(entry["name"], entry["turns"]) for entry in index["values"] if entry["name"] in ("total", "next")]
        found += [
            (entry["name"], entry["turns"]) for entry in index["values"] if entry["name"] in ("larger", "smaller")
        ]
        self.assertCountEqual(found, expected)
        for entry in index["values"]:
            if "turns" in entry and entry["name"] in by_hand[entry["turns"][0]]:
                wanted = by_hand[entry["turns"][0]][entry["name"]]
                # Sums and differences cancel; the states are of size 10.
                numpy.testing.assert_allclose(entry["array"], wanted, rtol=1e-6, atol=1e-5)

    def test_a_little_memory_takes_more_runs_and_gives_the_same(self) -> None:
        """Groups of values that fit the memory."""
        whole, parts = self.take(branchy(), X), self.take(branchy(), X, memory=1)
        names = [(entry["name"], entry.get("turns")) for entry in whole["values"]]
        self.assertEqual(names, [(entry["name"], entry.get("turns")) for entry in parts["values"]])
        for one, other in zip(whole["values"], parts["values"], strict=True):
            numpy.testing.assert_array_equal(one["array"], other["array"])

    def test_narrow_floats_come_as_their_bits(self) -> None:
        """bf16, which NumPy lacks."""
        nodes = [
            helper.make_node("Cast", ["x"], ["narrow"], name="narrow", to=TensorProto.BFLOAT16),
            helper.make_node("Cast", ["narrow"], ["y"], name="wide", to=FLOAT),
        ]
        graph = helper.make_graph(nodes, "narrow", [info("x", FLOAT, [2])], [info("y", FLOAT, [2])])
        narrow = self.take(model_of(graph), X)["values"][0]
        self.assertEqual((narrow["name"], narrow["dtype"], narrow["array"].dtype), ("narrow", "bf16", numpy.uint16))
        exact = (narrow["array"].astype(numpy.uint32) << 16).view(numpy.float32)
        numpy.testing.assert_allclose(exact, X["x"], rtol=2**-8)

    def test_functions_are_looked_into_under_the_names_of_calls(self) -> None:
        """`CALL/NAME`, with the attributes of the call."""
        inner = helper.make_node("LeakyRelu", ["v"], ["w"], name="leaky")
        inner.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
        nodes = [inner, helper.make_node("Neg", ["w"], ["z"])]
        imports = [helper.make_opsetid("", 17)]
        function = helper.make_function("own", "leak", ["v"], ["z"], nodes, imports, ["slope"])
        calls = [
            helper.make_node("leak", ["x"], ["a"], name="first", domain="own", slope=0.5),
            helper.make_node("leak", ["a"], ["y"], domain="own", slope=0.25),
        ]
        graph = helper.make_graph(calls, "calls", [info("x", FLOAT, [2])], [info("y", FLOAT, [2])])
        imports.append(helper.make_opsetid("own", 1))
        model = helper.make_model(graph, opset_imports=imports, functions=[function], ir_version=9)
        values = {entry["name"]: entry["array"] for entry in self.take(model, X)["values"]}
        self.assertEqual(list(values), ["first/w", "a", "y/w", "y"])
        leaked = numpy.where(X["x"] > 0, X["x"], 0.5 * X["x"])
        numpy.testing.assert_allclose(values["first/w"], leaked)
        numpy.testing.assert_allclose(values["y/w"], numpy.where(-leaked > 0, -leaked, -0.25 * leaked))

    def test_external_data_stays_where_it_is(self) -> None:
        """Weights in another file, some of which the program never reads itself."""
        with tempfile.TemporaryDirectory() as name:
            weight = numpy.arange(20000, dtype=numpy.float32).reshape(2, 10000) / 20000
            graph = helper.make_graph(
                [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
                "external",
                [info("x", FLOAT, [2])],
                [info("y", FLOAT, [10000])],
                [initializer("w", weight)],
            )
            folder = Path(name)
            path = folder / "model.onnx"
            onnx.save(model_of(graph), path, save_as_external_data=True, location="w.bin", size_threshold=0)
            numpy.savez(folder / "inputs.npz", allow_pickle=False, **X)
            good = sides.Good(path, folder / "inputs.npz", folder)
            taken = sides.taken(good)
            # Products below one, which may be added with one rounding or two.
            exact = X["x"].astype("float64") @ weight.astype("float64")
            rounding = 2 * numpy.finfo(numpy.float32).eps
            numpy.testing.assert_allclose(numpy.load(taken / "00000.npy"), exact, rtol=0, atol=rounding)

    def test_what_is_missing_is_said(self) -> None:
        """A name that no node gives, and an input without values."""
        index = self.take(branchy(), X, wanted=["start", "nothing"])
        self.assertEqual([entry["name"] for entry in index["values"]], ["start"])
        self.assertEqual([left["name"] for left in index["not_taken"]], ["nothing"])


class Sides(unittest.TestCase):
    """Other sides."""

    def test_another_name_for_everything_computes_the_same(self) -> None:
        """Bodies and captured names included; no name but the inputs' is left."""
        model, renamed = branchy(), branchy()
        sides.rename_all(renamed, Random(3))
        onnx.checker.check_model(renamed, full_check=True)
        numpy.testing.assert_array_equal(run(model, X)[0], run(renamed, X)[0])
        before = {name for place in places(model.graph) for name in (place.node.name, *place.node.output)}
        after = {name for place in places(renamed.graph) for name in (place.node.name, *place.node.output)}
        self.assertFalse(before & after)
        self.assertEqual(renamed.graph.input[0].name, "x")

    def test_shuffled_nodes_read_what_is_there(self) -> None:
        """Whatever the seed."""
        for seed in range(20):
            model = branchy()
            sides.rename_all(model, Random(seed))
            onnx.checker.check_model(model, full_check=True)


class Faults(unittest.TestCase):
    """Kinds of faults."""

    def site(self, model: ModelProto, name: str, seed: int = 0) -> faults.Site:
        """A node of a model, to make wrong."""
        (place,) = (place for place in places(model.graph) if place.node.name == name)
        return faults.Site(place, Path(), Random(seed))

    def test_each_kind_changes_the_node_that_it_says(self) -> None:
        """Every kind that a node of the model offers something for."""
        for kind, plant in faults.KINDS.items():
            for place in places(branchy().graph):
                model = branchy()
                edit = plant(self.site(model, place.node.name))
                if edit is not None:
                    self.assertNotEqual(model, branchy(), kind)
                    self.assertIn(place.node.name, edit.guilty)

    def test_a_constant_shows_at_all_who_read_it(self) -> None:
        """In bodies too."""
        model = branchy()
        edit = faults.constant_stale(self.site(model, "grow"))
        assert edit is not None
        self.assertCountEqual(edit.guilty, ["grow", "shrink"])

    def test_a_constant_behind_constants_shows_at_the_first_that_is_computed(self) -> None:
        """Where the other side may hold the result of the constants alone."""
        nodes = [
            helper.make_node("Transpose", ["w"], ["turned"], name="turn"),
            helper.make_node("MatMul", ["x", "turned"], ["y"], name="product"),
            helper.make_node("Relu", ["y"], ["z"], name="relu"),
        ]
        weight = initializer("w", numpy.eye(2))
        graph = helper.make_graph(nodes, "turned", [info("x", FLOAT, [2])], [info("z", FLOAT, [2])], [weight])
        self.assertEqual(spread(["turn"], graph), ["turn", "product"])
        self.assertEqual(spread(["product"], graph), ["product"])

    def test_a_factor_that_overflows_changes_nothing_in_32_bits(self) -> None:
        """And makes infinity at the node in 16."""
        nodes = [
            helper.make_node("Pow", ["x", "two"], ["square"], name="pow"),
            helper.make_node("Sqrt", ["square"], ["y"], name="root"),
        ]
        constants = [initializer("two", 2)]
        model = model_of(helper.make_graph(nodes, "p", [info("x", FLOAT, [2])], [info("y", FLOAT, [2])], constants))
        values = {"x": X["x"], "square": X["x"] ** 2}
        for whole in (False, True):
            pair = overflow.pair(copy_of(model), lambda names: values, whole, Random(1))
            assert pair is not None
            self.assertEqual(pair.edit.guilty, ["pow"])
            numpy.testing.assert_allclose(run(pair.good, X)[0], numpy.abs(X["x"]), rtol=1e-5)
            found = run(overflow.forced(pair.faulty), X)
            self.assertTrue(any(numpy.isinf(value).any() for value in found))

    def test_constants_are_found_from_inside_of_bodies(self) -> None:
        """Initializers of the outer graph; inputs of a body hide them."""
        model = branchy()
        (loop,) = (node for node in model.graph.node if node.op_type == "Loop")
        (body,) = bodies(loop)
        place = Place(body.node[0], (body, model.graph))
        self.assertIsNotNone(find_constant("factor", place.chain))
        self.assertIsNone(find_constant("state", place.chain))


class Plant(unittest.TestCase):
    """The whole of it."""

    def planted(self, folder: Path, seed: int) -> list[dict[str, Any]]:
        """Plants some faults in one model."""
        models, out = folder / "models", folder / f"out{seed}"
        if not models.exists():
            (models / "branchy").mkdir(parents=True)
            onnx.save(branchy(), models / "branchy/model.onnx")
            numpy.savez(models / "branchy/inputs.npz", allow_pickle=False, **X)
            (models / "models.json").write_text(json.dumps([{"name": "branchy"}]))
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, str(HERE / "plant.py"), str(models), str(out), "--seed", str(seed)]
        command += ["--count", "6", "--kinds", "wrong op,constant stale"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = []
        for path in sorted(out.glob("faults/*/fault.json")):
            fault = json.loads(path.read_text())
            found.append(fault)
            faulty, good = onnx.load(path.parent / "a.onnx"), branchy()
            self.assertGreater(numpy.abs(run(faulty, X)[0] - run(good, X)[0]).max(), 0)
            against = fault["command"][-1].removeprefix("onnxruntime:")
            self.assertTrue((path.parent / against).exists())
        return found

    def test_a_seed_gives_the_same_faults_again(self) -> None:
        """And another seed gives others."""
        with tempfile.TemporaryDirectory() as name:
            first, again = self.planted(Path(name), 1), self.planted(Path(name), 1)
            self.assertEqual(len(first), 6)
            self.assertEqual(first, again)
            self.assertNotEqual(first, self.planted(Path(name), 2))


class Judge(unittest.TestCase):
    """The judge, with a program that answers what it is told."""

    def judged(self, answer: str, status: int = 1) -> judge.Verdict:
        """The verdict on a fault of node `b` where the program prints this."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            program = folder / "program"
            program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\necho 'error: why' >&2\nexit {status}\n")
            os.chmod(program, stat.S_IRWXU)
            fault = {"id": "000", "model": "m", "kind": "axis", "other": "names kept", "op": "Softmax"}
            fault |= {"detail": "d", "node": ["b", "c"], "command": ["check", "a.onnx"]}
            (folder / "fault.json").write_text(json.dumps(fault))
            return judge.judge(program, folder, sys.executable, 20)

    def test_the_first_guilty_counts(self) -> None:
        """By its place among those named."""
        culprits = [{"node": name} for name in ("a", "c", "b")]
        verdict = self.judged(json.dumps({"agrees": False, "culprits": culprits}))
        self.assertEqual((verdict.rank, verdict.agrees, verdict.error), (2, False, ""))
        self.assertFalse(judge.passes([verdict]))

    def test_first_is_what_passes(self) -> None:
        """And agreeing isn't."""
        verdict = self.judged(json.dumps({"agrees": False, "culprits": [{"node": "b"}]}))
        self.assertTrue(judge.passes([verdict]))
        verdict = self.judged(json.dumps({"agrees": True, "culprits": [{"node": "b"}]}), 0)
        self.assertFalse(judge.passes([verdict]))

    def test_an_error_is_no_answer(self) -> None:
        """Whatever was printed."""
        verdict = self.judged("{}", 3)
        self.assertEqual((verdict.rank, verdict.error), (None, "status 3: error: why"))
        self.assertFalse(judge.passes([verdict]))


if __name__ == "__main__":
    unittest.main()
