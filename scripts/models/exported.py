#!/usr/bin/env python3
"""Exports models again with Glassbox, and holds what onnxruntime makes of them against what it makes of the originals.

In: folders as `subjects.py` describes them. Each model is written by `glassbox convert` in the opset that it has, and by
`glassbox simplify`; both files are checked by `onnx.checker` with shape inference, unless it finds the original wrong too or is of
another domain's ops, and run by onnxruntime without optimisation of the graph, on the same inputs. How far an output is off is told as by
`beside.py`, by the same bar; beyond it, the run of the original in f64 by Glassbox says who is nearer.

What is said of a model: `agrees`, `nearer`, `rounds` (of f16 or bf16, and off by no more than two units in the last place), `differs`; `invalid`, what the checker says; `refused`, why Glassbox doesn't write it;
`neither`, the same where onnxruntime doesn't run the original; `unrun`, why onnxruntime doesn't run what was written though it runs the original; `alone`, where it doesn't run that either.

Out: a JSON list, and a line for each model that isn't well. The status is 0 if all are well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import onnx

from beside import BAR, LIMIT, MOST_UNITS, Refusal, distance, of_glassbox, of_onnxruntime, one_line, unit_of
from subjects import Subject, subjects

WAYS = {"convert": ["convert", "--weights", "inline"], "simplify": ["simplify", "--weights", "inline"]}
WELL = ("agrees", "nearer", "rounds", "alone", "neither")

GROUPS = ("wheels", "exports")
"""What is written again; beside them lie random models."""

MAPS = "glassbox.maps"
"""The metadata that say which tables stand for lists of maps."""


@dataclass
class Result:
    """What came out for one model in one way."""

    group: str
    name: str
    way: str
    verdict: str
    off: float | None = None
    before: int = 0
    """How many nodes the original has, without those of bodies."""
    after: int = 0
    reason: str = ""


def checked(path: Path) -> str | None:
    """What the checker says against a model."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # noqa: BLE001: its errors have no class in common.
        return one_line(str(error))
    return None


def as_maps(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values of an exported model, with lists of maps where the original has them: a row of their table is one."""
    metadata = {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}
    tables = {table["name"]: table["keys"] for table in json.loads(metadata.get(MAPS, "{}")).get("outputs", [])}
    return {
        name: [dict(zip(tables[name], row, strict=True)) for row in value] if name in tables else value
        for name, value in values.items()
    }


def nodes(path: Path) -> int:
    return len(onnx.load(path, load_external_data=False).graph.node)


@dataclass(frozen=True)
class Written(Subject):
    """What was written of a subject: another model, with its inputs."""

    file: Path

    @property
    def model(self) -> Path:
        return self.file


def judge(binary: Path, subject: Subject, way: str, folder: Path) -> Result:
    about = subject.about
    result = Result(about.group, about.name, way, "agrees", before=nodes(subject.model))
    command, *rest = WAYS[way]
    target = folder / f"{about.group}.{about.name}.{way}.onnx"
    run = [str(binary), "--quiet", command, str(subject.model), str(target), "--force", *rest]
    done = subprocess.run(run, capture_output=True, check=False, timeout=LIMIT)
    held = numpy.load(subject.inputs, allow_pickle=False)
    inputs = {name: held[name].astype(object) if held[name].dtype.kind == "U" else held[name] for name in held.files}
    try:
        theirs = of_onnxruntime(subject, inputs, optimised=False)
    except Refusal as error:
        theirs = error
    if done.returncode != 0:
        result.verdict = "neither" if isinstance(theirs, Refusal) else "refused"
        result.reason = one_line(done.stderr.decode(errors="replace"))
        return result
    result.after = nodes(target)
    wrong = checked(target)
    if wrong and not checked(subject.model):
        result.verdict, result.reason = "invalid", wrong
        return result
    if isinstance(theirs, Refusal):
        result.verdict = "alone"
        return result
    try:
        ours = as_maps(target, of_onnxruntime(Written(subject.folder, about, target), inputs, optimised=False))
    except Refusal as error:
        result.verdict, result.reason = "unrun", str(error)
        return result
    finally:
        target.unlink()
    offs = {name: distance(ours[name], theirs[name]) if name in ours else numpy.inf for name in theirs}
    result.off = max(offs.values(), default=0.0)
    beyond = [name for name, off in offs.items() if not off <= BAR]
    rounded = MOST_UNITS * unit_of(subject)
    if beyond and result.off <= rounded:
        # Composites of f16 may be taken apart, and round on the way.
        result.verdict = "rounds"
    elif beyond:
        result.verdict, result.reason = "differs", ", ".join(beyond)
        if not set(theirs) <= set(ours):
            return result
        try:
            exact = of_glassbox(binary, subject, "reference", precise=True)
        except Refusal as error:
            result.reason += f"; in f64: {error}"
            return result
        if all(distance(ours[name], exact[name]) <= distance(theirs[name], exact[name]) for name in beyond):
            result.verdict = "nearer"
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="the folder of the subjects")
    parser.add_argument("--binary", type=Path, required=True, help="the glassbox to run")
    parser.add_argument("--out", type=Path, help="where to write the results")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [(subject, way) for subject in subjects(arguments.root) if subject.about.group in GROUPS for way in WAYS]
        results = list(pool.map(lambda job: judge(arguments.binary, *job, Path(folder)), jobs))
    for result in results:
        if result.verdict not in WELL:
            print(f"{result.verdict} {result.way} {result.group}/{result.name}: {result.off or ''} {result.reason}")
    verdicts = [result.verdict for result in results]
    print(f"{len(results)} runs:", ", ".join(f"{verdicts.count(kind)} {kind}" for kind in sorted(set(verdicts))))
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(result) for result in results], indent=1))
    return 0 if all(verdict in WELL for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
