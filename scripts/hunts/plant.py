#!/usr/bin/env python3
"""Plants faults in models, each to be found by `glassbox check`.

`OUT/faults/NNN/` holds a faulty model `a.onnx`, which stands for the one that somebody ported, `inputs.npz`, the
good side (`b.onnx`, `b.npz` or the folder `b`), and `fault.json`: the model, the kind of fault, the nodes that are
guilty, what was done, the kind of other side, and the arguments for `glassbox`.

Kinds of faults (`faults.py`, `overflow.py`), of other sides (`sides.py`) and models take turns, so that all occur
about equally often. A fault is drawn again unless both models run in onnxruntime, give outputs of the same shapes,
and an output differs by more than `THRESHOLD` of its largest element (`EPSILON_THRESHOLD` for a wrong epsilon), in
numbers and not only in NaN. With `--binary` the program must be able to run both, too. Nothing else decides:
whether a fault is easy to find doesn't. The same seed, models and packages give the same faults.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy
import onnxruntime
from onnx import ModelProto

import overflow
from faults import KINDS, Edit, Site
from graphs import copy_of, places, spread
from sides import AGAIN, AGAIN_SIDE, SIDES, WEIGHTS, Good, SideError, link, session_options, taken

THRESHOLD = 1e-4
"""How much of an output's largest element a fault must change."""

EPSILON_THRESHOLD = 1e-6
"""How much of it a wrong epsilon must change."""

HALF_THRESHOLD = 4e-3
"""How much of it a fault must change where outputs are 16-bit floats: a few of their last bits."""

HARMLESS = 2e-2
"""How much of it rounding to 16 bits may change."""

OVERFLOW = "f16 overflow"
TRIES = 4000
"""How many draws a fault may take."""

Arrays = dict[str, Any]


class PlantError(Exception):
    """Faults that can't be planted; the message says why."""


class Unfit(Exception):
    """A draw that is no fault, or whose models don't run."""


@dataclass
class Model:
    """A model to plant faults in, and what is known of it."""

    name: str
    folder: Path
    good: Good
    proto: ModelProto
    inputs: Arrays
    outputs: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """What is to be planted."""

    kind: str
    other: str
    model: Model


def outputs_of(path: Path, inputs: Arrays) -> Arrays | str:
    """A model's outputs in onnxruntime, by name and in order; or why there are none."""
    options = session_options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # its errors have a type for each of its status codes
        return f"onnxruntime: {str(error).splitlines()[0]}"


class Runner:
    """Runs models in a process of its own: a model that is wrong can end onnxruntime's."""

    def __init__(self) -> None:
        self.pool = self.fresh()

    def fresh(self) -> ProcessPoolExecutor:
        """A new process."""
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def run(self, path: Path, inputs: Arrays) -> Arrays:
        """A model's outputs, by name and in order."""
        try:
            found = self.pool.submit(outputs_of, path, inputs).result()
        except BrokenProcessPool as error:
            self.pool = self.fresh()
            raise Unfit("onnxruntime: the process ended") from error
        if isinstance(found, str):
            raise Unfit(found)
        return found


def load_models(folder: Path, scratch: Path, runner: Runner) -> list[Model]:
    """The models that `models.py` wrote."""
    models = []
    for row in json.loads((folder / "models.json").read_text()):
        place = folder / row["name"]
        again = place / AGAIN
        good = Good(place / "model.onnx", place / "inputs.npz", scratch, again if again.exists() else None)
        with numpy.load(good.inputs) as arrays:
            inputs = dict(arrays)
        model = Model(row["name"], place, good, good.model(), inputs)
        model.outputs = runner.run(good.path, inputs)
        models.append(model)
    return models


def difference(faulty: Arrays, good: Arrays) -> float:
    """By how much of its largest element an output differs; infinite where it is infinite."""
    largest = 0.0
    for name, ours in faulty.items():
        theirs = good[name]
        if ours.shape != theirs.shape:
            raise Unfit("an output has another shape")
        if theirs.size == 0 or theirs.dtype.kind not in "fiub":
            continue
        wanted, found = theirs.astype(numpy.float64), ours.astype(numpy.float64)
        if not numpy.isfinite(wanted).all():
            raise Unfit("the good side isn't finite")
        numbers = ~numpy.isnan(found)
        if numbers.any():
            scale = numpy.abs(wanted).max() or 1.0
            largest = max(largest, float(numpy.abs(found[numbers] - wanted[numbers]).max() / scale))
    return largest


