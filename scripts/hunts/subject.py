"""A model in which faults are planted, as `models.py` writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Subject:
    """A model with one set of inputs."""

    name: str
    model: ModelProto
    inputs: Arrays
    source: str
    """The package or the exporter that it is from."""
    real: bool = False
    """Whether its weights were trained."""
    again: ModelProto | None = None
    """The same network by the other exporter."""
