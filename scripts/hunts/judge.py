#!/usr/bin/env python3
"""Judges how well `glassbox check` finds the faults that `plant.py` planted.

Each fault's command is run with `--json` in the fault's folder; the nodes that it names, in order of suspicion, are
held against those that are guilty. Printed are tables of the kinds of faults and of the other sides: how many were
named first, among the first three, and reported as agreeing, and how long it took; then each fault that wasn't
named first, with what was named instead. `--out FILE` writes the same as JSON.

The status is 0 if at least 95 % (`--first`) are named first, all but `--misses` among the first three, and none is
reported as agreeing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FIRST = 0.95
"""The share of the faults that must be named first."""

STATUS_AGREES, STATUS_DIFFERS = 0, 1
"""How the command exits where it could compare."""


@dataclass(frozen=True)
class Verdict:
    """What the command said of a fault."""

    id: str
    model: str
    kind: str
    other: str
    op: str
    guilty: list[str]
    detail: str
    command: list[str]
    rank: int | None
    """The place of the first guilty node among those named, from 1; `None` where none is named."""
    agrees: bool
    seconds: float
    named: list[str] = field(default_factory=list)
    error: str = ""
    """What the command printed where it didn't compare."""


def judge(binary: Path, folder: Path, python: str, limit: float) -> Verdict:
    """Runs a fault's command and looks for the guilty among those that it names."""
    fault = json.loads((folder / "fault.json").read_text())
    guilty = fault["node"] if isinstance(fault["node"], list) else [fault["node"]]
    command = [str(binary), *fault["command"], "--json"]
    if any(argument.startswith("onnxruntime") for argument in command):
        command += ["--python", python]
    started = time.monotonic()
    error, document = "", {}
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=limit)
        if done.returncode in (STATUS_AGREES, STATUS_DIFFERS):
            document = json.loads(done.stdout)
        else:
            error = f"status {done.returncode}: {last_line(done.stderr)}"
    except subprocess.TimeoutExpired:
        error = f"no answer within {limit:g} s"
    except json.JSONDecodeError as problem:
        error = f"no JSON: {problem}"
    seconds = time.monotonic() - started
    named = [culprit["node"] for culprit in document.get("culprits", [])]
    rank = next((place for place, name in enumerate(named, 1) if name in guilty), None)
    keys = ("id", "model", "kind", "other", "op", "detail")
    return Verdict(
        **{key: fault[key] for key in keys},
        guilty=guilty,
        command=command,
        rank=rank,
        agrees=bool(document.get("agrees", False)),
        seconds=seconds,
        named=named[:5],
        error=error,
    )


def last_line(text: str) -> str:
    """The last line of an output."""
    return (text.strip().splitlines() or [""])[-1]


