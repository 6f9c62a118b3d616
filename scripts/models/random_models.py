#!/usr/bin/env python3
"""Runs random models of ONNX beside onnxruntime and onnx's reference evaluator, and sorts what disagrees.

`random_models.py OUT --binary GLASSBOX`: model number N of seed S is the same wherever it is drawn. There are families: single
nodes of ONNX's own ops and of `ai.onnx.ml`, and chains of nodes. Opsets are from 7 to the
newest, dtypes those that the op's schema allows. Each model is run by Glassbox (`cpu`), by onnxruntime without optimisations
in a process that may die, and by the evaluator. Where Glassbox differs from either by more than rounding, it runs the model
in f64 too, which clears ours where it is nearer and the other isn't far off. What is left is a disagreement: it belongs to a kind of `judged.py`, which
says who is right by the specification, or is an error. `--page FILE` writes the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy

import random_chains
import random_nodes
from beside import Refusal, directly_of_onnxruntime, distance, flat, of_evaluator, of_glassbox, of_onnxruntime
from drawing import ML_RECIPES, RECIPES
from judged import explained
from random_nodes import ML, ML_OPSETS, OPSETS, Made
from subjects import About, Subject, write

BARS = {"float16": 4e-3}
"""By how much two roundings of the same may differ, by dtype; else `BAR`. Of f16 it is eight units in the last place: onnxruntime
rounds once at the end where the model says that each step is rounded."""
BAR = 1e-4
COARSE = 0.05
"""By how much rounding may be off at most, of some nodes on top of each other: what is further off is something else."""


@dataclass(frozen=True)
class Family:
    """Models of one kind."""

    made: Callable[[int, int], Made]
    """The model of a seed and a number."""
    count: int
    """How many there are unless it is said."""
    said: str
    """What the page says of them."""
    op: Callable[[int], str]
    """What is known of a model's op by its number, before it is drawn."""


FAMILIES = {
    "nodes": Family(
        random_nodes.made,
        3000,
        f"models of one node, of {len(RECIPES)} ops: opsets {OPSETS[0]} to {OPSETS[-1]}, up to six axes, sizes of 0 among them",
        lambda number: sorted(RECIPES)[number % len(RECIPES)],
    ),
    "learning": Family(
        lambda seed, number: random_nodes.made(seed, number, ML),
        800,
        f"models of one node of `ai.onnx.ml`, of {len(ML_RECIPES)} ops: versions {ML_OPSETS[0]} to {ML_OPSETS[-1]} of the domain",
        lambda number: sorted(ML_RECIPES)[number % len(ML_RECIPES)],
    ),
    "chains": Family(
        random_chains.made,
        1000,
        f"models of 2 to 8 nodes of these ops, opsets {OPSETS[0]} to {OPSETS[-1]}: nodes read what others gave, constants and inputs; "
        "there are some outputs",
        lambda number: "",
    ),
}


@dataclass
class Outcome:
    """What came out for one model."""

    family: str
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


def inputs_of(subject: Subject) -> dict[str, numpy.ndarray]:
    """The inputs of a model, texts as objects."""
    held = numpy.load(subject.inputs, allow_pickle=False)
    return {name: held[name].astype(object) if held[name].dtype.kind == "U" else held[name] for name in held.files}


def onnxruntimes(folders: list[Path], results: Any) -> None:
    """Runs models one after the other, and tells of each."""
    for folder in folders:
        subject = Subject(folder, About("random", folder.name, ""))
        results.put((folder.name, "began", None))
        try:
            given = directly_of_onnxruntime(subject, inputs_of(subject), False)
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


def dtypes(value: Any) -> list[str]:
    """The dtypes of a value's arrays; texts have one, however long they are."""
    return ["texts" if array.dtype.kind in "OUS" else str(array.dtype) for array in flat(value)]


def shapes(value: Any) -> list[tuple[int, ...]]:
    """The shapes of a value's arrays."""
    return [array.shape for array in flat(value)]


def far(a: Any, b: Any) -> bool:
    """Whether two values differ by more than rounding."""
    bar = max((BARS.get(dtype, BAR) for dtype in dtypes(b)), default=BAR)
    return dtypes(a) != dtypes(b) or not distance(a, b) <= bar


def held(ours: dict[str, Any], other: dict[str, Any], exact: Any, coarse: float) -> str:
    """`same`, or `differs` where it is no matter of rounding."""
    if set(ours) != set(other):
        return "differs"
    beyond = [name for name in other if far(ours[name], other[name])]
    if not beyond:
        return "same"
    values = exact()
    if values is None or any(shapes(ours[name]) != shapes(other[name]) for name in beyond):
        return "differs"
    # Both are roundings of the same where we are nearer to it, and the other isn't far.
    errors = [(distance(ours[name], values[name]), distance(other[name], values[name])) for name in beyond]
    return "same" if all(mine <= min(theirs, 1.0) and theirs <= coarse for mine, theirs in errors) else "differs"


