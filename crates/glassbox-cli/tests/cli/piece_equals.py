"""Whether a piece of an ONNX model computes, in onnxruntime, what the whole model has in the same places.

    piece_equals.py WHOLE.onnx INPUTS.npz PIECE.onnx

The whole model is run with the piece's inputs and outputs as outputs; the piece is then fed with what these inputs were.
Both run without optimisations on one thread, so every output must be the same to the bit. The piece must also satisfy
onnx.checker. Prints the outputs that were compared; an exception says what differs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime


def session(path: Path) -> onnxruntime.InferenceSession:
    """A session that computes every node as it is written."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def values_of(whole: Path, inputs: Path, names: list[str], folder: Path) -> dict[str, numpy.ndarray]:
    """What the whole model has for the named values."""
    model = onnx.load(whole, load_external_data=False)
    own = {value.name for value in [*model.graph.input, *model.graph.output]}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in own)
    for beside in whole.parent.iterdir():
        if beside.suffix not in {".onnx", ".npz"}:
            (folder / beside.name).write_bytes(beside.read_bytes())
    path = folder / "whole.onnx"
    onnx.save(model, path)
    run = session(path)
    wanted = {value.name for value in run.get_inputs()}
    with numpy.load(inputs) as archive:
        feed = {name: archive[name] for name in archive.files if name in wanted}
    outputs = [output.name for output in run.get_outputs()]
    return feed | dict(zip(outputs, run.run(outputs, feed), strict=True))


def main() -> None:
    """Compares."""
    whole, inputs, piece = (Path(argument) for argument in sys.argv[1:4])
    onnx.checker.check_model(str(piece))
    run = session(piece)
    given = [value.name for value in run.get_inputs()]
    outputs = [value.name for value in run.get_outputs()]
    with tempfile.TemporaryDirectory() as folder:
        known = values_of(whole, inputs, given + outputs, Path(folder))
    for name, result in zip(outputs, run.run(outputs, {name: known[name] for name in given}), strict=True):
        if not numpy.array_equal(result, known[name], equal_nan=True):
            raise SystemExit(f"{name} differs: {result} instead of {known[name]}")
    print(" ".join(outputs))


if __name__ == "__main__":
    main()