def row(title: str, verdicts: list[Verdict]) -> str:
    """A table's line."""
    first = sum(verdict.rank == 1 for verdict in verdicts)
    three = sum(verdict.rank is not None and verdict.rank <= 3 for verdict in verdicts)
    agreeing = sum(verdict.agrees for verdict in verdicts)
    broken = sum(bool(verdict.error) for verdict in verdicts)
    seconds = sorted(verdict.seconds for verdict in verdicts)
    middle, longest = seconds[len(seconds) // 2], seconds[-1]
    numbers = f"{len(verdicts):>6} {first:>6} {three:>6} {agreeing:>7} {broken:>6} {middle:>8.2f} {longest:>8.2f}"
    return f"{title:<22}{numbers}"


HEAD = f"{'':<22}{'faults':>6} {'first':>6} {'three':>6} {'agrees':>7} {'broken':>6} {'middle s':>8} {'longest':>8}"


def table(verdicts: list[Verdict], key: Callable[[Verdict], str]) -> Iterable[str]:
    """A line for each value of a key."""
    yield HEAD
    for value in sorted({key(verdict) for verdict in verdicts}):
        yield row(value, [verdict for verdict in verdicts if key(verdict) == value])


def grid(verdicts: list[Verdict]) -> Iterable[str]:
    """How many of how many were named first, by kind and other side."""
    others = sorted({verdict.other for verdict in verdicts})
    yield f"{'named first':<22}" + "".join(f"{other:>16}" for other in others)
    for kind in sorted({verdict.kind for verdict in verdicts}):
        cells = []
        for other in others:
            here = [verdict for verdict in verdicts if (verdict.kind, verdict.other) == (kind, other)]
            first = sum(verdict.rank == 1 for verdict in here)
            cells.append(f"{first} of {len(here)}" if here else "")
        yield f"{kind:<22}" + "".join(f"{cell:>16}" for cell in cells)


def miss(verdict: Verdict) -> str:
    """What is printed of a fault that wasn't named first."""
    what = f"{verdict.id} {verdict.model}, {verdict.kind}, {verdict.other}: {', '.join(verdict.guilty[:3])}"
    if verdict.error:
        said = verdict.error
    elif verdict.agrees:
        said = "reported as agreeing"
    elif verdict.rank is None:
        said = f"not named; named are {', '.join(verdict.named[:3]) or 'none'}"
    else:
        said = f"named in place {verdict.rank}, after {', '.join(verdict.named[: min(verdict.rank - 1, 3)])}"
    return f"  {what} ({verdict.op}; {verdict.detail})\n      {said}"


def passes(verdicts: list[Verdict], misses: int = 0, share: float = FIRST) -> bool:
    """Whether the bar is reached: the share that is named first, and how many are missed among the first three."""
    first = sum(verdict.rank == 1 for verdict in verdicts)
    three = sum(verdict.rank is not None and verdict.rank <= 3 for verdict in verdicts)
    enough = first >= share * len(verdicts) and three + misses >= len(verdicts)
    return enough and not any(verdict.agrees for verdict in verdicts)


def report(verdicts: list[Verdict], passed: bool) -> None:
    """Prints the tables and what was missed."""
    for lines in (
        table(verdicts, lambda verdict: verdict.kind),
        table(verdicts, lambda verdict: verdict.other),
        table(verdicts, lambda verdict: verdict.model),
        grid(verdicts),
    ):
        print("\n".join(lines), end="\n\n")
    missed = [verdict for verdict in verdicts if verdict.rank != 1 or verdict.agrees]
    if missed:
        print("not named first:", *map(miss, missed), "", sep="\n")
    print(row("all", verdicts))
    print("the bar is reached" if passed else "the bar is missed")


def folders(faults: Path, only: str | None) -> list[Path]:
    """The folders of the faults to judge."""
    found = sorted(path.parent for path in faults.glob("*/fault.json"))
    return [folder for folder in found if only is None or folder.name in only.split(",")]


def main() -> int:
    """Judges every fault; gives the exit status."""
    parser = argparse.ArgumentParser(description="Judges how well `glassbox check` finds planted faults.")
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("faults", type=Path, help="the folder `faults` that plant.py wrote")
    parser.add_argument("--only", help="numbers of faults, with commas between them")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at a time")
    parser.add_argument("--limit", type=float, default=120, help="seconds after which a command is given up")
    parser.add_argument("--python", default=sys.executable, help="a Python that has onnxruntime")
    parser.add_argument("--first", type=float, default=FIRST, help="the share that must be named first")
    parser.add_argument("--misses", type=int, default=0, help="how many may be missed among the first three")
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    arguments = parser.parse_args()
    binary = Path(os.path.abspath(arguments.binary))
    chosen = folders(arguments.faults, arguments.only)
    if not chosen:
        print(f"judge: error: {arguments.faults} holds no faults", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(arguments.jobs) as workers:
        verdicts = list(workers.map(lambda f: judge(binary, f, arguments.python, arguments.limit), chosen))
    passed = passes(verdicts, arguments.misses, arguments.first)
    report(verdicts, passed)
    if arguments.out:
        result: dict[str, Any] = {"passes": passed, "verdicts": [asdict(verdict) for verdict in verdicts]}
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
