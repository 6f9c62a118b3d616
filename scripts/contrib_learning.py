"""Tests of `ai.onnx.ml` that the official suite doesn't have, and of old experimental ops of the default domain."""

from __future__ import annotations

import numpy
from contrib_kit import Draw, Suite
from onnx import TensorProto, helper

ML = "ai.onnx.ml"
OLD = 7


def experimental(suite: Suite) -> None:
    """Ops that early exporters wrote and no version of ONNX kept."""
    draw = Draw("experimental")
    x = draw.normal(2, 3, 4, 5)
    add = lambda name, op, inputs, **rest: suite.add(name, op, inputs, domain="", version=OLD, **rest)  # noqa: E731
    add("", "Affine", [x], alpha=2.0, beta=-0.5)
    add("", "ScaledTanh", [x], alpha=2.0, beta=0.5)
    add("", "ParametricSoftplus", [x], alpha=2.0, beta=0.5)
    add("", "ImageScaler", [x], scale=2.0, bias=[0.5, -1.0, 2.0])
    add("border", "Crop", [x], border=[1, 1, 2, 1])
    add("scale", "Crop", [x], border=[1, 1, 1, 1], scale=[2, 3])
    add("", "ThresholdedRelu", [x], alpha=0.5)


def support_vectors(suite: Suite) -> None:
    """`SVMClassifier`: kernels, numbers of classes, votes and probabilities, linear models."""
    for kind, parameters in (("LINEAR", [0, 0, 0]), ("RBF", [0.3, 0, 0]), ("POLY", [0.2, 1.0, 2.0]), ("SIGMOID", [0.1, 0.2, 0])):
        for classes in (2, 3, 4):
            for form in ("votes", "probabilities", "positive"):
                if form == "positive" and classes > 2:
                    continue
                name = f"{kind}_{classes}_{form}"
                draw = Draw(f"SVMClassifier {name}")
                counts = [2 + index % 2 for index in range(classes)]
                total, pairs, width = sum(counts), classes * (classes - 1) // 2, 3
                coefficients = draw.normal((classes - 1) * total)
                if form == "positive":
                    coefficients = numpy.abs(coefficients)
                rest = {
                    "coefficients": coefficients.tolist(),
                    "kernel_params": [float(value) for value in parameters],
                    "kernel_type": kind,
                    "rho": draw.normal(pairs).tolist(),
                    "support_vectors": draw.normal(total * width).tolist(),
                    "vectors_per_class": counts,
                    "classlabels_ints": list(range(10, 10 + classes)),
                }
                if form == "probabilities":
                    rest |= {"prob_a": draw.normal(pairs).tolist(), "prob_b": draw.normal(pairs).tolist()}
                inputs = [draw.normal(6, width)]
                suite.add(name, "SVMClassifier", inputs, domain=ML, outputs=["int64", "float32"], **rest)
    draw = Draw("SVMClassifier linear")
    rest = {"kernel_params": [0.0, 0.0, 0.0], "coefficients": draw.normal(9).tolist(), "rho": [0.25], "classlabels_strings": ["a", "b", "c"]}
    suite.add("linear_model", "SVMClassifier", [draw.normal(5, 3)], domain=ML, outputs=["str", "float32"], **rest)
    rest |= {"post_transform": "SOFTMAX"}
    suite.add("linear_softmax", "SVMClassifier", [draw.normal(5, 3)], domain=ML, outputs=["str", "float32"], **rest)


def categories(suite: Suite) -> None:
    """`CategoryMapper` in both directions."""
    pairs = {"cats_strings": ["cat", "dog"], "cats_int64s": [3, 7], "default_int64": 9, "default_string": "none"}
    words = numpy.array(["dog", "cat", "cow"], object)
    suite.add("numbers", "CategoryMapper", [words], domain=ML, outputs=["int64"], **pairs)
    suite.add("strings", "CategoryMapper", [numpy.array([7, 5, 3])], domain=ML, outputs=["str"], **pairs)


def one_score(suite: Suite) -> None:
    """Classifiers that have one score for two classes: what every transform makes of it, but `PROBIT`, which isn't defined."""
    x = Draw("one score").normal(5, 1)
    labels = {"classlabels_strings": ["no", "yes"]}
    tree = {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0], "nodes_values": [0.1, 0.0, 0.0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 0], "classlabels_int64s": [7, -7],
    }  # fmt: skip
    vectors = {"kernel_params": [0.1, 0.0, 0.0], "kernel_type": "LINEAR", "rho": [0.1], "support_vectors": [1.0, 0.5],
               "vectors_per_class": [1, 1], "coefficients": [1.0, -0.5]}  # fmt: skip
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        add = lambda name, op, kind, **rest: suite.add(  # noqa: E731
            f"{name}{transform}", op, [x], domain=ML, outputs=[kind, "float32"], post_transform=transform, **rest  # noqa: B023
        )
        add("one_", "LinearClassifier", "str", coefficients=[1.5], intercepts=[0.25], **labels)
        add("one_", "SVMClassifier", "str", **vectors, **labels)
        add("share_", "TreeEnsembleClassifier", "int64", class_weights=[0.25, 0.75], **tree)
        add("lead_", "TreeEnsembleClassifier", "int64", class_weights=[-0.5, 0.75], **tree)


def features(suite: Suite) -> None:
    """`FeatureVectorizer`: matrices cut, filled up and as they are, of widths that are known or not."""
    draw = Draw("FeatureVectorizer")
    for name, widths in (("same", [2, 3]), ("cut", [1, 2]), ("filled", [4, 3]), ("both", [1, 5])):
        inputs = [draw.normal(3, 2), draw.normal(3, 3)]
        suite.add(name, "FeatureVectorizer", inputs, domain=ML, inputdimensions=widths)


def scans(suite: Suite) -> None:
    """`Scan` of version 8 over sequences of different lengths."""
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("state", "x")]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("sum", "twice")]
    nodes = [helper.make_node("Add", ["state", "x"], ["sum"]), helper.make_node("Add", ["sum", "x"], ["twice"])]
    body = helper.make_graph(nodes, "body", ins, outs)
    draw = Draw("Scan")
    state, x = draw.normal(3, 3), draw.normal(3, 4, 3)
    for name, lengths in (("whole", None), ("lengths", numpy.array([4, 1, 2]))):
        for direction in (0, 1):
            suite.add(
                f"{name}_{direction}", "Scan", [lengths, state, x], domain="", version=8, outputs=["float32"] * 2, body=body,
                num_scan_inputs=1, directions=[direction], symbolic=False,
            )


TESTS = [experimental, support_vectors, categories, one_score, features, scans]