class Planter:
    """Plants faults into folders."""

    def __init__(self, out: Path, models: list[Model], runner: Runner, binary: Path | None, seed: int) -> None:
        self.out = out
        self.runner = runner
        self.models = models
        self.binary = binary
        self.random = Random(seed)
        self.used: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.planted: set[tuple[str, str]] = set()

    def deck(self, count: int, kinds: list[str]) -> Iterator[tuple[str, str]]:
        """Kinds of faults and other sides, all pairs about equally often."""
        others = [other for other in SIDES if other != AGAIN_SIDE or any(m.good.again for m in self.models)]
        given = 0
        while True:
            pairs = [(kind, other) for kind in kinds for other in others]
            self.random.shuffle(pairs)
            for kind, other in pairs:
                if kind == OVERFLOW and other == AGAIN_SIDE:
                    continue  # what is amplified isn't what was exported
                yield kind, other
                given += 1
                if given == count:
                    return

    def plant_all(self, count: int, kinds: list[str]) -> None:
        """Plants as many faults as asked for."""
        for number, (kind, other) in enumerate(self.deck(count, kinds)):
            folder = self.out / f"{number:03}"
            fault = self.plant(folder, kind, other)
            # Few nodes offer some kinds, and each is taken once.
            for instead in self.random.sample(kinds, len(kinds)) if fault is None else []:
                fault = fault or self.plant(folder, instead, other)
            if fault is None:
                raise PlantError(f"no fault of any kind was found for the side {other!r}")
            fault = {"id": f"{number:03}", **fault}
            (folder / "fault.json").write_text(json.dumps(fault, indent=1) + "\n")
            print(f"plant: {fault['id']}: {fault['model']}, {fault['kind']}, {other}: {fault['detail']}", flush=True)

    def plant(self, folder: Path, kind: str, other: str) -> dict[str, Any] | None:
        """Draws until a fault is one; `None` where none was found."""
        for _ in range(TRIES):
            models = [m for m in self.models if other != AGAIN_SIDE or m.good.again is not None]
            least = sorted(self.random.sample(models, min(4, len(models))), key=lambda m: self.used[m.name])
            draw = Draw(kind, other, least[0])
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                fault = self.overflowing(folder, draw) if kind == OVERFLOW else self.edited(folder, draw)
            except (Unfit, SideError) as error:
                self.rejected[str(error)[:60]] += 1
                continue
            self.used[draw.model.name] += 1
            return fault
        print(f"plant: no fault of kind {kind!r} was found in {TRIES} draws", flush=True)
        return None

    def edited(self, folder: Path, draw: Draw) -> dict[str, Any]:
        """Plants a fault of `faults.py`."""
        model = draw.model
        proto = copy_of(model.proto)
        place = self.random.choice(list(places(proto.graph)))
        op = place.node.op_type
        edit = KINDS[draw.kind](Site(place, model.folder, self.random))
        if edit is None:
            raise Unfit("the node offers nothing of the kind")
        if (model.name, edit.detail + place.node.name) in self.planted:
            raise Unfit("the fault is planted already")
        self.write(folder, proto, model)
        threshold = EPSILON_THRESHOLD if draw.kind == "epsilon" else THRESHOLD
        found = self.judge(folder, model.outputs, threshold)
        against = SIDES[draw.other](model.good, folder, self.random)
        if draw.other in ("fused", AGAIN_SIDE):
            edit = replace(edit, guilty=spread(edit.guilty, proto.graph))
        self.accept(folder, against)
        self.planted.add((model.name, edit.detail + place.node.name))
        return self.fault(draw, edit, op, found, against)

    def overflowing(self, folder: Path, draw: Draw) -> dict[str, Any]:
        """Plants a fault of `overflow.py`."""
        model = draw.model
        index = taken(model.good)
        files = {entry["name"]: entry["file"] for entry in json.loads((index / "index.json").read_text())["values"]}

        def values(names: list[str]) -> Arrays:
            return {name: numpy.load(index / files[name]) for name in names if name in files}

        pair = overflow.pair(model.proto, values, self.random.random() < 0.5, self.random)
        if pair is None:
            raise Unfit("no node that could overflow")
        if (model.name, pair.edit.detail + pair.edit.guilty[0]) in self.planted:
            raise Unfit("the fault is planted already")
        base = self.out.parent / "bases" / folder.name
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir(parents=True)
        self.write(base, pair.good, model)
        self.write(folder, pair.faulty, model)
        good = Good(base / "a.onnx", model.good.inputs, model.good.scratch / folder.name)
        shutil.rmtree(good.scratch, ignore_errors=True)
        good.scratch.mkdir(parents=True)
        outputs = self.runner.run(good.path, model.inputs)
        if difference(outputs, model.outputs) > THRESHOLD:
            raise Unfit("the factor changes the outputs")
        if pair.harmless is not None:
            rounded = self.rounded(base, pair.harmless, model)
            if difference({name: rounded[name] for name in outputs}, outputs) > HARMLESS:
                raise Unfit("16 bits alone change the outputs")
        found = self.judge_overflow(base, folder, pair, outputs, model)
        against = SIDES[draw.other](good, folder, self.random)
        self.accept(folder, against)
        self.planted.add((model.name, pair.edit.detail + pair.edit.guilty[0]))
        (op,) = (node.op_type for node in pair.faulty.graph.node if node.name == pair.edit.guilty[0])
        return self.fault(draw, pair.edit, op, found, against)

    def write(self, folder: Path, proto: ModelProto, model: Model) -> None:
        """Writes a faulty model with its inputs and weights."""
        (folder / "a.onnx").write_bytes(proto.SerializeToString())
        link(model.good.inputs, folder / "inputs.npz")
        if (model.folder / WEIGHTS).exists():
            link(model.folder / WEIGHTS, folder / WEIGHTS)

    def judge(self, folder: Path, good: Arrays, threshold: float) -> float:
        """By how much the faulty model's outputs differ, if it is enough."""
        found = difference(self.runner.run(folder / "a.onnx", self.inputs_of(folder)), good)
        narrow = any(values.dtype == numpy.float16 for values in good.values())
        if not found > (max(threshold, HALF_THRESHOLD) if narrow else threshold):
            raise Unfit("the outputs are the same")
        return found

    def rounded(self, folder: Path, proto: ModelProto, model: Model) -> Arrays:
        """Every value of a model, rounded to what its dtype holds, in the order of the nodes."""
        path = folder / "forced.onnx"
        path.write_bytes(overflow.forced(proto).SerializeToString())
        return self.runner.run(path, model.inputs)

    def judge_overflow(self, base: Path, folder: Path, pair: overflow.Pair, good: Arrays, model: Model) -> float:
        """By how much the outputs differ, if the guilty node is the first whose result isn't finite."""
        self.runner.run(folder / "a.onnx", model.inputs)
        values = self.rounded(base, pair.faulty, model)
        makers = {name: node.name for node in pair.faulty.graph.node for name in node.output}
        broken = [name for name, found in values.items() if found.dtype.kind == "f" and not numpy.isfinite(found).all()]
        if not broken or makers[broken[0]] not in pair.edit.guilty:
            raise Unfit("another node overflows first, or none does")
        outputs = {name: values[name] for name in good}
        found = difference(outputs, good)
        if not found > HARMLESS and all(numpy.isfinite(output).all() for output in outputs.values()):
            raise Unfit("the outputs are the same")
        return found

    def inputs_of(self, folder: Path) -> Arrays:
        """The inputs of a fault."""
        with numpy.load(folder / "inputs.npz") as arrays:
            return dict(arrays)

    def accept(self, folder: Path, against: str) -> None:
        """Checks that the program runs both models."""
        if self.binary is None:
            return
        models = ["a.onnx", *([against] if against.endswith(".onnx") and ":" not in against else [])]
        for model in models:
            command = [str(self.binary), "run", model, "-i", "inputs.npz", "--quiet"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unfit(f"glassbox run {model}: {done.stderr.strip().splitlines()[-1:]}")

    def fault(self, draw: Draw, edit: Edit, op: str, found: float, against: str) -> dict[str, Any]:
        """What is written of a fault."""
        return {
            "model": draw.model.name,
            "kind": draw.kind,
            "node": edit.guilty[0] if len(edit.guilty) == 1 else edit.guilty,
            "op": op,
            "detail": edit.detail,
            "difference": found if numpy.isfinite(found) else "inf",
            "other": draw.other,
            "command": ["check", "a.onnx", "-i", "inputs.npz", "--against", against],
        }


def main() -> int:
    """Plants the faults; gives the exit status."""
    parser = argparse.ArgumentParser(description="Plants faults in models.")
    parser.add_argument("models", type=Path, help="what models.py wrote")
    parser.add_argument("out", type=Path, help="folder to write; its `faults` must not exist yet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--binary", type=Path, help="a glassbox that must be able to run each model")
    kinds = [*KINDS, OVERFLOW]
    parser.add_argument("--kinds", default=",".join(kinds), help="the kinds of faults, with commas between them")
    arguments = parser.parse_args()
    unknown = [kind for kind in arguments.kinds.split(",") if kind not in kinds]
    if unknown:
        print(f"plant: error: no kind is called {unknown[0]!r}; there are {', '.join(kinds)}", file=sys.stderr)
        return 1
    out = arguments.out / "faults"
    if out.exists():
        print(f"plant: error: {out} is there already", file=sys.stderr)
        return 1
    binary = arguments.binary.resolve() if arguments.binary else None
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=arguments.out) as scratch:
        runner = Runner()
        models = load_models(arguments.models.resolve(), Path(scratch).resolve(), runner)
        planter = Planter(out.resolve(), models, runner, binary, arguments.seed)
        try:
            planter.plant_all(arguments.count, arguments.kinds.split(","))
        except PlantError as error:
            print(f"plant: error: {error}", file=sys.stderr)
            return 1
    shutil.rmtree(arguments.out / "bases", ignore_errors=True)
    for reason, times in planter.rejected.most_common(12):
        print(f"plant: drawn again {times} times: {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
