#!/usr/bin/env python3
"""Runs random single nodes of ONNX beside onnxruntime and onnx's reference evaluator, and sorts what disagrees.

`random_models.py OUT --binary GLASSBOX`: model number N of seed S is the same wherever it is drawn. Opsets are from 7 to the
newest, dtypes those that the op's schema allows. Each model is run by Glassbox (`cpu`), by onnxruntime without optimisations
in a process that may die, and by the evaluator. Where Glassbox differs from either by more than rounding, it runs the model
in f64 too, which clears the one that is nearer. What is left is a disagreement: it belongs to a kind of `judged.py`, which
says who is right by the specification, or is an error. `--page FILE` writes the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import onnx
from onnx import ModelProto, helper, numpy_helper

import drawing_layers  # noqa: F401: it enters its recipes.
from beside import Refusal, directly_of_onnxruntime, distance, of_evaluator, of_glassbox
from drawing import RECIPES, Drawn, Random
from judged import explained
from subjects import About, Subject, write

OPSETS = range(7, onnx.defs.onnx_opset_version() + 1)
BARS = {"float16": 4e-3}
"""By how much two roundings of the same may differ, by dtype; else `BAR`. Of f16 it is eight units in the last place: onnxruntime
rounds once at the end where the model says that each step is rounded."""
BAR = 1e-4
TRIES = 200


@dataclass
class Outcome:
    """What came out for one model."""

    number: int
    op: str
    opset: int
    types: str
    ours: str
    """`ran` or why not."""
    onnxruntime: str
    """`same`, `differs`, or why it doesn't run it."""
    evaluator: str
    options: str

    @property
    def agrees(self) -> bool:
        """Whether nothing is to be explained."""
        if self.ours != "ran":
            return self.onnxruntime not in ("ran",) and self.evaluator not in ("ran",)
        return "differs" not in (self.onnxruntime, self.evaluator)


def allowed(drawn: Drawn, schema: onnx.defs.OpSchema) -> bool:
    """Whether the schema has these dtypes."""
    constraints = {held.type_param_str: held.allowed_type_strs for held in schema.type_constraints}
    chosen: dict[str, str] = {}
    for place, array in enumerate(drawn.inputs):
        if array is None:
            continue
        declared = schema.inputs[min(place, len(schema.inputs) - 1)]
        dtype = helper.tensor_dtype_to_string(helper.np_dtype_to_tensor_dtype(array.dtype))
        kind = f"tensor({dtype.removeprefix('TensorProto.').lower()})"
        if kind not in constraints.get(declared.type_str, [declared.type_str]):
            return False
        single = declared.option != onnx.defs.OpSchema.FormalParameterOption.Variadic or declared.is_homogeneous
        if single and chosen.setdefault(declared.type_str, kind) != kind and declared.type_str in constraints:
            return False
    return all(name in schema.attributes for name in drawn.attributes)


def draw(seed: int, number: int) -> tuple[Drawn, int]:
    """The model of this number: a node, and an opset."""
    # Ops take turns, so that few of them are left out.
    ops = sorted(RECIPES)
    op = ops[number % len(ops)]
    since, make = RECIPES[op]
    for attempt in range(TRIES):
        first = Random([seed, number, attempt], 0)
        opset = int(first.of.choice([held for held in OPSETS if held >= since]))
        random = Random([seed, number, attempt, 1], opset)
        try:
            schema = onnx.defs.get_schema(op, opset, "")
        except onnx.defs.SchemaError:
            continue
        drawn = make(random)
        if not schema.deprecated and allowed(drawn, schema):
            return drawn, opset
    raise ValueError(f"{op}: no node that its schema allows in {TRIES} tries")


