#!/usr/bin/env python3
"""Runs models beside onnxruntime, and says of each whether Glassbox gives the same.

In: folders as `subjects.py` describes them. onnxruntime runs each model on one thread, once without optimisation of the
graph, which is what is held to be right, and once with all of it, which tells how much its own answers vary. Glassbox
runs it on the backend that is asked for; where an output differs by more than the bar, it runs it once more with all
floats as f64 (`--precise`), which says who is nearer.

How far an output is off is the largest |ours - theirs| / (|theirs| + s), where s is the root of the mean square of
theirs. The bar is 1e-4. Integers, strings and bools must be equal, or ours be what the run in f64 gives.

What is said of a model:

- `agrees`: every output is within the bar;
- `nearer`: those that aren't are, by their largest error, at least as near to f64 as those of onnxruntime;
- `rounds`: those that aren't are of a model with values of f16 or bf16, of which half a unit in the last place is more than the
  bar; they are off from f64 by no more than two units, or at least as near as those of onnx's reference evaluator, which
  rounds each value to the dtype that the model says, as we do; onnxruntime keeps f32 in between;
- `differs`: one isn't;
- `refused`: Glassbox doesn't run it;
- `alone`: onnxruntime doesn't run it, Glassbox does; `neither`: both refuse it.

Out: a JSON list, and a line for each model that isn't well. The status is 0 if none differs and none is refused.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from subjects import Subject, subjects

BAR = 1e-4
UNITS = {TensorProto.FLOAT16: 2.0**-10, TensorProto.BFLOAT16: 2.0**-7}
"""A unit in the last place."""
MOST_UNITS = 2
LIMIT = 900
"""How many seconds one run of Glassbox may take."""

WELL = ("agrees", "nearer", "rounds", "alone", "neither")

Value = Any
"""An array, or a list of values."""


@dataclass
class Result:
    """What came out for one model."""

    group: str
    name: str
    source: str
    verdict: str
    off: float | None = None
    """The largest distance from onnxruntime, over all outputs."""
    own: float | None = None
    """The largest distance between onnxruntime's own two runs."""
    ours_f64: float | None = None
    theirs_f64: float | None = None
    """How far both are from f64, at the output where that was asked."""
    reason: str = ""
    nodes: int = 0
    seconds: float = 0.0


class Refusal(Exception):
    """A model that a side doesn't run; the message says why."""


def of_onnxruntime(subject: Subject, inputs: dict[str, Value], optimised: bool) -> dict[str, Value]:
    """The outputs by name, from a process of its own, which may die."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def work() -> None:
        try:
            there.send(directly_of_onnxruntime(subject, inputs, optimised))
        except Refusal as error:
            there.send(error)

    worker = context.Process(target=work)
    worker.start()
    there.close()
    try:
        answer = here.recv()
    except EOFError as error:
        worker.join()
        raise Refusal(f"its process died of signal {-(worker.exitcode or 0)}") from error
    worker.join()
    if isinstance(answer, Refusal):
        raise answer
    return answer


def directly_of_onnxruntime(subject: Subject, inputs: dict[str, Value], optimised: bool) -> dict[str, Value]:
    """The same, in this process."""
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(subject.model), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        wanted = {value.name for value in session.get_inputs()}
        wanted |= {value.name for value in session.get_overridable_initializers()}
        fed = {name: value for name, value in inputs.items() if name in wanted}
        return dict(zip(names, session.run(names, fed), strict=True))
    except Exception as error:  # noqa: BLE001: its errors have no class in common.
        raise Refusal(one_line(str(error))) from error


def of_glassbox(binary: Path, subject: Subject, backend: str, precise: bool) -> dict[str, Value]:
    """The outputs by name."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(binary), "run", "--quiet", "--threads", "1", str(subject.model), "--output", folder]
        if numpy.load(subject.inputs, allow_pickle=False).files:
            command += ["--input", str(subject.inputs)]
        command += ["--precise"] if precise else ["--backend", backend]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT)
        except subprocess.TimeoutExpired as error:
            raise Refusal(f"no answer within {LIMIT} s") from error
        if done.returncode != 0:
            errors = done.stderr.decode(errors="replace").strip()
            raise Refusal(one_line(errors.replace(f"{subject.model}: ", "")) or f"status {done.returncode}")
        return saved(Path(folder))


def of_evaluator(subject: Subject, inputs: dict[str, Value]) -> dict[str, Value]:
    """The outputs of onnx's reference evaluator by name."""
    try:
        with numpy.errstate(all="ignore"):
            evaluator = ReferenceEvaluator(onnx.load(subject.model))
            return dict(zip(evaluator.output_names, evaluator.run(None, inputs), strict=True))
    except Exception as error:  # noqa: BLE001: its errors have no class in common.
        raise Refusal(one_line(f"{type(error).__name__}: {error}")) from error


