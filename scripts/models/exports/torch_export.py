"""Writing a torch module as an ONNX model, with either of torch's exporters."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import onnx
import torch

OPSETS = {True: 18, False: 17}
"""The opset of the new exporter and of the old one."""


def exported(
    module: torch.nn.Module,
    given: Mapping[str, Any],
    outputs: Sequence[str] | None,
    *,
    new: bool,
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """The model. `given` are the arguments by name, `dynamic` the axes of inputs whose size may vary, by names."""
    module = module.eval()
    options: dict[str, Any] = {}
    if dynamic and new:
        sizes = {name: torch.export.Dim(name) for axes in dynamic.values() for name in axes.values()}
        shapes = {
            name: {axis: sizes[size] for axis, size in dynamic.get(name, {}).items()} or None for name in given
        }
        options["dynamic_shapes"] = shapes
    elif dynamic:
        options["dynamic_axes"] = {name: dict(axes) for name, axes in dynamic.items()}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            module,
            (),
            file,
            kwargs=dict(given),
            dynamo=new,
            opset_version=opset or OPSETS[new],
            input_names=list(given),
            output_names=list(outputs) if outputs else None,
            external_data=False,
            verbose=False,
            **options,
        )
        return onnx.load(file)


def arrays(given: Mapping[str, Any]) -> dict[str, numpy.ndarray]:
    """Tensors as NumPy's arrays."""
    return {name: value.numpy() for name, value in given.items() if isinstance(value, torch.Tensor)}


def source(new: bool) -> str:
    """The exporter's name."""
    return f"torch {torch.__version__.split('+')[0]}, {'new' if new else 'old'} exporter"


class Chosen(torch.nn.Module):
    """A module that calls another and gives a tuple of tensors: all, or those of some keys."""

    def __init__(self, inner: torch.nn.Module, keys: Sequence[str] = ()) -> None:
        super().__init__()
        self.inner = inner
        self.keys = tuple(keys)

    def chosen(self, result: Any) -> Any:
        """The tensors of a result by name, or all of them."""
        if isinstance(result, torch.Tensor):
            return result
        if self.keys:
            return tuple(result[key] for key in self.keys)
        values = list(result.values()) if isinstance(result, Mapping) else list(result)
        return tuple(value for value in values if isinstance(value, torch.Tensor))


def named(
    inner: torch.nn.Module, names: Sequence[str], keys: Sequence[str] = (), *, by_place: bool = False
) -> torch.nn.Module:
    """A module whose arguments have these names, which the exporters read from the signature of its class.

    They are passed on by name, or by their places.
    """
    passed = ", ".join(name if by_place else f"{name}={name}" for name in names)
    scope: dict[str, Any] = {}
    text = f"def forward(self, {', '.join(names)}):\n    return self.chosen(self.inner({passed}))\n"
    exec(text, scope)  # noqa: S102
    return type("Named", (Chosen,), {"forward": scope["forward"]})(inner, keys)
