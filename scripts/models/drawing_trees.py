"""Recipes of random nodes of `ai.onnx.ml` that hold a model: linear ones, support vectors, ensembles of trees."""

from __future__ import annotations

from typing import Any

import numpy

from drawing import Array, Drawn, Random, ml_recipe

TRANSFORMS = ("NONE", "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
WORDS = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")


def matrix(r: Random, width: int, dtype: str = "") -> Array:
    """Rows of features."""
    return r.array([r.one((0, 1, 2, 3, 5)), width], dtype or r.one(("float32", "float32", "float64", "int64", "int32")))


def floats(r: Random, count: int) -> list[float]:
    """So many coefficients."""
    return [float(value) for value in r.array([count]) * numpy.float32(0.5)]


def classes(r: Random, count: int, integers: str) -> dict[str, Any]:
    """Labels of classes: texts, or integers in the attribute of this name."""
    if r.chance(0.5):
        return {"classlabels_strings": list(WORDS[:count])}
    return {integers: [int(label) for label in r.of.permutation(9)[:count] - 2]}


@ml_recipe("LinearClassifier")
def linear_classifier(r: Random, op: str) -> Drawn:
    """A score for each class, or one for two."""
    width, count = r.int(1, 4), r.int(2, 4)
    rows = 1 if count == 2 and r.chance(0.4) else count
    options = {"coefficients": floats(r, rows * width), "post_transform": r.one(TRANSFORMS)}
    if r.chance(0.7):
        options["intercepts"] = floats(r, rows)
    if r.chance(0.3):
        options["multi_class"] = r.int(0, 1)
    return Drawn(op, [matrix(r, width)], options | classes(r, count, "classlabels_ints"), (), 2)


@ml_recipe("LinearRegressor")
def linear_regressor(r: Random, op: str) -> Drawn:
    """One target or some."""
    width, targets = r.int(1, 4), r.int(1, 3)
    options = {"coefficients": floats(r, targets * width), "targets": targets, "post_transform": r.one(TRANSFORMS)}
    if r.chance(0.7):
        options["intercepts"] = floats(r, targets)
    return Drawn(op, [matrix(r, width, "float32")], options)


def kernel(r: Random) -> dict[str, Any]:
    """The kernel of support vectors."""
    return {"kernel_type": r.one(("LINEAR", "POLY", "RBF", "SIGMOID")),
            "kernel_params": [float(r.one((0.1, 0.5, 1.0))), float(r.one((0.0, 0.5))), float(r.int(1, 3))]}


@ml_recipe("SVMRegressor")
def vector_regressor(r: Random, op: str) -> Drawn:
    """Sums over support vectors, or a linear model without any."""
    width, count = r.int(1, 4), r.int(0, 4)
    options = kernel(r) | {"rho": floats(r, 1), "n_supports": count, "post_transform": r.one(("NONE", "LOGISTIC"))}
    options |= {"one_class": 1} if r.chance(0.2) else {}
    if not count:
        options |= {"coefficients": floats(r, width), "kernel_type": "LINEAR"}
    else:
        options |= {"coefficients": floats(r, count), "support_vectors": floats(r, count * width)}
    return Drawn(op, [matrix(r, width, "float32")], options)


@ml_recipe("SVMClassifier")
def vector_classifier(r: Random, op: str) -> Drawn:
    """Votes of each two classes, with or without probabilities, or a linear model."""
    width, count = r.int(1, 4), r.int(2, 4)
    options = kernel(r) | classes(r, count, "classlabels_ints") | {"post_transform": r.one(TRANSFORMS)}
    pairs = count * (count - 1) // 2
    if r.chance(0.2):
        options |= {"coefficients": floats(r, count * width), "rho": floats(r, 1), "kernel_type": "LINEAR"}
        return Drawn(op, [matrix(r, width)], options, (), 2)
    each = [r.int(1, 2) for _ in range(count)]
    options |= {"vectors_per_class": each, "support_vectors": floats(r, sum(each) * width), "rho": floats(r, pairs),
                "coefficients": floats(r, (count - 1) * sum(each))}
    if r.chance(0.4):
        options |= {"prob_a": [-abs(value) for value in floats(r, pairs)], "prob_b": floats(r, pairs)}
    return Drawn(op, [matrix(r, width)], options, (), 2)


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def forest(r: Random, width: int) -> tuple[dict[str, list[Any]], list[tuple[int, int]]]:
    """Trees of up to three levels as the attributes `nodes_…`, and the tree and number of each leaf."""
    nodes: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids",
                                                         "falsenodeids", "missing_value_tracks_true", "hitrates")}
    leaves: list[tuple[int, int]] = []
    # One mode for all, as most writers have it, or any at each node.
    same = r.one(MODES) if r.chance(0.7) else None

    def grow(tree: int, number: int, depth: int) -> int:
        """Adds a node and those below it; gives the next free number."""
        leaf = depth == 3 or r.chance(0.3)
        place = len(nodes["nodeids"])
        # Thresholds are numbers that features have, too.
        mode = "LEAF" if leaf else same or r.one(MODES)
        row = {"treeids": tree, "nodeids": number, "featureids": 0 if leaf else r.int(0, width - 1), "modes": mode,
               "values": 0.0 if leaf else float(r.one((-1.0, 0.0, 0.5, 1.0, 2.0))), "truenodeids": 0, "falsenodeids": 0,
               "missing_value_tracks_true": 0 if leaf else r.int(0, 1), "hitrates": 1.0}
        for name, value in row.items():
            nodes[name].append(value)
        if leaf:
            leaves.append((tree, number))
            return number + 1
        nodes["truenodeids"][place] = number + 1
        after = grow(tree, number + 1, depth + 1)
        nodes["falsenodeids"][place] = after
        return grow(tree, after, depth + 1)

    for tree in range(r.int(1, 3)):
        grow(tree, 0, 0)
    if r.chance(0.5):
        del nodes["missing_value_tracks_true"]
    if r.chance(0.5):
        del nodes["hitrates"]
    return {f"nodes_{name}": values for name, values in nodes.items()}, leaves


@ml_recipe("TreeEnsembleClassifier", "TreeEnsembleRegressor")
def trees(r: Random, op: str) -> Drawn:
    """Sums, means, least and largest of what leaves say."""
    width, count = r.int(1, 3), r.int(1, 3)
    options, leaves = forest(r, width)
    kind = "class" if op.endswith("Classifier") else "target"
    rows = [(tree, node, place) for tree, node in leaves for place in range(count) if r.chance(0.8)] or [(*leaves[0], 0)]
    options |= {f"{kind}_treeids": [row[0] for row in rows], f"{kind}_nodeids": [row[1] for row in rows],
                f"{kind}_ids": [row[2] for row in rows], f"{kind}_weights": floats(r, len(rows))}
    options["post_transform"] = r.one(TRANSFORMS)
    if r.chance(0.4):
        options["base_values"] = floats(r, count)
    x = matrix(r, width)
    if x.dtype.kind == "f":
        x = numpy.where(r.of.random(x.shape) < 0.3, numpy.round(x), x).astype(x.dtype)
        if r.chance(0.2):
            x = numpy.where(r.of.random(x.shape) < 0.3, numpy.nan, x).astype(x.dtype)
    if kind == "class":
        count = 2 if count == 1 else count
        return Drawn(op, [x], options | classes(r, count, "classlabels_int64s"), (), 2)
    options |= {"n_targets": count} | ({"aggregate_function": r.one(("SUM", "AVERAGE", "MIN", "MAX"))} if r.chance(0.6) else {})
    return Drawn(op, [x], options)
