#!/usr/bin/env python3
"""Makes random programs of the block form, with all that is needed to run them and what must come out.

    generate.py [--count N] [--seed S] [--jobs J] [--check-coverage] [--report] OUT

What comes out is worked out by `evaluate.py`, which follows docs/language.md. The same count and seed give the same
files to the byte, with any number of jobs: a program depends on the seed and its own number only. Needs numpy and
ml_dtypes (scripts/requirements.txt).

OUT gets one zip file for each 100 programs, `batch-00.npz`, `batch-01.npz`, … (NumPy opens them too). Program 0042
is the entries that begin with `0042/`:

- `0042/program.gbp`: the text, UTF-8.
- `0042/program.json`: everything but the text and the elements of arrays:

      {"package": {"sizes": {"B": 2},
                   "metadata": {"alpha": 0.5, "n": 3, "on": true, "list": [1.0, 2.0]},
                   "parameters": {"W.0": {"dtype": "f32", "dims": [2, 3]}}},
       "steps": [{"inputs": {"x": TYPE}, "outputs": {"y": TYPE, "z": TYPE}, "bounded": ["z"]},
                 {"inputs": {"x": TYPE}, "error": {"line": 12, "block": "entry", "message": "…"}}]}

  Metadata are integers (without a point), floats (with a point or an exponent), truth values, texts, or lists of one
  of these. A program has one to four steps, which one executor runs in this order.
- `0042/package/NAME.npy`: the parameters.
- `0042/step0.in/NAME.npy`: the inputs of the first step. An input may be missing, which is an error of the step.
- `0042/step0.out/NAME.npy`: what can be fetched after it: each must have this dtype, these dims and these elements to
  the bit, but NaN is equal to every NaN. Not everything that can be fetched is listed: inputs, weights and constants
  that no statement writes are listed after the first step only. All states are always there.
- `0042/step0.bound/NAME.npy`: f64 of the same dims, for the outputs in "bounded": a transcendental function or a sum
  went in, and element by element |got - wanted| may be at most this. Where the wanted one isn't finite, it must be equal.

A step with "error" must fail; it has no outputs, the states must be as they were before, and the next step goes on
from there. "line" and "block" are those of the innermost statement that fails, null where the inputs don't fit. The
message is only for the reader.

`.npy` files are NumPy's, version 1.0, little-endian, row-major. The dtypes that it doesn't know (bf16, f8e4m3fn,
f8e5m2, i4, u4, i2, u2) are a vector of uint8: the bytes of the elements in row-major order, little-endian, with the
dtypes below 8 bits packed without gaps, the first element in the lowest bits, the last byte filled with zeros. That is
what a Glassbox tensor of this dtype holds. The true dtype and dims are in `program.json`.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import multiprocessing
import os
import pathlib
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass

import numpy as np

import draw_flow
import dtypes
from check import Fault, walk
from check_types import check_types
from coverage import Tally, constructs
from draw import FREE, Draw
from evaluate import Evaluator, Outcome, Package
from ops import Unspecified

BATCH = 100
MAX_ATTEMPTS = 50


@dataclass
class Made:
    """A program with its steps."""

    text: str
    package: Package
    inputs: list[dict]
    outcomes: list[Outcome]
    evaluator: Evaluator
    uses: set[str]


class Discarded(Exception):
    """A draw that can't be used, and why."""


def make(seed: int) -> Made:
    """The program of this seed. Raises `Discarded` where nobody can say what must come out."""
    draw = Draw(seed)
    draw_flow.program(draw)
    text = draw.text()
    package = Package(draw.parameters, draw.metadata, draw.package_sizes)
    try:
        evaluator = Evaluator(text, package)
        if draw.fault != "wrong_dims_of_an_op":
            check_types(evaluator, {name: 3 + place for place, name in enumerate(sorted(FREE))})
        inputs = [draw.inputs_of(step) for step in range(draw.steps)]
        outcomes = [evaluator.step(given) for given in inputs]
    except Unspecified as error:
        raise Discarded(str(error)) from error
    except Fault as error:
        raise Discarded(f"a wrong program: {error}") from error
    for step, outcome in enumerate(outcomes):
        if (outcome.values is None) != (step == draw.fail_step):
            raise Discarded(f"a step fails that shouldn't, or doesn't that should ({draw.fault}): {outcome.error}")
    uses = constructs(evaluator.program, package, set(draw.free), evaluator.checker, text) | set(evaluator.events)
    if draw.fail_step is not None:
        uses.add(f"error: {draw.fault}")
        if draw.fail_step + 1 < draw.steps:
            uses.add("an error and a step after it")
    if draw.steps > 1:
        uses.add("several steps")
    if any(value.error is not None for outcome in outcomes if outcome.values for value in outcome.values.values()):
        uses.add("elements that aren't exact")
    return Made(text, package, inputs, outcomes, evaluator, uses)


# Files.


@functools.cache
def npy_header(descr: str, shape: tuple) -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npy(array: np.ndarray) -> bytes:
    """The array as a `.npy` file."""
    if dtypes.dtype_of(array) not in dtypes.IN_NPY:
        array = dtypes.to_bytes(array)
    return npy_header(array.dtype.str, array.shape) + array.tobytes()


