"""Models that are run beside onnxruntime: a folder for each, as `beside.py` reads them.

`<root>/<group>/<name>/` holds `model.onnx` (and its external data), `inputs.npz` (arrays by input name), and `about.json`:
where the model comes from, and what is known of it beforehand.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy
import onnx

MODEL, INPUTS, ABOUT = "model.onnx", "inputs.npz", "about.json"

DEFAULT_SIZE = 2
"""The size of a dim that nothing else is said of."""


@dataclass(frozen=True)
class About:
    """What is said of a model without running it."""

    group: str
    name: str
    source: str
    """The package and version, or the exporter, that the model is from."""


@dataclass(frozen=True)
class Subject:
    """A model with one set of inputs, where its files are."""

    folder: Path
    about: About

    @property
    def model(self) -> Path:
        """The model's file."""
        return self.folder / MODEL

    @property
    def inputs(self) -> Path:
        """The file of its inputs."""
        return self.folder / INPUTS


def subjects(root: Path) -> list[Subject]:
    """Every subject below a folder, by group and name."""
    found = [Subject(file.parent, About(**json.loads(file.read_text()))) for file in root.glob(f"*/*/{ABOUT}")]
    return sorted(found, key=lambda subject: (subject.about.group, subject.about.name))


def write(root: Path, about: About, model: bytes | Path | onnx.ModelProto, inputs: Mapping[str, Any]) -> Subject:
    """Writes a subject; a path is that of a model whose folder holds its external data too."""
    folder = root / about.group / about.name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if isinstance(model, Path):
        for file in model.parent.iterdir():
            shutil.copy(file, folder / (MODEL if file == model else file.name))
    else:
        content = model if isinstance(model, bytes) else model.SerializeToString()
        (folder / MODEL).write_bytes(content)
    numpy.savez(folder / INPUTS, **inputs)
    # Written last: a folder that has it is whole.
    (folder / ABOUT).write_text(json.dumps(asdict(about), indent=1))
    return Subject(folder, about)


def shape_of(value: onnx.ValueInfoProto, sizes: Mapping[str, int]) -> list[int]:
    """The shape of an input; dims that are no numbers have the sizes that are told, by their names."""
    dims = value.type.tensor_type.shape.dim
    return [
        dim.dim_value if dim.HasField("dim_value") else sizes.get(dim.dim_param, sizes.get("", DEFAULT_SIZE))
        for dim in dims
    ]


def drawn(dtype: numpy.dtype, shape: list[int], random: numpy.random.Generator, below: int = 2) -> numpy.ndarray:
    """An array of random elements: normal, or whole numbers from 0 on."""
    if dtype == numpy.bool_:
        return random.random(shape) < 0.8
    if dtype.kind in "iu":
        return random.integers(0, below, shape).astype(dtype)
    if dtype.kind in "OUS":
        words = numpy.array(["a", "b", "word", "ünï", ""])
        return words[random.integers(0, len(words), shape)]
    return random.standard_normal(shape).astype(dtype)


def drawn_inputs(
    model: onnx.ModelProto, sizes: Mapping[str, int], given: Mapping[str, Any], below: int, seed: int = 1
) -> dict[str, numpy.ndarray]:
    """Inputs of a model: those that are given, the others at random, the same at every call."""
    inputs = {}
    constants = {constant.name for constant in model.graph.initializer}
    for place, value in enumerate(model.graph.input):
        if value.name in constants:
            continue
        if value.name in given:
            inputs[value.name] = numpy.asarray(given[value.name])
            continue
        dtype = numpy.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        random = numpy.random.default_rng([seed, place])
        inputs[value.name] = drawn(dtype, shape_of(value, sizes), random, below)
    return inputs
