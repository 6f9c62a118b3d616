#!/usr/bin/env python3
"""Measures how much memory `glassbox check` takes for a model whose values don't fit into it.

The model is a chain of `--nodes` nodes, each of which gives `--elements` f32: by default 100,000 of them and 5 GB of
values. It is held against itself in f64, and against the same chain with another op in it, which must be named.

Printed are, for each: the seconds, the most memory that the command had, and what it said first. The status is 1 where
the memory is more than `--at-most` of the values, or the node isn't named.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

PLAIN, EVERY, OTHER, WRONG = "neg", 50, "sin", "abs"
"""The ops of the chain: which, every how many another, which other, and what stands there instead in the second model."""


def write(path: Path, nodes: int, elements: int, wrong: int | None) -> None:
    """Writes a chain; the node with the number `wrong` is of another op."""
    with path.open("w") as file:
        file.write(f'graph "large" {{\n  input %x: f32[{elements}]\n  %v0 = abs(%x)\n')
        for node in range(1, nodes):
            op = WRONG if node == wrong else OTHER if node % EVERY == 0 else PLAIN
            file.write(f"  %v{node} = {op}(%v{node - 1})\n")
        file.write(f"  output %v{nodes - 1}\n}}\n")


def run(command: list[str], printed: Path) -> tuple[float, int, str]:
    """Runs a command: how long it took, the most bytes that it had, and the first line that it printed."""
    started = time.monotonic()
    with printed.open("wb") as file:
        child = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)])
        _, _, usage = os.wait4(child, 0)
    first = (printed.read_text().splitlines() or ["nothing"])[0]
    return time.monotonic() - started, usage.ru_maxrss * 1024, first


def main() -> int:
    """Measures both checks; gives the exit status."""
    parser = argparse.ArgumentParser(description="Measures the memory of `glassbox check` for a large model.")
    parser.add_argument("--binary", type=Path, required=True, help="glassbox")
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--elements", type=int, default=12_500)
    parser.add_argument("--at-most", type=float, default=0.25, help="the share of the values that may be in memory")
    arguments = parser.parse_args()
    nodes, values = arguments.nodes, arguments.nodes * arguments.elements * 4
    wrong = max(nodes * 3 // 5 // EVERY * EVERY, 1)
    good = True
    print(f"{nodes} nodes, {values / 1e9:.1f} GB of values")
    with tempfile.TemporaryDirectory() as scratch:
        model, other = Path(scratch) / "model.gb", Path(scratch) / "other.gb"
        write(model, nodes, arguments.elements, None)
        write(other, nodes, arguments.elements, wrong)
        for against, wanted in (("precise", "agrees"), (str(other), f"v{wrong} ")):
            command = [os.path.abspath(arguments.binary), "-q", "check", str(model), "-i", "x=random"]
            seconds, most, first = run([*command, "--against", against, "--top", "1"], Path(scratch) / "printed")
            good = good and wanted in first and most <= arguments.at_most * values
            name = "precise" if against == "precise" else "another model"
            print(f"against {name}: {seconds:.0f} s, at most {most / 1e6:.0f} MB: {first}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