def type_of(array: np.ndarray) -> dict:
    return {"dtype": dtypes.dtype_of(array), "dims": list(array.shape)}


class Batch:
    """One zip file, in memory until it is whole. The same entries give the same bytes."""

    def __init__(self):
        # `zipfile` goes back to the header of each entry: in a file that is a flush and a seek each time.
        self.bytes = io.BytesIO()
        self.zip = zipfile.ZipFile(self.bytes, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def write(self, path: pathlib.Path) -> None:
        """Ends the zip file and writes it."""
        self.zip.close()
        path.write_bytes(self.bytes.getbuffer())

    def entry(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
        # What is short doesn't become shorter.
        info.compress_type = zipfile.ZIP_DEFLATED if len(data) > 100 else zipfile.ZIP_STORED
        info.external_attr = 0o644 << 16
        self.zip.writestr(info, data)

    def arrays(self, folder: str, arrays: dict[str, np.ndarray]) -> dict:
        for name, array in arrays.items():
            self.entry(f"{folder}/{name}.npy", npy(array))
        return {name: type_of(array) for name, array in arrays.items()}

    def program(self, number: int, made: Made) -> None:
        folder, package = f"{number:04}", made.package
        parameters = self.arrays(f"{folder}/package", package.parameters)
        steps = []
        for step, (inputs, outcome) in enumerate(zip(made.inputs, made.outcomes)):
            row = {"inputs": self.arrays(f"{folder}/step{step}.in", inputs)}
            if outcome.values is None:
                row["error"] = {
                    "line": outcome.line,
                    "block": block_of(made.evaluator, outcome.line),
                    "message": outcome.error,
                }
            else:
                values = shown(made.evaluator, outcome.values, step == 0)
                bounds = {name: value.error for name, value in values.items() if value.error is not None}
                row["outputs"] = self.arrays(
                    f"{folder}/step{step}.out", {name: value.data for name, value in values.items()}
                )
                row["bounded"] = list(bounds)
                self.arrays(f"{folder}/step{step}.bound", bounds)
            steps.append(row)
        described = {
            "package": {"sizes": package.sizes, "metadata": package.metadata, "parameters": parameters},
            "steps": steps,
        }
        self.entry(f"{folder}/program.gbp", made.text.encode())
        self.entry(f"{folder}/program.json", json.dumps(described, allow_nan=False).encode())


def block_of(evaluator: Evaluator, line: int | None) -> str | None:
    """The block in which a line stands."""
    for block, body in evaluator.program.blocks.items():
        if any(statement.line == line for statement in walk(body)):
            return block
    return None


def shown(evaluator: Evaluator, values: dict, everything: bool) -> dict:
    """The outputs that are written to the file."""
    written = set().union(*(evaluator.checker.all_written(body) for body in evaluator.program.blocks.values()))
    written |= set(evaluator.states) | set(evaluator.checker.awaited)
    return {name: value for name, value in values.items() if everything or name in written}


@dataclass
class Drawn:
    """What one batch adds to the report, or what is wrong with it."""

    tally: Tally
    discarded: Counter
    fault: str | None = None


def make_batch(seed: int, numbers: range, path: pathlib.Path) -> Drawn:
    """Makes the programs with these numbers and writes them to one file."""
    drawn, batch = Drawn(Tally(), Counter()), Batch()
    for number in numbers:
        for attempt in range(MAX_ATTEMPTS):
            try:
                made = make(((seed * 1_000_003) + number) * MAX_ATTEMPTS + attempt)
                break
            except Discarded as reason:
                drawn.discarded[str(reason)] += 1
        else:
            drawn.fault = f"program {number}: every draw was discarded"
            return drawn
        drawn.tally.add(made.uses)
        batch.program(number, made)
    batch.write(path)
    return drawn


def make_all(options: argparse.Namespace) -> list[Drawn]:
    """Makes every batch, some at a time; what they give is in their order."""
    work = []
    for start in range(0, options.count, BATCH):
        numbers = range(start, min(start + BATCH, options.count))
        work.append((options.seed, numbers, options.out / f"batch-{start // BATCH:02}.npz"))
    jobs = min(options.jobs, len(work))
    if jobs <= 1:
        return [make_batch(*one) for one in work]
    with multiprocessing.Pool(jobs) as pool:
        return pool.starmap(make_batch, work, chunksize=1)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes random programs and what must come out of them.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=cores(), help="processes that work at a time")
    parser.add_argument(
        "--check-coverage", action="store_true", help="fail if a construct is used in fewer than 20 programs"
    )
    parser.add_argument("--report", action="store_true", help="print in how many programs each construct is used")
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tally, discarded = Tally(), Counter()
    for drawn in make_all(options):
        if drawn.fault:
            print(drawn.fault, file=sys.stderr)
            return 1
        tally.merge(drawn.tally)
        discarded.update(drawn.discarded)
    if options.report:
        print(tally.report())
    print(f"{tally.programs} programs; {discarded.total()} draws discarded")
    for reason, count in discarded.most_common():
        print(f"{count:6}  discarded: {reason}")
    missing = tally.missing()
    if options.check_coverage and missing:
        print("used too rarely:\n  " + "\n  ".join(missing), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
