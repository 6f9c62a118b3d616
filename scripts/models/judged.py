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


NOT_BY_THEM = "same|\\[ONNXRuntimeError\\]"
"""What onnxruntime says where the evaluator alone is wrong: the same as ours, or it doesn't run the model."""

KINDS: tuple[Judged, ...] = (
    Judged(
        "LSTM",
        "ours",
        "onnxruntime doesn't clip the cell before the last activation; by the specification `clip` is applied to the input of activations",
        onnxruntime="differs",
        options='"clip"',
    ),
    Judged(
        "LSTM|GRU|RNN",
        "ours",
        "the evaluator reads neither `clip` nor `input_forget` (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options='"clip"|"input_forget"',
    ),
    Judged(
        "LSTM|GRU|RNN",
        "ours",
        "the evaluator doesn't read `sequence_lens` (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        types=r"int32\[",
    ),
    Judged(
        "Gemm",
        "ours",
        "onnxruntime doesn't multiply the third term by `beta` where the sums have no terms (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
        types=r"\[0, |, 0\]",
    ),
    Judged(
        "Softmax|LogSoftmax|Hardmax",
        "ours",
        "before version 13 they go over all axes from `axis` on; the evaluator goes over that one alone (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        opsets=range(0, 13),
    ),
    Judged(
        "LpNormalization",
        "ours",
        "the evaluator sums numbers instead of their absolute values (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options='"p": 1',
    ),
    Judged(
        "Resize",
        "ours",
        "with `align_corners` and scales onnxruntime takes the rounded length of the result; the official tests take that before rounding "
        "(the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
        options='"align_corners"',
    ),
    Judged(
        "GridSample",
        "ours",
        "the evaluator moves the place to the border before the four taps of cubic; each tap is moved (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options='"cubic".*"border"|"bicubic".*"border"',
    ),
    Judged(
        "BatchNormalization",
        "ours",
        "before version 14 one output means inference; the evaluator takes mean and variance of the input (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        opsets=range(0, 14),
    ),
    Judged(
        "ConvTranspose",
        "ours",
        "the evaluator gives something else where there are groups (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options='"group": [^1]',
    ),
    Judged(
        "Scaler|Normalizer|FeatureVectorizer|LinearClassifier|SVMClassifier|TreeEnsembleClassifier|TreeEnsembleRegressor",
        "ours",
        "the evaluator gives f64 where it is given f64 or integers; by the schema the result is f32 (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        types=r"^(float64|int64|int32)\[",
    ),
    Judged(
        "LinearClassifier",
        "ours",
        "the evaluator gives NaN where there are no intercepts, which are optional (onnxruntime refuses to run without them)",
        onnxruntime="\\[ONNXRuntimeError\\].*",
        evaluator="differs",
        options="^(?!.*intercepts)",
    ),
    Judged(
        "LinearClassifier|SVMClassifier|TreeEnsembleClassifier",
        "ours",
        "the class is that of the largest score; the evaluator takes it of what `PROBIT` made of them, NaN among that (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options="PROBIT",
    ),
    Judged(
        "LinearRegressor|SVMRegressor|TreeEnsembleRegressor",
        "ours",
        "onnxruntime leaves the score of a single target as it is; by the schema `post_transform` is applied to it",
        onnxruntime="differs",
        options='"post_transform": "(LOGISTIC|SOFTMAX|SOFTMAX_ZERO)"',
    ),
    Judged(
        "LinearRegressor",
        "ours",
        "the evaluator gives NaN where there are no intercepts, which are optional (onnxruntime agrees)",
        onnxruntime="same",
        evaluator="differs",
        options="^(?!.*intercepts)",
    ),
    Judged(
        "Normalizer",
        "ours",
        "the evaluator divides by the largest absolute value; the largest is meant (onnxruntime agrees)",
        onnxruntime="same",
        evaluator="differs",
        options="^{}|MAX",
    ),
    Judged(
        "OneHotEncoder",
        "ours",
        "by the schema floats are cast to integers; the evaluator compares them as they are (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        types=r"^float",
        options="cats_int64s",
    ),
    Judged(
        "TreeEnsembleClassifier",
        "ours",
        "of two classes with weights for both onnxruntime adds the second of two base values to the first's score, and takes it for both; "
        "each belongs to its class (the evaluator agrees where it runs the model)",
        onnxruntime="differs",
        options=r'"base_values": \[[^],]+, [^],]+\]',
    ),
    Judged(
        "TreeEnsembleClassifier",
        "ours",
        "onnxruntime leaves base values out where no leaf that is reached has a weight; they belong to each row",
        onnxruntime="differs",
        evaluator="KeyError",
        options='"base_values"',
    ),
    Judged(
        "TreeEnsembleClassifier",
        "nobody",
        "a class for which no leaf that is reached has a weight has the score 0 here; onnxruntime doesn't let it compete, and the "
        "evaluator takes the class of what the transform made of the scores; the specification says nothing",
        onnxruntime="differs",
        options=r'"classlabels_\w+": \[[^],]+, [^],]+, ',
    ),
    Judged(
        "TreeEnsembleClassifier|SVMClassifier",
        "ours",
        "of two classes with scores for both, onnxruntime takes the second where a score is positive, though the first's is larger; by "
        "the specification it is the top class (the evaluator agrees where it runs the model)",
        onnxruntime="differs",
        options=r'"classlabels_\w+": \[[^],]+, [^],]+\]',
    ),
    Judged(
        "LinearClassifier|SVMClassifier|TreeEnsembleClassifier",
        "nobody",
        "the specification doesn't say what `PROBIT` makes of one score for two classes; onnxruntime writes one number where two are read, "
        "so it is refused here",
        ours='error: .*"PROBIT" of one score for two classes',
    ),
    Judged(
        "LinearClassifier|SVMClassifier|TreeEnsembleClassifier",
        "nobody",
        "the specification doesn't say what becomes of one score for two classes; it is as onnxruntime has it",
        onnxruntime="same",
        evaluator="differs",
    ),
    Judged(
        "LinearClassifier",
        "ours",
        "the evaluator takes coefficients that aren't as many as scores and features ask for (onnxruntime refuses too)",
        ours="error: .*(coefficients for|breaks C2)",
        onnxruntime="\\[ONNXRuntimeError\\]",
        evaluator="ran",
    ),
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
    Judged(
        "MaxPool|AveragePool|LpPool",
        "ours",
        "with `auto_pad` SAME onnxruntime computes pads as if there were no dilations, and so gives fewer windows than the formula of the specification",
        onnxruntime="differs",
        options='"dilations".*"auto_pad": "SAME',
    ),
    Judged(
        "MaxPool|AveragePool|LpPool",
        "ours",
        "with `auto_pad` SAME the evaluator gives other windows than the formula, and cuts where pads would be below 0; here none is below 0, as in "
        "TensorFlow, to which the specification points (onnxruntime refuses that)",
        onnxruntime="\\[ONNXRuntimeError\\]",
        evaluator="differs",
        options='"auto_pad": "SAME',
    ),
    Judged(
        "AveragePool",
        "ours",
        "the evaluator takes other elements with `ceil_mode`, dilations and pads along three axes (onnxruntime agrees with us)",
        onnxruntime="same",
        evaluator="differs",
    ),
    Judged(
        "Resize",
        "ours",
        "with `pytorch_half_pixel` and one element the evaluator reads at -0.5; by the specification that is 0 (onnxruntime agrees)",
        onnxruntime=NOT_BY_THEM,
        evaluator="differs",
        options='"pytorch_half_pixel"',
    ),
    Judged(
        "QLinearMatMul",
        "ours",
        "onnxruntime gives 0 for a sum of no products; by the specification it is the zero point (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
        types=", 0\\]",
    ),
    Judged(
        "MeanVarianceNormalization",
        "ours",
        "onnxruntime divides 0 by 0 where all numbers are the same; the function of the specification adds 1e-9 to the deviation (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
    ),
    Judged(
        "Hardmax|Softmax|LogSoftmax",
        "nobody",
        "the default axis 1 of a vector, before version 13; onnxruntime refuses it too",
        ours="error: .*axis 1 is outside",
        onnxruntime="\\[ONNXRuntimeError\\]",
        evaluator="ran",
    ),
    Judged(
        "LpPool",
        "ours",
        "with `auto_pad` SAME onnxruntime cuts where pads would be below 0; here none is below 0, as in TensorFlow, to which the specification points",
        onnxruntime="differs",
        evaluator="ValueError",
        options='"auto_pad": "SAME',
    ),
    Judged(
        "ReduceLogSumExp",
        "ours",
        "the evaluator gives NaN where all numbers are -inf; the logarithm of a sum of zeros is -inf (onnxruntime agrees)",
        onnxruntime="same",
        evaluator="differs",
    ),
    Judged(
        "ReduceLogSumExp",
        "ours",
        "onnxruntime gives inf for a NaN beside an infinity; a sum with NaN is NaN (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
    ),
    Judged(
        "MatMulInteger",
        "ours",
        "onnxruntime gives what lies in memory for sums of no products, something else from run to run; they are 0 (the evaluator agrees)",
        onnxruntime="differs",
        evaluator="same",
        types=", 0\\]",
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