def judge(binary: Path, folder: Path, family: str, made: Made, theirs: tuple[str, Any], coarse: float) -> Outcome:
    """Runs a model on our side and by the evaluator, and compares."""
    subject = Subject(folder, About("random", folder.name, ""))
    inputs = inputs_of(subject)
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
        said = held(ours, answer, exact, coarse) if answer is not None else said
        evaluator = held(ours, evaluated, exact, coarse) if evaluated is not None else evaluator
    number = int(folder.name.removeprefix(f"{family}-"))
    return Outcome(family, number, made.op, made.opset, made.types, state, said, evaluator, made.options)


def blamed(binary: Path, folder: Path, made: Made, theirs: tuple[str, Any], chain: Outcome) -> Outcome:
    """What came out for the node by which a chain disagrees, where each side disagrees in one alone.

    Else the nodes are right alone, and what is off is rounding that a later one makes large, if f64 clears ours: or it is the chain.
    """
    alone = []
    for place, part in enumerate(made.parts):
        held = {key: value.astype(str) if value.dtype == object else value for key, value in part.given.items()}
        subject = write(folder / "nodes", About("random", f"{chain.family}-{place:05}", ""), part.model, held)
        try:
            given: tuple[str, Any] = ("ran", of_onnxruntime(subject, inputs_of(subject), False))
        except Refusal as error:
            given = (str(error), None)
        alone.append(judge(binary, subject.folder, chain.family, part, given, COARSE))
    sides = [side for side in ("onnxruntime", "evaluator") if getattr(chain, side) == "differs"]
    found = [next((one for one in alone if getattr(one, side) == "differs"), None) for side in sides]
    if chain.ours != "ran":
        # Where nodes run alone, one gave dims that what comes after it wasn't drawn for.
        refused = next((one for one in alone if one.ours != "ran"), None)
        found.append(refused or next((one for one in alone if not one.agrees), None))
    if None in found or not found:
        return judge(binary, folder, chain.family, made, theirs, numpy.inf)
    first = found[0]
    return replace(first, number=chain.number, options=f"{first.options} in {chain.options}")


def page(outcomes: list[Outcome], seed: int) -> str:
    """The table of what disagrees, and of who is right."""
    lines = [
        "# Random models beside onnxruntime and the reference evaluator",
        "",
        f"Made by `cargo xtask models random`; don't edit. Models of seed {seed}. onnxruntime runs without optimisations; the evaluator is",
        "that of `onnx`.",
    ]
    for name, family in FAMILIES.items():
        found = [outcome for outcome in outcomes if outcome.family == name]
        if found:
            lines += section(found, family)
    return "\n".join(lines) + "\n"


def section(outcomes: list[Outcome], family: Family) -> list[str]:
    """What came out for a family."""
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
        "",
        f"## {len(outcomes)} {family.said}",
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
    return lines


def main() -> int:
    """Draws, runs, tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="where the models are written")
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--family", choices=[*FAMILIES], help="only models of this kind")
    parser.add_argument("--first", type=int, default=0, help="the number of the first model of each kind")
    parser.add_argument("--count", type=int, help="how many models of each kind, instead of its own number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only ops whose name matches this regular expression")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    made = []
    for name, family in FAMILIES.items():
        if arguments.family not in (None, name):
            continue
        for number in range(arguments.first, arguments.first + (arguments.count or family.count)):
            if not re.search(arguments.only, family.op(number)) and family.op(number):
                continue
            model = family.made(arguments.seed, number)
            if not re.search(arguments.only, model.op):
                continue
            texts = {key: value.astype(str) if value.dtype == object else value for key, value in model.given.items()}
            about = About("random", f"{name}-{number:05}", "")
            write(arguments.out, about, model.model, texts)
            made.append((arguments.out / "random" / about.name, name, model))
    theirs = all_of_onnxruntime([folder for folder, _, _ in made])
    with ThreadPoolExecutor(2) as workers:
        judged = lambda held: judge(arguments.binary, *held, theirs[held[0].name], COARSE)  # noqa: E731
        outcomes = list(workers.map(judged, made))
    for place, (folder, _, model) in enumerate(made):
        if model.parts and not outcomes[place].agrees:
            outcomes[place] = blamed(arguments.binary, folder, model, theirs[folder.name], outcomes[place])
    unexplained = [outcome for outcome in outcomes if not outcome.agrees and explained(outcome) is None]
    for outcome in unexplained:
        print(f"{outcome.family} {outcome.number} {outcome.op}-{outcome.opset} {outcome.types} {outcome.options}: ours {outcome.ours}; "
              f"onnxruntime {outcome.onnxruntime[:120]}; evaluator {outcome.evaluator[:120]}", flush=True)
    print(f"{len(outcomes)} models, {sum(not outcome.agrees for outcome in outcomes)} disagree, {len(unexplained)} not explained")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    if arguments.page:
        arguments.page.write_text(page(outcomes, arguments.seed))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
