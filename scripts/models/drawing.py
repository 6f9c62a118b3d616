"""Random single nodes of ONNX: what `random_models.py` makes models of.

A recipe draws the inputs and attributes of one op, of any rank, with sizes of 0 and 1 among them, so that the node is one that
the specification allows, or nearly: who refuses it is part of what is looked at. Recipes for ops that are alike are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

Array = numpy.ndarray


@dataclass
class Drawn:
    """A node before it has names: arrays for its inputs, `None` for one that is left out."""

    op: str
    inputs: list[Array | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    """Places of inputs that are constants rather than given."""
    outputs: int = 1


class Random:
    """Draws that recipes are made of."""

    def __init__(self, seed: Sequence[int], opset: int) -> None:
        self.of = numpy.random.default_rng(seed)
        self.opset = opset

    def chance(self, share: float) -> bool:
        """True in so many of all cases."""
        return bool(self.of.random() < share)

    def one(self, choices: Sequence[Any]) -> Any:
        """One of them."""
        return choices[int(self.of.integers(len(choices)))]

    def int(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.of.integers(low, high + 1))

    def size(self) -> int:
        """The size of an axis."""
        return self.one((0, 1, 1, 2, 3, 4, 5, 7))

    def shape(self, least: int = 0, most: int = 6) -> list[int]:
        """A shape of so many axes."""
        rank = self.int(least, most)
        return [self.size() if rank < 5 else self.one((1, 2, 2, 3)) for _ in range(rank)]

    def full(self, least: int = 1, most: int = 4) -> list[int]:
        """A shape without axes of size 0."""
        return [max(size, 1) for size in self.shape(least, most)]

    def array(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """Random elements of a dtype; floats have a few zeros and repeated numbers among them."""
        if dtype == "bool":
            return self.of.random(shape) < 0.5
        if dtype.startswith(("int", "uint")):
            low = 0 if dtype.startswith("u") else -9
            return self.of.integers(low, 10, shape).astype(dtype)
        values = self.of.standard_normal(shape) * 2
        rounded = numpy.round(values)
        return numpy.where(self.of.random(shape) < 0.2, rounded, values).astype(dtype)

    def special(self, shape: Sequence[int], dtype: str = "float32") -> Array:
        """The same, at times with NaN, infinities and zeros of both signs."""
        values = self.array(shape, dtype)
        if dtype.startswith("float") and values.size and self.chance(0.25):
            flat = values.reshape(-1)
            for special in (numpy.nan, numpy.inf, -numpy.inf, -0.0):
                if self.chance(0.5):
                    flat[self.int(0, flat.size - 1)] = special
        return values

    def broadcast(self, shape: Sequence[int]) -> list[int]:
        """A shape that is stretched to this one."""
        cut = list(shape[self.int(0, len(shape)):])
        return [1 if self.chance(0.3) else size for size in cut]

    def axis(self, rank: int) -> int:
        """An axis, from the front or from the back."""
        return self.int(-rank, rank - 1) if rank else 0

    def axes(self, rank: int) -> list[int]:
        """Some axes, each once."""
        count = self.int(1, max(rank, 1))
        chosen = self.of.permutation(rank)[:count] if rank else []
        back = self.opset >= 11 and self.chance(0.3)
        return [int(axis) - (rank if back else 0) for axis in chosen]

    def float(self) -> str:
        """A dtype of floats."""
        return self.one(("float32", "float32", "float32", "float64", "float16"))

    def number(self) -> str:
        """A dtype of numbers."""
        kinds = ("float32", "float32", "float64", "float16", "int32", "int64", "int8", "uint8", "int16", "uint16", "uint32",
                 "uint64")
        return self.one(kinds)

    def any(self) -> str:
        """Any dtype."""
        return self.number() if self.chance(0.8) else "bool"


Recipe = Callable[[Random], Drawn]
RECIPES: dict[str, tuple[int, Recipe]] = {}
"""By op: the first opset that has it as the recipe says, and the recipe."""
ML_RECIPES: dict[str, tuple[int, Recipe]] = {}
"""The same of `ai.onnx.ml`, whose versions are those of that domain."""


def recipe(*names: str, since: int = 7) -> Callable[[Callable[[Random, str], Drawn]], Callable[[Random, str], Drawn]]:
    """Enters a recipe for ops."""
    return entering(RECIPES, names, since)


def ml_recipe(*names: str, since: int = 1) -> Callable[[Callable[[Random, str], Drawn]], Callable[[Random, str], Drawn]]:
    """Enters a recipe for ops of `ai.onnx.ml`."""
    return entering(ML_RECIPES, names, since)


def entering(
    table: dict[str, tuple[int, Recipe]], names: Sequence[str], since: int
) -> Callable[[Callable[[Random, str], Drawn]], Callable[[Random, str], Drawn]]:
    """Enters a recipe in a table."""

    def enter(function: Callable[[Random, str], Drawn]) -> Callable[[Random, str], Drawn]:
        for name in names:
            table[name] = (since, lambda random, name=name: function(random, name))
        return function

    return enter
