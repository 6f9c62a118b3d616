"""What the writers of models share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

Written = list[Path]
"""The files that were written."""


def write_onnx(folder: Path, model: ModelProto, inputs: Mapping[str, NDArray[Any]]) -> Written:
    """Writes `model.onnx` and, where there are any, `inputs.npz`."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(path)
    files = [path]
    if inputs:
        files.append(folder / "inputs.npz")
        numpy.savez(files[-1], allow_pickle=False, **inputs)
    return files