def model_of(drawn: Drawn, opset: int, symbols: bool) -> tuple[ModelProto, dict[str, numpy.ndarray]]:
    """A model of one node; the sizes of its inputs are told, or are symbols."""
    names = ["" if array is None else f"x{place}" for place, array in enumerate(drawn.inputs)]
    while names and not names[-1]:
        names.pop()
    outputs = [f"y{place}" for place in range(drawn.outputs)]
    node = helper.make_node(drawn.op, names, outputs, name="node", **drawn.attributes)
    inputs, fixed, given = [], [], {}
    for place, array in enumerate(drawn.inputs):
        if array is None:
            continue
        if place in drawn.fixed:
            fixed.append(numpy_helper.from_array(array, f"x{place}"))
            continue
        shape = [f"d{place}_{axis}" for axis in range(array.ndim)] if symbols else array.shape
        inputs.append(helper.make_tensor_value_info(f"x{place}", helper.np_dtype_to_tensor_dtype(array.dtype), shape))
        given[f"x{place}"] = array
    # Types of outputs are inferred; where they can't be, the model is one that says nothing.
    declared = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([node], "random", inputs, declared, fixed)
    version = helper.find_min_ir_version_for([helper.make_opsetid("", opset)], ignore_unknown=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)
    return with_types(model), given


def with_types(model: ModelProto) -> ModelProto:
    """The model with the dtypes of its outputs, without their sizes."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:  # noqa: BLE001: the checks of whoever runs it say what is wrong.
        return model
    for to, known in zip(model.graph.output, inferred.graph.output, strict=True):
        if known.type.tensor_type.elem_type:
            to.type.tensor_type.elem_type = known.type.tensor_type.elem_type
    return model


def onnxruntimes(folders: list[Path], results: Any) -> None:
    """Runs models one after the other, and tells of each."""
    for folder in folders:
        subject = Subject(folder, About("random", folder.name, ""))
        results.put((folder.name, "began", None))
        held = numpy.load(subject.inputs)
        try:
            given = directly_of_onnxruntime(subject, {name: held[name] for name in held.files}, False)
            results.put((folder.name, "ran", given))
        except Refusal as error:
            results.put((folder.name, str(error), None))
    results.put(None)


def all_of_onnxruntime(folders: list[Path]) -> dict[str, tuple[str, dict[str, Any] | None]]:
    """What it says of each; where its process dies, that."""
    found: dict[str, tuple[str, dict[str, Any] | None]] = {}
    left = list(folders)
    while left:
        results: Any = multiprocessing.Queue()
        worker = multiprocessing.Process(target=onnxruntimes, args=(left, results))
        worker.start()
        last, ended = "", False
        while not ended:
            try:
                told = results.get(timeout=60)
            except Exception:  # noqa: BLE001: it is empty, since the process died or hangs.
                found[last] = (f"its process {'died' if not worker.is_alive() else 'hung'}", None)
                worker.kill()
                break
            if told is None:
                ended = True
            elif told[1] == "began":
                last = told[0]
            else:
                found[told[0]] = told[1:]
        worker.join()
        left = [folder for folder in left if folder.name not in found]
    return found


def far(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two answers differ by more than rounding."""
    if list(a) != list(b) and set(a) != set(b):
        return True
    for name, value in b.items():
        bar = BARS.get(str(numpy.asarray(value).dtype), BAR)
        if numpy.asarray(a[name]).dtype != numpy.asarray(value).dtype or not distance(a[name], value) <= bar:
            return True
    return False


def held(ours: dict[str, Any], other: dict[str, Any], exact: Any) -> str:
    """`same`, or `differs` where it is no matter of rounding."""
    if not far(ours, other):
        return "same"
    values = exact()
    if values is None or any(numpy.asarray(ours[name]).shape != numpy.asarray(other[name]).shape for name in other):
        return "differs"
    # Both are roundings of the same where we are nearer to it.
    near = all(distance(ours[name], values[name]) <= min(distance(other[name], values[name]), 1.0) for name in other)
    return "same" if near else "differs"