def unit_of(subject: Subject) -> float:
    """A unit in the last place of the shortest floats among a model's weights and inputs; 0 where none are of sixteen bits."""
    graph = onnx.load(subject.model, load_external_data=False).graph
    kinds = {value.type.tensor_type.elem_type for value in graph.input} | {held.data_type for held in graph.initializer}
    return max((UNITS.get(kind, 0.0) for kind in kinds), default=0.0)


def saved(folder: Path) -> dict[str, Value]:
    """What `run --output` wrote, by the names of the outputs."""
    table = folder / "names.json"
    files = {file.stem: file for file in folder.iterdir() if file != table}
    if table.exists():
        files = {row["name"]: folder / row["file"] for row in json.loads(table.read_text())["outputs"]}
    return {name: read(file) for name, file in files.items()}


def read(file: Path) -> Value:
    """The value of a file."""
    if file.suffix == ".npy":
        return numpy.load(file, allow_pickle=False)
    content = file.read_bytes()
    for kind, convert in ((onnx.SequenceProto, numpy_helper.to_list), (onnx.OptionalProto, numpy_helper.to_optional)):
        message = kind()
        try:
            message.ParseFromString(content)
            return convert(message)
        except Exception:  # noqa: BLE001: the next kind may be the right one.
            continue
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def one_line(text: str) -> str:
    """An error in one line, without what is another at every run."""
    text = re.sub(r"\s+", " ", re.sub(r"/\S*/(?=[^/\s]+\.(onnx|npz))", "", text)).strip()
    return text if len(text) <= 300 else text[:300] + "…"


def flat(value: Value) -> list[numpy.ndarray]:
    """The arrays of a value, in order; of maps the keys and the values, in the order of the keys as texts."""
    if isinstance(value, dict):
        pairs = sorted((key.decode() if isinstance(key, bytes) else str(key), held) for key, held in value.items())
        return [numpy.asarray([key for key, _ in pairs], object), numpy.asarray([held for _, held in pairs])]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in flat(item)]
    return [] if value is None else [numpy.asarray(value)]


def distance(ours: Value, theirs: Value) -> float:
    """How far a value is off; infinite where it is of another kind."""
    a, b = flat(ours), flat(theirs)
    if len(a) != len(b):
        return numpy.inf
    return max((of_arrays(*pair) for pair in zip(a, b, strict=True)), default=0.0)


def is_text(array: numpy.ndarray) -> bool:
    """Whether an array holds strings."""
    return array.dtype.kind in "OUS"


