#!/usr/bin/env python3
"""Times `glassbox check MODEL --against onnxruntime`, or `torch`, beside the two runs that it can't do without.

A folder given holds a `model.onnx` and its `inputs.npz`, as those do that `cargo xtask peers` fetches, or it is the
checkpoint of a language model (or a `.gguf` file), which is held against torch. The two runs are
`glassbox run MODEL --backend reference`, since that is what `check` runs, and a Python that imports what it needs,
opens the same file as it is and runs it once, with as many threads: NumPy and onnxruntime, or torch and transformers.
All three go in turn, `--rounds` times, and of each the shortest time counts: other work on the machine only makes times
longer.

Printed are, for each model: the seconds of the two runs, of the check, and how many times longer the check takes than
the two runs together. With `--at-most` the status is 1 where a check takes more times longer.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

THEIRS = """import sys

import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
with numpy.load(sys.argv[2]) as arrays:
    given = {value.name: arrays[value.name] for value in session.get_inputs()}
session.run(None, given)
"""
"""What a person would write to run a model."""

THEIRS_IN_TORCH = """import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
import transformers

torch.set_num_threads(int(sys.argv[3]))
path, options = Path(sys.argv[1]), {}
if path.suffix == ".gguf":
    path, options = path.parent, {"gguf_file": path.name}
model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **options)
with torch.no_grad():
    model(torch.tensor(json.loads(Path(sys.argv[2]).read_text())))
"""
"""The same for a checkpoint."""

TOKENS = [[place * 7 % 90 + 3 for place in range(32)]]
"""What a language model reads."""

STATUS_AGREES, STATUS_DIFFERS = 0, 1
"""How `check` exits where it could compare."""


def seconds(command: list[str], good: tuple[int, ...] = (0,)) -> float:
    """How long a command takes that ends well."""
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.monotonic() - started
    if done.returncode not in good:
        raise SystemExit(f"times: {' '.join(command)} ends with {done.returncode}: {done.stderr.strip()[-400:]}")
    return taken


@dataclass(frozen=True)
class Subject:
    """A model, and how it is run."""

    model: str
    inputs: list[str]
    """The options that name the inputs."""
    theirs: list[str]
    """A program of Python's and its arguments, but for the threads."""
    against: str


def subject(path: Path, scratch: Path) -> Subject:
    """A folder with a `model.onnx`, or a checkpoint."""
    if (path / "model.onnx").is_file():
        model, inputs = str(path / "model.onnx"), str(path / "inputs.npz")
        return Subject(model, ["-i", inputs], ["-c", THEIRS, model, inputs], "onnxruntime")
    tokens, lengths = scratch / "tokens.json", scratch / "lengths.json"
    tokens.write_text(json.dumps(TOKENS))
    lengths.write_text(json.dumps([len(row) for row in TOKENS]))
    inputs = ["-i", f"tokens={tokens}", "-i", f"lengths={lengths}"]
    return Subject(str(path), inputs, ["-c", THEIRS_IN_TORCH, str(path), str(tokens)], "torch")


def measure(binary: Path, python: Path, subject: Subject, threads: int, rounds: int) -> tuple[float, float, float]:
    """The shortest times of our run, of theirs, and of the check."""
    own = [str(binary), "--threads", str(threads)]
    ours = [*own, "run", subject.model, *subject.inputs, "--backend", "reference", "--quiet"]
    theirs = [str(python), *subject.theirs, str(threads)]
    side = ["--against", subject.against, "--python", str(python)]
    check = [*own, "check", subject.model, *subject.inputs, *side, "--quiet"]
    times = [
        (seconds(ours), seconds(theirs), seconds(check, (STATUS_AGREES, STATUS_DIFFERS))) for _ in range(rounds)
    ]
    first, second, third = (min(column) for column in zip(*times, strict=True))
    return first, second, third


def main() -> int:
    """Measures every folder; gives the exit status."""
    parser = argparse.ArgumentParser(description="Times `glassbox check` beside the two runs themselves.")
    parser.add_argument("--binary", type=Path, required=True, help="glassbox")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="a Python that has the other side")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-most", type=float, help="how many times longer a check may take")
    parser.add_argument("folders", type=Path, nargs="+", help="folders with a model.onnx and its inputs.npz, or checkpoints")
    arguments = parser.parse_args()
    binary = Path(os.path.abspath(arguments.binary))
    worst = 0.0
    print(f"{'':<28}{'our run s':>11}{'theirs s':>11}{'check s':>11}{'times':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        for folder in arguments.folders:
            model = subject(folder, Path(scratch))
            ours, theirs, check = measure(binary, arguments.python, model, arguments.threads, arguments.rounds)
            times = check / (ours + theirs)
            worst = max(worst, times)
            print(f"{folder.name:<28}{ours:>11.3f}{theirs:>11.3f}{check:>11.3f}{times:>8.2f}", flush=True)
    return 1 if arguments.at_most is not None and worst > arguments.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