def judge(binary: Path, folder: Path, drawn: Drawn, opset: int, theirs: tuple[str, Any]) -> Outcome:
    """Runs a model on our side and by the evaluator, and compares."""
    subject = Subject(folder, About("random", folder.name, ""))
    loaded = numpy.load(subject.inputs)
    inputs = {name: loaded[name] for name in loaded.files}
    exact_values: list[Any] = []

    def exact() -> Any:
        if not exact_values:
            try:
                exact_values.append(of_glassbox(binary, subject, "reference", precise=True))
            except Refusal:
                exact_values.append(None)
        return exact_values[0]

    try:
        evaluated: Any = of_evaluator(subject, inputs)
        evaluator = "ran"
    except Refusal as error:
        evaluated, evaluator = None, str(error)
    said, answer = theirs
    try:
        ours = of_glassbox(binary, subject, "cpu", precise=False)
        state = "ran"
    except Refusal as error:
        ours, state = {}, str(error)
    if state == "ran":
        said = held(ours, answer, exact) if answer is not None else said
        evaluator = held(ours, evaluated, exact) if evaluated is not None else evaluator
    types = ", ".join("-" if array is None else f"{array.dtype}{list(array.shape)}" for array in drawn.inputs)
    return Outcome(int(folder.name), drawn.op, opset, types, state, said, evaluator, json.dumps(drawn.attributes))


def page(outcomes: list[Outcome], seed: int) -> str:
    """The table of what disagrees, and of who is right."""
    kinds: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if not outcome.agrees:
            judged = explained(outcome)
            kinds[(judged.right, judged.what) if judged else ("", "not explained")].append(outcome)
    both = sum(outcome.onnxruntime == outcome.evaluator == "same" for outcome in outcomes)
    one = sum((outcome.onnxruntime == "same") != (outcome.evaluator == "same") and outcome.agrees for outcome in outcomes)
    alone = sum(outcome.ours == "ran" and outcome.agrees and "same" not in (outcome.onnxruntime, outcome.evaluator)
                for outcome in outcomes)
    none = sum(outcome.ours != "ran" and outcome.agrees for outcome in outcomes)
    lines = [
        "# Random models beside onnxruntime and the reference evaluator",
        "",
        f"Made by `cargo xtask models random`; don't edit. {len(outcomes)} models of one node, of {len(RECIPES)} ops, of seed {seed}: opsets",
        f"{OPSETS[0]} to {OPSETS[-1]}, up to six axes, sizes of 0 among them. onnxruntime runs without optimisations; the evaluator is that of `onnx`.",
        "",
        f"- {both} give the same on all three sides;",
        f"- {one} give the same as the one of the others that runs them;",
        f"- {alone} run here alone, {none} are refused by all three;",
        f"- {sum(map(len, kinds.values()))} disagree, as the table says.",
        "",
        "| who is right | what disagrees | models | ops |",
        "| --- | --- | ---: | --- |",
    ]
    for (right, what), found in sorted(kinds.items(), key=lambda held: (-len(held[1]), held[0])):
        ops = ", ".join(f"{op} ({count})" for op, count in Counter(outcome.op for outcome in found).most_common(6))
        lines.append(f"| {right or '**?**'} | {what} | {len(found)} | {ops} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Draws, runs, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the models are written")
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only ops whose name matches this regular expression")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    made = []
    for number in range(arguments.count):
        op = sorted(RECIPES)[number % len(RECIPES)]
        if not re.search(arguments.only, op):
            continue
        drawn, opset = draw(arguments.seed, number)
        model, given = model_of(drawn, opset, symbols=number % 3 == 0)
        write(arguments.out, About("random", f"{number:05}", ""), model, given)
        made.append((arguments.out / "random" / f"{number:05}", drawn, opset))
    theirs = all_of_onnxruntime([folder for folder, _, _ in made])
    with ThreadPoolExecutor(2) as workers:
        judged = lambda held: judge(arguments.binary, *held, theirs[held[0].name])  # noqa: E731
        outcomes = list(workers.map(judged, made))
    unexplained = [outcome for outcome in outcomes if not outcome.agrees and explained(outcome) is None]
    for outcome in unexplained:
        print(f"{outcome.number} {outcome.op}-{outcome.opset} {outcome.types} {outcome.options}: ours {outcome.ours}; "
              f"onnxruntime {outcome.onnxruntime[:120]}; evaluator {outcome.evaluator[:120]}", flush=True)
    print(f"{len(outcomes)} models, {sum(not outcome.agrees for outcome in outcomes)} disagree, {len(unexplained)} not explained")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    if arguments.page:
        arguments.page.write_text(page(outcomes, arguments.seed))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
