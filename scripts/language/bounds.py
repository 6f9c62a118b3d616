"""How far a result may be off where a transcendental function or a sum went in, and `apply`, which runs one op.

A transcendental function isn't computed to the bit by everybody, and sums are taken in any order, so a value carries beside its elements how far each
may be off (`Value.error`; None: they are exact to the bit). What moves elements moves that too, a few ops make it
larger, and every other op refuses it (`Unspecified`). Each function here gives the errors of all results of an op:
arrays of f64 of their dims, or None.
"""

from __future__ import annotations

import math

import numpy as np

import dtypes
from dtypes import dtype_of, is_float, is_integer, widen
from ops import OPS, Failed, Unspecified, Value, axis_of, reduction_of


def apply(name: str, operands: list[Value | None], attributes: dict, results: int) -> list[Value]:
    """The results of one op. Raises `Failed` where it can't be computed, `Unspecified` where nobody says how."""
    row = OPS[name]
    arrays = [None if value is None else value.data for value in operands]
    if "results" in row.attributes:
        attributes = attributes | {"results": results}
    inexact = any(value is not None and value.error is not None for value in operands)
    if inexact and row.errors is None:
        raise Unspecified(f"{name} of a value that isn't exact")
    with np.errstate(all="ignore"):
        try:
            found = row.function(*arrays, **attributes)
            found = list(found) if isinstance(found, tuple) else [found]
            errors = [None] * len(found)
            if row.errors is not None:
                errors = row.errors(row, operands, attributes, found)
        except (ValueError, IndexError, OverflowError) as error:
            raise Failed(f"{name}: {error}") from error
    return [Value(np.asarray(data), error) for data, error in zip(found, errors)][:results]


def errors_for(*names):
    def add(function):
        for name in names:
            OPS[name].errors = function
        return function

    return add


def error_of(value):
    return np.zeros(value.data.shape) if value.error is None else value.error


def is_inexact(operands):
    return any(value is not None and value.error is not None for value in operands)


def checked(operands, result, error):
    """The error, where results are finite; what isn't finite must not hang on the error."""
    wide, name = widen(result), dtype_of(result)
    from_finite = np.ones((), bool)
    for value in operands:
        if value is not None and is_float(dtype_of(value.data)):
            from_finite = from_finite & np.isfinite(widen(value.data))
    finite = np.isfinite(wide)
    if (~finite & from_finite).any() or (finite & (np.abs(wide) + error >= dtypes.FORMATS[name].largest)).any():
        raise Unspecified("near the end of the range, and not exact")
    return np.where(finite, error, 0.0)


@errors_for("exp", "log", "tanh", "sigmoid", "erf", "sin", "cos", "pow")
def transcendental(row, operands, attributes, results):
    """Two libraries differ by a few units of f64, and so by at most one of the dtype."""
    if row.name == "pow" and is_integer(dtype_of(results[0])):
        if is_inexact(operands):
            raise Unspecified("an integer power of what isn't exact")
        return [None]
    wide, name = widen(results[0]), dtype_of(results[0])
    error = np.where(np.isfinite(wide), np.abs(wide) * 2.0**-50 + dtypes.unit(wide, name), 0.0)
    if is_inexact(operands):
        if row.name not in ("tanh", "sigmoid", "erf", "sin", "cos"):
            raise Unspecified(f"{row.name} of what isn't exact")
        # Their slopes are at most 2 / sqrt(pi).
        error = checked(operands, results[0], error + 1.13 * operands[0].error)
    return [error]


@errors_for("softmax")
def softmax_error(row, operands, attributes, results):
    """exp of a difference that is rounded: a relative error of so many units as the difference is large."""
    if is_inexact(operands):
        raise Unspecified("softmax of what isn't exact")
    x, y = operands[0].data, widen(results[0])
    axis = axis_of(attributes.get("axis", -1), x.ndim)
    wide = widen(x)
    away = wide.max(axis=axis, keepdims=True, initial=-np.inf) - wide
    away = np.where(np.isfinite(away), away, 0.0)
    epsilon = 2.0**-52 if dtype_of(x) == "f64" else 2.0**-23
    relative = (away + x.shape[axis] + 4) * epsilon
    return [np.where(np.isfinite(y), y * relative + dtypes.unit(y, dtype_of(x)), 0.0)]


@errors_for("layer_normalization")
def layer_normalization_error(row, operands, attributes, results):
    """Each step rounds in f32, the mean is taken away: relative to the largest |x| over the deviation."""
    if is_inexact(operands):
        raise Unspecified("a normalisation of what isn't exact")
    x, scale = widen(operands[0].data), widen(operands[1].data)
    name, y = dtype_of(operands[0].data), widen(results[0])
    axes = tuple(range(axis_of(attributes.get("axis", -1), x.ndim), x.ndim))
    count = math.prod(x.shape[axis] for axis in axes)
    deviation = np.sqrt(x.var(axis=axes, keepdims=True) + attributes.get("epsilon", 1e-5))
    spread = np.abs(x).max(axis=axes, keepdims=True, initial=0.0) / deviation
    if not (spread < 1e3).all():
        raise Unspecified("a normalisation of what is nearly constant")
    relative = (spread + count + 8) * 2.0**-22
    # No |y| before scale and bias is above the root of how many there are.
    most = np.sqrt(np.full(spread.shape, count + 1.0))
    error = np.abs(scale) * (relative * most + dtypes.unit(most, name)) + 2 * dtypes.unit(y, name)
    if len(operands) > 2 and operands[2] is not None:
        error = error + dtypes.unit(widen(operands[2].data), name)
    errors = [np.broadcast_to(error, y.shape), deviation * relative, relative / deviation]
    return [np.array(error) for error in errors[: len(results)]]


