#!/usr/bin/env python3
"""Runs exported language models in onnxruntime, step by step, beside `glassbox forward`.

    exported_language.py GLASSBOX [MODEL ...]

Each model (by default those that come with Glassbox, and the tiny checkpoints of all families that its tests have) is written by `glassbox convert`, checked by `onnx.checker`, and run on
the same tokens in three pieces, what comes out of one as `present.NAME` given to the next as `past.NAME`; then as two rows of
different lengths. The logits have to be those of `glassbox forward` on the reference up to rounding: 1e-4 of the largest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime

# Of every vocabulary. Positions beyond the eighth count otherwise in one of the checkpoints, so that its first step is longer.
TOKENS = [1, 17, 30, 4, 89, 12, 33, 7, 61, 2, 58]
TOLERANCE = 1e-4
GOLDEN = Path(__file__).resolve().parents[1] / "crates/glassbox-models/tests/golden"


def empty(given: onnxruntime.NodeArg, rows: int) -> numpy.ndarray:
    """What a state holds before the first step: nothing along the axes that grow, else zeros."""
    dtype = {"tensor(float)": numpy.float32, "tensor(int64)": numpy.int64}[given.type]
    first, *rest = given.shape
    shape = [rows if isinstance(first, str) else first, *(0 if isinstance(size, str) else size for size in rest)]
    return numpy.zeros(shape, dtype)


def steps(session: onnxruntime.InferenceSession, pieces: list[numpy.ndarray], lengths: list[numpy.ndarray]) -> list[numpy.ndarray]:
    held = {given.name: empty(given, pieces[0].shape[0]) for given in session.get_inputs() if given.name.startswith("past.")}
    names = [given.name for given in session.get_outputs()]
    logits = []
    for piece, length in zip(pieces, lengths):
        outputs = dict(zip(names, session.run(None, {"tokens": piece, "lengths": length, **held})))
        logits.append(outputs["logits"])
        held = {name: outputs[name.replace("past.", "present.", 1)] for name in held}
    return logits


def forward(glassbox: str, model: str, folder: Path) -> numpy.ndarray:
    target = folder / "logits.npy"
    tokens = ",".join(map(str, TOKENS))
    command = [glassbox, "-q", "forward", "-m", model, "--tokens", tokens, "--backend", "reference", "-o", str(target)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return numpy.load(target)


def near(got: numpy.ndarray, want: numpy.ndarray) -> float:
    return float(numpy.abs(got.astype(numpy.float64) - want).max() / numpy.abs(want).max())


def check(glassbox: str, model: str, folder: Path) -> bool:
    path = folder / "model.onnx"
    subprocess.run([glassbox, "-q", "convert", model, str(path), "--force"], check=True)
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    want = forward(glassbox, model, folder)
    row = numpy.array([TOKENS], dtype=numpy.int64)
    pieces = [row[:, :9], row[:, 9:10], row[:, 10:]]
    got = steps(session, pieces, [numpy.array([piece.shape[1]], dtype=numpy.int64) for piece in pieces])
    far = near(numpy.concatenate(got, axis=1)[0], want)
    # Beside a longer row: the second has nine tokens, then one more, and what stands behind them counts for nothing.
    two = numpy.zeros((2, 10), dtype=numpy.int64)
    two[0], two[1, :9] = TOKENS[:10], TOKENS[:9]
    more = numpy.array([[TOKENS[10]], [TOKENS[9]]], dtype=numpy.int64)
    rows = steps(session, [two, more], [numpy.array([10, 9]), numpy.array([1, 1])])
    far = max(far, near(rows[0][0], want[:10]), near(rows[0][1, :9], want[:9]))
    far = max(far, near(rows[1][0, 0], want[10]), near(rows[1][1, 0], want[9]))
    fine = far <= TOLERANCE
    print(f"{'ok' if fine else 'FAILED'} {model}: logits differ by at most {far:.1e} of the largest")
    return fine


def main() -> int:
    glassbox, *models = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        tiny = sorted(str(file.parent) for file in GOLDEN.glob("*/model.safetensors"))
        fine = [check(glassbox, model, Path(folder)) for model in models or ["stories", "stories-rwkv7", *tiny]]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
