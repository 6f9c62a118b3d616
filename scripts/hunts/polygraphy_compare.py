#!/usr/bin/env python3
"""Sets hunts with `glassbox check` beside the same hunts with polygraphy.

Faults of `plant.py` are taken in turn, one of each model as long as there are models, with the other sides asked
for. With polygraphy a hunt is what its manual shows: one run of the good model that saves all outputs, one of the
faulty model that compares with them, and the first output that is printed as failing; the node that gives it is
what was found. With Glassbox it is one command and the first node that it names.

Printed are, for each hunt: commands, seconds, lines printed, and whether a guilty node was found. Models whose
weights are in other files are left out: polygraphy's loader refuses files with several names.

`polygraphy_requirements.txt` is for an environment of its own, whose `polygraphy` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from graphs import places
from judge import last_line
from sides import WEIGHTS

FAILED = re.compile(r"FAILED \| Output: '(.*)' \| ")
"""The line with which polygraphy says that an output differs."""

LOADER = """import numpy


def load_data():
    yield dict(numpy.load({path!r}))
"""
"""What tells polygraphy of a file of inputs."""

ALL = "*"
"""What polygraphy calls all values."""


@dataclass(frozen=True)
class Hunt:
    """How a hunt went."""

    commands: int
    seconds: float
    lines: int
    found: str
    """The node that was named first, or why none was."""
    right: bool


def timed(command: list[str], folder: Path) -> tuple[Any, float]:
    """Runs a command; gives what it printed and how long it took."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done, time.monotonic() - started


def guilty_of(fault: dict[str, Any]) -> list[str]:
    """The names of the guilty nodes."""
    return fault["node"] if isinstance(fault["node"], list) else [fault["node"]]


def producer(model: Path, value: str) -> str:
    """The node that gives a value."""
    proto = onnx.load(model, load_external_data=False)
    return next((place.node.name for place in places(proto.graph) if value in place.node.output), value)


def with_polygraphy(program: Path, folder: Path, fault: dict[str, Any]) -> Hunt:
    """A hunt with polygraphy."""
    with tempfile.TemporaryDirectory() as scratch:
        loader, saved = Path(scratch) / "loader.py", Path(scratch) / "good.json"
        loader.write_text(LOADER.format(path=str(folder / "inputs.npz")))
        common = ["--onnxrt", "--onnx-outputs", ALL, "--data-loader-script", str(loader)]
        good, first = timed([str(program), "run", "b.onnx", *common, "--save-outputs", str(saved)], folder)
        faulty, second = timed([str(program), "run", "a.onnx", *common, "--load-outputs", str(saved)], folder)
    printed = good.stdout + good.stderr + faulty.stdout + faulty.stderr
    failing = FAILED.findall(faulty.stdout + faulty.stderr)
    if failing:
        found = producer(folder / "a.onnx", failing[0])
    elif faulty.returncode == 0:
        found = "(all passed)"
    else:
        found = f"({last_line(faulty.stdout + faulty.stderr)[:60]})"
    return Hunt(2, first + second, len(printed.splitlines()), found, found in guilty_of(fault))


def with_glassbox(program: Path, folder: Path, fault: dict[str, Any]) -> Hunt:
    """A hunt with `glassbox check`: as a person reads it, and once more for what it names."""
    command = [str(program), *fault["command"], *python_for(fault)]
    done, seconds = timed(command, folder)
    lines = len((done.stdout + done.stderr).splitlines())
    answer, _ = timed([*command, "--json"], folder)
    try:
        culprits = json.loads(answer.stdout).get("culprits", [])
    except json.JSONDecodeError:
        return Hunt(1, seconds, lines, f"({last_line(done.stderr)[:60]})", right=False)
    found = culprits[0]["node"] if culprits else "(none)"
    return Hunt(1, seconds, lines, found, found in guilty_of(fault))


def python_for(fault: dict[str, Any]) -> list[str]:
    """The option that names the Python with onnxruntime, where it is needed."""
    needed = any(argument.startswith("onnxruntime") for argument in fault["command"])
    return ["--python", sys.executable] if needed else []


def choose(faults: Path, count: int, others: list[str]) -> list[tuple[Path, dict[str, Any]]]:
    """Faults of as many models as there are."""
    found = [(path.parent, json.loads(path.read_text())) for path in sorted(faults.glob("*/fault.json"))]
    left = [
        (folder, fault)
        for folder, fault in found
        if fault["other"] in others and (folder / "b.onnx").exists() and not (folder / WEIGHTS).exists()
    ]
    chosen: list[tuple[Path, dict[str, Any]]] = []
    used: set[tuple[str, str]] = set()
    while left and len(chosen) < count:
        seen = {fault["model"] for _, fault in chosen}
        fresh = [item for item in left if item[1]["model"] not in seen and item[1]["kind"] not in used]
        item = (fresh or left)[0]
        used.add(item[1]["kind"])
        chosen.append(item)
        left.remove(item)
    return chosen


HEAD = f"{'':<52}{'polygraphy':^26}{'glassbox check':^26}\n{'hunt':<52}" + 2 * f"{'s':>8}{'lines':>8}{'right':>8}  "


def line(title: str, hunts: tuple[Hunt, Hunt]) -> str:
    """A hunt's line of the table."""
    cells = [f"{hunt.seconds:>8.2f}{hunt.lines:>8}{'yes' if hunt.right else 'no':>8}  " for hunt in hunts]
    return f"{title[:51]:<52}{''.join(cells)}"


def main() -> int:
    """Goes on every hunt twice; gives the exit status."""
    parser = argparse.ArgumentParser(description="Sets `glassbox check` beside polygraphy.")
    parser.add_argument("--binary", type=Path, required=True, help="glassbox")
    parser.add_argument("--polygraphy", type=Path, required=True, help="polygraphy")
    parser.add_argument("faults", type=Path, help="the folder `faults` that plant.py wrote")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--others", default="names kept", help="the kinds of other sides, with commas between them")
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    arguments = parser.parse_args()
    binary, polygraphy = (Path(os.path.abspath(path)) for path in (arguments.binary, arguments.polygraphy))
    rows = []
    print(HEAD)
    for folder, fault in choose(arguments.faults.resolve(), arguments.count, arguments.others.split(",")):
        hunts = with_polygraphy(polygraphy, folder, fault), with_glassbox(binary, folder, fault)
        title = f"{fault['id']} {fault['model']}, {fault['kind']}, {fault['other']}"
        print(line(title, hunts), flush=True)
        rows.append({"fault": fault, "polygraphy": vars(hunts[0]), "glassbox": vars(hunts[1])})
    for name in ("polygraphy", "glassbox"):
        seconds = sum(row[name]["seconds"] for row in rows)
        lines, right = sum(row[name]["lines"] for row in rows), sum(row[name]["right"] for row in rows)
        commands = sum(row[name]["commands"] for row in rows)
        print(f"{name}: {commands} commands, {seconds:.1f} s, {lines} lines, {right} of {len(rows)} right")
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
