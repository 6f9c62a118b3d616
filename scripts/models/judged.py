"""Who is right where random models disagree: the kinds that are known, each with what the specification says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Judged:
    """A kind of disagreement."""

    ops: str
    """The ops that it is about, as a regular expression for all of the name."""
    right: str
    """Who is right: `ours`, `onnxruntime`, `evaluator`, `nobody` where the specification says nothing."""
    what: str
    """What disagrees, and what the specification says."""
    ours: str = "ran"
    """What our side did, as a regular expression for its beginning; the same for the others."""
    onnxruntime: str = ""
    evaluator: str = ""
    types: str = ""
    """A piece of the types of the inputs, as a regular expression."""
    options: str = ""
    opsets: range = range(0, 1000)


KINDS: tuple[Judged, ...] = (
    Judged(
        "GlobalMaxPool",
        "ours",
        "the evaluator drops spatial axes where there aren't two of them; by the specification each stays, of size 1 (onnxruntime agrees)",
        onnxruntime="same|\\[ONNXRuntimeError\\]",
        evaluator="differs",
    ),
    Judged(
        "Reduce.*",
        "ours",
        "onnxruntime gives the shape of the input where it has no element; by the specification reduced axes are of size 1, or gone "
        "(the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
        types=r"^\w+\[[^]]*\b0\b",
    ),
    Judged(
        "Slice",
        "ours",
        "the evaluator slices as NumPy does; by the specification a start before the front of an axis is its first element where the "
        "step is negative (onnxruntime agrees)",
        onnxruntime="same|\\[ONNXRuntimeError\\]",
        evaluator="differs",
    ),
    Judged(
        "MaxPool",
        "ours",
        "the evaluator gives another number of windows with `ceil_mode` or pads along three axes (onnxruntime agrees with us)",
        onnxruntime="same",
        evaluator="differs",
    ),
    Judged(
        "MaxPool|AveragePool|LpPool",
        "ours",
        "onnxruntime rounds the number of windows towards 0, and so has one where the kernel doesn't fit; the formula of the "
        "specification rounds down, to none (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
    ),
    Judged(
        "MaxPool|AveragePool|LpPool",
        "ours",
        "the evaluator gives no window where the formula of the specification gives fewer than none; that is refused (by onnxruntime too)",
        ours="error: .*breaks C4",
        onnxruntime="\\[ONNXRuntimeError\\]",
        evaluator="ran",
    ),
)


def explained(outcome: Any) -> Judged | None:
    """The first kind that an outcome is of."""
    for kind in KINDS:
        fits = (
            re.fullmatch(kind.ops, outcome.op)
            and re.match(kind.ours, outcome.ours)
            and re.match(kind.onnxruntime, outcome.onnxruntime)
            and re.match(kind.evaluator, outcome.evaluator)
            and re.search(kind.types, outcome.types)
            and re.search(kind.options, outcome.options)
            and outcome.opset in kind.opsets
        )
        if fits:
            return kind
    return None