def of_arrays(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """How far one array is off from another."""
    if a.shape != b.shape or is_text(a) != is_text(b):
        return numpy.inf
    if is_text(a):
        return 0.0 if (a.astype(str) == b.astype(str)).all() else numpy.inf
    if b.dtype.kind in "biu" and a.dtype.kind in "biu":
        return 0.0 if (a == b).all() else numpy.inf
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    finite = numpy.isfinite(a) & numpy.isfinite(b)
    if not numpy.array_equal(a[~finite], b[~finite], equal_nan=True):
        return numpy.inf
    a, b = a[finite], b[finite]
    if a.size == 0 or (a == b).all():
        return 0.0
    scale = numpy.abs(b) + numpy.sqrt(numpy.mean(b * b))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return float(numpy.max(numpy.where(a == b, 0.0, numpy.abs(a - b) / scale)))


def judge(binary: Path, subject: Subject, backend: str) -> Result:
    """Runs a model on both sides."""
    started = time.monotonic()
    about = subject.about
    result = Result(about.group, about.name, about.source, "agrees")
    held = numpy.load(subject.inputs, allow_pickle=False)
    inputs = {name: held[name].astype(object) if held[name].dtype.kind == "U" else held[name] for name in held.files}
    result.nodes = len(onnx.load(subject.model, load_external_data=False).graph.node)
    theirs, refusal = both_of_onnxruntime(subject, inputs, result)
    try:
        ours = of_glassbox(binary, subject, backend, precise=False)
    except Refusal as error:
        result.verdict = "refused" if theirs is not None else "neither"
        result.reason = str(error) if theirs is not None else f"{error}; onnxruntime: {refusal}"
    else:
        if theirs is None:
            result.verdict, result.reason = "alone", f"onnxruntime: {refusal}"
        else:
            hold(binary, subject, ours, theirs, result)
            if result.verdict == "differs" and unit_of(subject) and not result.reason.startswith("no output"):
                hold_rounded(binary, subject, ours, theirs, inputs, result)
    result.seconds = round(time.monotonic() - started, 2)
    return result


def both_of_onnxruntime(
    subject: Subject, inputs: dict[str, Value], result: Result
) -> tuple[dict[str, Value] | None, str]:
    """What onnxruntime gives, without optimisations where it can, or why it gives nothing."""
    runs: list[dict[str, Value]] = []
    refusal = ""
    for optimised in (False, True):
        try:
            runs.append(of_onnxruntime(subject, inputs, optimised))
        except Refusal as error:
            refusal = refusal or str(error)
    if len(runs) == 2:
        result.own = max((distance(runs[1][name], runs[0][name]) for name in runs[0]), default=0.0)
    return (runs[0], "") if runs else (None, refusal)


def hold(binary: Path, subject: Subject, ours: dict[str, Value], theirs: dict[str, Value], result: Result) -> None:
    """Compares all outputs."""
    missing = [name for name in theirs if name not in ours]
    if missing:
        result.verdict, result.reason = "differs", f"no output {', '.join(missing)}; there are {', '.join(ours)}"
        return
    offs = {name: distance(ours[name], theirs[name]) for name in theirs}
    result.off = max(offs.values(), default=0.0)
    beyond = [name for name, off in offs.items() if not off <= BAR]
    if not beyond:
        return
    try:
        exact = of_glassbox(binary, subject, "reference", precise=True)
    except Refusal as error:
        result.verdict, result.reason = "differs", f"{', '.join(beyond)}; in f64: {error}"
        return
    result.verdict = "nearer"
    result.ours_f64 = result.theirs_f64 = 0.0
    for name in beyond:
        mine, other = distance(ours[name], exact[name]), distance(theirs[name], exact[name])
        if mine >= result.ours_f64:
            result.ours_f64, result.theirs_f64 = mine, other
        if not mine <= other or mine == numpy.inf:
            result.verdict = "differs"
            result.reason = f"`{name}`: {described(ours[name])}, expected {described(theirs[name])}"
            result.ours_f64, result.theirs_f64 = mine, other
            return


def hold_rounded(
    binary: Path,
    subject: Subject,
    ours: dict[str, Value],
    theirs: dict[str, Value],
    inputs: dict[str, Value],
    result: Result,
) -> None:
    """Compares outputs that are off with those of an evaluator that rounds where the model says."""
    exact = of_glassbox(binary, subject, "reference", precise=True)
    rounded, said = None, f"within {MOST_UNITS} units in the last place"
    beyond = [name for name in theirs if not distance(ours[name], theirs[name]) <= BAR]
    errors = {name: (distance(ours[name], exact[name]), distance(theirs[name], exact[name])) for name in beyond}
    left = [
        name
        for name, (mine, other) in errors.items()
        if mine > max(other, MOST_UNITS * unit_of(subject))
    ]
    if left:
        try:
            rounded = of_evaluator(subject, inputs)
        except Refusal as error:
            result.reason = f"{result.reason}; {error}"
            return
        if any(not errors[name][0] <= distance(rounded[name], exact[name]) < numpy.inf for name in left):
            return
        said = f"the reference evaluator {max(distance(rounded[name], exact[name]) for name in left):.1e}"
    result.verdict = "rounds"
    result.ours_f64 = max(mine for mine, _ in errors.values())
    result.theirs_f64 = max(other for _, other in errors.values())
    result.reason = said


def described(value: Value) -> str:
    """The types of a value's arrays."""
    arrays = flat(value)
    text = ", ".join(f"{array.dtype}{list(array.shape)}" for array in arrays[:3])
    return text + (f" and {len(arrays) - 3} more" if len(arrays) > 3 else "")


def main() -> int:
    """Runs all and writes what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="the folder of the subjects")
    parser.add_argument("--binary", type=Path, required=True, help="the glassbox to run")
    parser.add_argument("--backend", default="cpu", help="what Glassbox runs them on")
    parser.add_argument("--out", type=Path, help="where to write the results")
    parser.add_argument("--only", default="", help="only those whose group/name matches this regular expression")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    arguments = parser.parse_args()
    os.environ["GLASSBOX_THREADS"] = "1"
    chosen = [
        subject
        for subject in subjects(arguments.root)
        if re.search(arguments.only, f"{subject.about.group}/{subject.about.name}")
    ]
    results = []
    with ThreadPoolExecutor(arguments.jobs) as workers:
        for result in workers.map(lambda subject: judge(arguments.binary, subject, arguments.backend), chosen):
            results.append(result)
            if result.verdict not in WELL:
                far = "" if result.ours_f64 is None else f" (f64: ours {result.ours_f64:.2g}, theirs {result.theirs_f64:.2g})"
                print(f"{result.verdict} {result.group}/{result.name}: {result.off} {result.reason}{far}", flush=True)
    counts = {verdict: sum(result.verdict == verdict for result in results) for verdict in
              ("agrees", "nearer", "rounds", "alone", "differs", "refused", "neither")}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count), f"of {len(results)}")
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(result) for result in results], indent=1))
    return 0 if all(result.verdict in WELL for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
