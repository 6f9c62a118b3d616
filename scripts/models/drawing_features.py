"""Recipes of random nodes of `ai.onnx.ml` that prepare features, and name what comes out."""

from __future__ import annotations

from typing import Any

import numpy
from onnx import numpy_helper

from drawing import Array, Drawn, Random, ml_recipe
from drawing_trees import WORDS, floats, matrix


def texts(r: Random, shape: list[int]) -> Array:
    """Words, some of which no list of keys has."""
    return numpy.array([r.one((*WORDS, "", "Ä")) for _ in range(int(numpy.prod(shape)))], object).reshape(shape)


def kind_of_x(r: Random) -> str:
    """A dtype that the ops of features take."""
    return r.one(("float32", "float32", "float64", "int64", "int32"))


@ml_recipe("Scaler")
def scaled(r: Random, op: str) -> Drawn:
    """By one number, or one for each column."""
    x = r.special(r.one(([r.int(0, 3), r.int(1, 4)], [r.int(1, 5)])), kind_of_x(r))
    count = r.one((1, x.shape[-1]))
    options = {"offset": floats(r, count), "scale": floats(r, count)}
    return Drawn(op, [x], options)


@ml_recipe("Normalizer")
def normalised(r: Random, op: str) -> Drawn:
    """By the largest, the sum, the length; rows of zeros among them."""
    x = r.array(r.one(([r.int(0, 4), r.int(1, 4)], [r.int(1, 5)])), kind_of_x(r))
    if x.ndim == 2 and len(x) and r.chance(0.3):
        x[0] = 0
    return Drawn(op, [x], {"norm": r.one(("MAX", "L1", "L2"))} if r.chance(0.9) else {})


@ml_recipe("Binarizer")
def binarised(r: Random, op: str) -> Drawn:
    """What is larger than a threshold."""
    return Drawn(op, [r.special(r.shape(0, 4), kind_of_x(r))], {"threshold": float(r.one((-1.0, 0.0, 0.5, 2.0)))})


@ml_recipe("Imputer")
def filled(r: Random, op: str) -> Drawn:
    """What is missing replaced."""
    x = r.array([r.int(0, 4), r.int(1, 4)], kind_of_x(r))
    count = r.one((1, x.shape[-1]))
    if x.dtype.kind == "i":
        return Drawn(op, [x], {"imputed_value_int64s": [r.int(-9, 9) for _ in range(count)], "replaced_value_int64": r.int(-2, 2)})
    nan = r.chance(0.5)
    x = numpy.where(r.of.random(x.shape) < 0.3, numpy.nan if nan else 1.0, x).astype(x.dtype)
    return Drawn(op, [x], {"imputed_value_floats": floats(r, count), "replaced_value_float": float("nan") if nan else 1.0})


@ml_recipe("LabelEncoder")
def encoded(r: Random, op: str) -> Drawn:
    """One thing for another, of every pair of kinds."""
    words = list(WORDS[: r.int(1, 5)])
    if r.opset == 1:
        options: dict[str, Any] = {"classes_strings": words, "default_int64": r.int(-3, 9), "default_string": "none"}
        x = texts(r, r.shape(1, 3)) if r.chance(0.5) else r.array(r.shape(1, 3), "int64")
        return Drawn(op, [x], options)
    lists: dict[str, Any] = {"strings": words, "int64s": [int(held) for held in r.of.permutation(9)[: len(words)] - 3],
                             "floats": [float(held) / 2 for held in r.of.permutation(9)[: len(words)] - 3]}
    keys, values = r.one(tuple(lists)), r.one(tuple(lists))
    shape = r.shape(1, 3)
    x = {"strings": lambda: texts(r, shape), "int64s": lambda: r.array(shape, "int64"),
         "floats": lambda: numpy.round(r.array(shape, "float32") * 2) / numpy.float32(2)}[keys]()
    defaults = {"strings": ("default_string", "none"), "int64s": ("default_int64", r.int(-9, 9)), "floats": ("default_float", 2.5)}
    options = {f"keys_{keys}": lists[keys], f"values_{values}": [lists[values][at] for at in r.of.permutation(len(words))]}
    name, default = defaults[values]
    if r.opset >= 4 and r.chance(0.4) and keys != "strings" and values != "strings":
        dtypes = {"int64s": "int64", "floats": r.one(("float32", "float64"))}
        kind = {"keys": dtypes[keys], "values": r.one(("int64", "float32", "float64", "int32", "int16"))}
        tensors = {"keys": numpy.array(lists[keys], kind["keys"]), "values": numpy.array(lists[values], kind["values"]),
                   "default": numpy.array([3], kind["values"])}
        options = {f"{part}_tensor": numpy_helper.from_array(held) for part, held in tensors.items()}
        return Drawn(op, [x.astype(kind["keys"])], options)
    return Drawn(op, [x], options | ({name: default} if r.chance(0.7) else {}))


@ml_recipe("CategoryMapper")
def mapped(r: Random, op: str) -> Drawn:
    """Words to numbers or back."""
    words = list(WORDS[: r.int(1, 5)])
    options = {"cats_strings": words, "cats_int64s": [int(held) for held in r.of.permutation(9)[: len(words)] - 3],
               "default_int64": r.int(-9, 9), "default_string": "none"}
    return Drawn(op, [texts(r, r.shape(1, 3)) if r.chance(0.5) else r.array(r.shape(1, 3), "int64")], options)


@ml_recipe("OneHotEncoder")
def marked(r: Random, op: str) -> Drawn:
    """A column for each category."""
    shape = r.shape(1, 2)
    options: dict[str, Any] = {"zeros": 1} if r.chance(0.8) else {"zeros": 0}
    if r.chance(0.4):
        x = texts(r, shape) if options["zeros"] else numpy.full(shape, WORDS[0], object)
        return Drawn(op, [x], {"cats_strings": list(WORDS[: r.int(1, 5)]), **options})
    x = r.array(shape, kind_of_x(r))
    x = x if options["zeros"] else numpy.full_like(x, 3)
    return Drawn(op, [x], {"cats_int64s": [3, *(int(held) for held in r.of.permutation(3)[: r.int(0, 3)] - 1)], **options})


@ml_recipe("ArrayFeatureExtractor")
def extracted(r: Random, op: str) -> Drawn:
    """Columns by their numbers."""
    shape = r.full(1, 4)
    places = r.of.integers(0, shape[-1], [1, r.int(1, 4)] if r.chance(0.7) else [r.int(1, 4)]).astype(numpy.int64)
    x = texts(r, shape) if r.chance(0.2) else r.array(shape, kind_of_x(r))
    return Drawn(op, [x, places], {}, (1,) if r.chance(0.7) else ())


@ml_recipe("FeatureVectorizer")
def joined(r: Random, op: str) -> Drawn:
    """Matrices side by side."""
    rows, dtype = r.int(1, 3), kind_of_x(r)
    widths = [r.int(1, 4) for _ in range(r.int(1, 3))]
    cut = [width if r.chance(0.7) else max(1, width + r.int(-1, 2)) for width in widths]
    return Drawn(op, [r.array([rows, width], dtype) for width in widths], {"inputdimensions": cut})


@ml_recipe("ZipMap")
def zipped(r: Random, op: str) -> Drawn:
    """Scores with the names of their classes."""
    count = r.int(1, 5)
    x = matrix(r, count, "float32")
    if r.chance(0.5):
        return Drawn(op, [x], {"classlabels_strings": [WORDS[at] for at in r.of.permutation(len(WORDS))[:count]]})
    return Drawn(op, [x], {"classlabels_int64s": [int(held) for held in r.of.permutation(9)[:count] - 3]})