def quantum(terms):
    """The largest power of two of which all terms of each line, the last axis, are multiples; 1 for no terms."""
    mantissas, exponents = np.frexp(np.where(np.isfinite(terms), terms, 0.0))
    integers = (np.abs(mantissas) * 2.0**53).astype(np.int64)
    lowest = np.frexp((integers & -integers).astype(np.float64))[1] - 1 - 53 + exponents
    return np.ldexp(1.0, np.where(integers == 0, 1023, lowest).min(axis=-1, initial=1023))


def order_error(terms, result):
    """The errors of sums of terms, each line one sum: none where all orders, and sums in f32, give the same."""
    name = dtype_of(result)
    finite = np.where(np.isfinite(terms), terms, 0.0)
    size = np.abs(finite).sum(axis=-1)
    digits = 53 if name == "f64" else 24
    exact = size / quantum(terms) < 2.0**digits
    if not (exact | (size < dtypes.FORMATS[name].largest)).all():
        raise Unspecified("a sum that overflows in some orders")
    error = terms.shape[-1] * size * 2.0 ** (1 - digits)
    error = error.reshape(result.shape) + dtypes.unit(widen(result), name)
    error = np.where(exact.reshape(result.shape) | ~np.isfinite(widen(result)), 0.0, error)
    return [error] if error.any() else [None]


@errors_for("reduce_sum", "reduce_mean")
def reduction_error(row, operands, attributes, results):
    """Nobody says in which order terms are added, nor in how many bits."""
    if is_inexact(operands):
        raise Unspecified(f"{row.name} of what isn't exact")
    x = operands[0].data
    if not is_float(dtype_of(x)) or not results[0].size:
        return [None]
    lines = []

    def keep(terms, _):
        lines.append(terms)
        return np.zeros(len(terms))

    axes = None if len(operands) < 2 or operands[1] is None else operands[1].data
    reduction_of(keep)(x, axes, **attributes)
    return order_error(lines[0], results[0])


@errors_for("matmul")
def matmul_error(row, operands, attributes, results):
    """The same, for sums of products."""
    if is_inexact(operands):
        raise Unspecified("matmul of what isn't exact")
    a, b = (value.data for value in operands)
    if not is_float(dtype_of(a)) or not results[0].size:
        return [None]
    left = widen(a) if a.ndim > 1 else widen(a)[None, :]
    right = widen(b) if b.ndim > 1 else widen(b)[:, None]
    return order_error(left[..., :, None, :] * right.swapaxes(-1, -2)[..., None, :, :], results[0])


@errors_for("add", "sub")
def sum_error(row, operands, attributes, results):
    if not is_inexact(operands):
        return [None]
    error = error_of(operands[0]) + error_of(operands[1]) + dtypes.unit(widen(results[0]), dtype_of(results[0]))
    return [checked(operands, results[0], error)]


@errors_for("mul")
def product_error(row, operands, attributes, results):
    if not is_inexact(operands):
        return [None]
    (a, b), (ea, eb) = (widen(value.data) for value in operands), (error_of(value) for value in operands)
    error = np.abs(a) * eb + np.abs(b) * ea + ea * eb + dtypes.unit(widen(results[0]), dtype_of(results[0]))
    return [checked(operands, results[0], np.where(np.isnan(error), 0.0, error))]


@errors_for("neg", "abs")
def same_error(row, operands, attributes, results):
    return [operands[0].error]


@errors_for("cast")
def cast_error(row, operands, attributes, results):
    if not is_inexact(operands):
        return [None]
    name = dtype_of(results[0])
    if not is_float(name):
        raise Unspecified("a cast of what isn't exact")
    return [checked(operands, results[0], operands[0].error + dtypes.unit(widen(results[0]), name))]


@errors_for("is_finite")
def finite_error(row, operands, attributes, results):
    if is_inexact(operands):
        checked([], np.where(np.isfinite(widen(operands[0].data)), operands[0].data, 0), operands[0].error)
    return [None]


@errors_for("shape", "size", "fill", "eye_like")
def no_error(row, operands, attributes, results):
    """Only the dims of the operand matter."""
    return [None]


MOVES = [
    "identity",
    "transpose",
    "reshape",
    "flatten",
    "concat",
    "slice",
    "split",
    "gather",
    "expand",
    "squeeze",
    "unsqueeze",
    "tile",
]


@errors_for(*MOVES, "where")
def moved_error(row, operands, attributes, results):
    """Errors move as the elements do; the other operands say where to."""
    if not is_inexact(operands):
        return [None] * len(results)
    first = 1 if row.name == "where" else 0
    if row.name != "concat" and any(
        value is not None and value.error is not None for value in operands[first + (2 if first else 1) :]
    ):
        raise Unspecified("an index that isn't exact")
    data = len(operands) if row.name == "concat" else first + (2 if first else 1)
    arrays = [
        None if value is None else error_of(value) if first <= place < data else value.data
        for place, value in enumerate(operands)
    ]
    found = row.function(*arrays, **attributes)
    return list(found) if isinstance(found, tuple) else [found]
