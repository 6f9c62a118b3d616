"""What the ops compute, each in a few lines of NumPy: written from the `doc` of its row in the op table.

`OPS[name]` has the op's operands (`"x:T low:T? axes:i64? rest*:T"`: operands with the same capital letter
must have the same dtype, `:i64` is the only dtype allowed, `?` may be left out, `*` any number), its
attributes with their defaults, and the function.

`Failed` is a step that can't go on; `Unspecified` is raised where the reference says that either of two results may
be taken, so that no test hangs on it. `bounds.py` has how far results may be off.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import dtypes
from dtypes import convert, dtype_of, is_float, is_integer, narrow, widen


class Failed(Exception):
    """The step fails: what the program asks for can't be done."""


class Unspecified(Exception):
    """The reference doesn't say which of several results is right."""


@dataclass
class Value:
    data: np.ndarray
    error: np.ndarray | None = None


@dataclass
class Operand:
    name: str
    group: str | None  # operands of one group have one dtype
    dtype: str | None  # the only dtype allowed
    optional: bool
    many: bool


@dataclass
class Row:
    name: str
    operands: list[Operand]
    attributes: dict[str, Any]
    function: Callable
    errors: Callable | None = None


OPS: dict[str, Row] = {}
REQUIRED = inspect.Parameter.empty


def op(name: str, operands: str):
    def add(function):
        found = []
        for word in operands.split():
            label, _, kind = word.partition(":")
            optional, kind = kind.endswith("?") or label.endswith("?"), kind.rstrip("?")
            bare = label.rstrip("?*")
            group = kind if len(kind) == 1 else None
            found.append(Operand(bare, group, kind if kind and not group else None, optional, "*" in label))
        keywords = {
            p.name: p.default for p in inspect.signature(function).parameters.values() if p.kind == p.KEYWORD_ONLY
        }
        OPS[name] = Row(name, found, keywords, function)
        return function

    return add


# Elementwise arithmetic.


def elementwise(function, *operands, kind=None):
    """`function` of the elements, computed wide and brought back to the dtype of the first operand."""
    return narrow(function(*map(widen, operands)), kind or dtype_of(operands[0]))


def refuse_zero(a, b):
    """A division by the integer zero is an error."""
    if is_integer(dtype_of(b)) and (np.broadcast(a, b).size > 0) and not b.astype(bool).all():
        raise Failed("an integer is divided by zero")


@op("add", "a:T b:T")
def add(a, b):
    return elementwise(lambda a, b: a + b, a, b)


@op("sub", "a:T b:T")
def sub(a, b):
    return elementwise(lambda a, b: a - b, a, b)


@op("mul", "a:T b:T")
def mul(a, b):
    return elementwise(lambda a, b: a * b, a, b)


def quotient(a, b):
    """a / b: of integers toward zero, wrapping."""
    if a.dtype != np.int64:
        return a // b if a.dtype == np.uint64 else a / b
    down = np.where(b == -1, -a, a // np.where(b == -1, 1, b))
    return np.where((b != -1) & (down < 0) & (down * b != a), down + 1, down)


@op("div", "a:T b:T")
def div(a, b):
    refuse_zero(a, b)
    return elementwise(quotient, a, b)


@op("mod", "a:T b:T")
def mod(a, b, *, fmod=False):
    refuse_zero(a, b)

    def remainder(a, b):
        if a.dtype == np.float64:
            rest = np.fmod(a, b)  # exact, with the sign of a
            if fmod:
                return rest
            moved = np.where((rest < 0) != (b < 0), rest + b, rest)
            return np.where(rest == 0, np.copysign(0.0, b), moved)
        if a.dtype == np.int64:
            b = np.where(b == -1, 1, b)  # nothing remains of either
        return np.fmod(a, b) if fmod else a % b

    return elementwise(remainder, a, b)


@op("pow", "a b")
def pow_(a, b):
    if is_integer(dtype_of(a)) and is_integer(dtype_of(b)):
        a_wide, b_wide = np.broadcast_arrays(widen(a), widen(b))
        powers = [
            integer_power(base, exponent) for base, exponent in zip(a_wide.ravel().tolist(), b_wide.ravel().tolist())
        ]
        return narrow(np.array(powers, dtype=np.uint64).reshape(a_wide.shape), dtype_of(a))
    if is_integer(dtype_of(a)):
        raise Unspecified("an integer to a float power")
    a_wide, b_wide = np.broadcast_arrays(widen(a), widen(b).astype(np.float64))
    powers = [float_power(*pair) for pair in zip(a_wide.ravel().tolist(), b_wide.ravel().tolist())]
    return narrow(np.array(powers, dtype=np.float64).reshape(a_wide.shape), dtype_of(a))


def integer_power(base: int, exponent: int) -> int:
    if exponent >= 0:
        return pow(base, exponent, 1 << 64)
    if base == 0:
        raise Failed("zero to a negative power")
    truncated = {1: 1, -1: -1 if exponent % 2 else 1}.get(base, 0)
    return truncated % (1 << 64)


def float_power(base: float, exponent: float) -> float:
    """IEEE 754 `pow`; NumPy takes the square root where the exponent is 0.5, which differs for -inf."""
    odd = exponent % 2 == 1
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        # Python refuses what isn't a number, and zero to a negative power.
        return math.nan if base != 0 else math.copysign(math.inf, base) if odd else math.inf


def extreme(choose, a, b):
    """The larger or the smaller; a NaN wins. Of zeros with different signs either may be taken."""
    if a.dtype == np.float64 and ((a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))).any():
        raise Unspecified("either of two zeros may be taken")
    return choose(a, b)


def fold_extreme(choose, first, *others):
    result = first
    for other in others:
        result = elementwise(lambda a, b: extreme(choose, a, b), result, other)
    return result


@op("max", "x*:T")
def max_(*xs):
    return fold_extreme(np.maximum, *xs)


@op("min", "x*:T")
def min_(*xs):
    return fold_extreme(np.minimum, *xs)


@op("clip", "x:T low:T? high:T?")
def clip(x, low=None, high=None):
    for bound in (low, high):
        if bound is not None and bound.size != 1:
            raise Failed("a bound of clip has one element")
    if low is not None:
        x = fold_extreme(np.maximum, x, low.reshape(()))
    return x if high is None else fold_extreme(np.minimum, x, high.reshape(()))


@op("relu", "x")
def relu(x, *, negative_slope=0.0, clamp_min=None, clamp_max=None):
    if negative_slope == 0 and clamp_min is None and clamp_max is None:
        return fold_extreme(np.maximum, x, dtypes.zero(dtype_of(x)))
    wide = widened(x)
    if negative_slope == 0:
        y = fold_extreme(np.maximum, wide, dtypes.zero(dtype_of(wide)))
    else:
        slope = int(negative_slope) if is_integer(dtype_of(x)) else negative_slope
        y = elementwise(lambda x: np.where(x > 0, x, x * np.array(slope, dtype=x.dtype)), wide)
    low, high = (None if bound is None else bound_like(bound, y) for bound in (clamp_min, clamp_max))
    return convert(clip(y, low, high), dtype_of(x))


def bound_like(bound: float, x):
    """The bound in the dtype of x; an infinite bound of integers doesn't bind."""
    name = dtype_of(x)
    if is_float(name):
        return narrow(np.array(float(bound)), name)
    return None if math.isinf(bound) else dtypes.scalar(int(bound), name)


@op("sum", "x*:T")
def sum_(*xs):
    return convert(total(xs), dtype_of(xs[0]))


@op("mean", "x*:T")
def mean(*xs):
    whole = total(xs)
    return convert(narrow(widen(whole) / len(xs), dtype_of(whole)), dtype_of(xs[0]))


def total(xs):
    """The operands added one after the other, narrow floats in f32."""
    result = widened(xs[0])
    for x in xs[1:]:
        result = add(result, widened(x))
    return result


def widened(x):
    """Floats narrower than f32 as f32, in which composites compute."""
    return convert(x, "f32") if dtype_of(x) in dtypes.NARROW_FLOATS else x


def unary(name, function):
    op(name, "x")(lambda x: elementwise(function, x))


unary("neg", lambda x: -x)
unary("abs", np.abs)
unary("floor", np.floor)
unary("ceil", np.ceil)
unary("round", np.rint)
unary("sqrt", np.sqrt)
unary("reciprocal", lambda x: 1.0 / x)
# A zero keeps its sign.
unary("sign", lambda x: np.where(x == 0, x, np.sign(x)) if x.dtype != np.uint64 else np.minimum(x, np.uint64(1)))
unary("exp", np.exp)
unary("log", np.log)
unary("tanh", np.tanh)
unary("sigmoid", lambda x: 1.0 / (1.0 + np.exp(-x)))
unary("erf", lambda x: np.array([math.erf(v) for v in x.ravel().tolist()], dtype=np.float64).reshape(x.shape))
unary("sin", np.sin)
unary("cos", np.cos)


@op("fill", "x")
def fill(x, *, value):
    name = dtype_of(x)
    if name == "bool":
        return np.full(x.shape, bool(value))
    return dtypes.full(x.shape, dtypes.scalar(value if is_float(name) else int(value), name))


# Comparisons, logic, bits.


def comparison(name, function):
    op(name, "a:T b:T")(lambda a, b: function(widen(a), widen(b)))


comparison("equal", lambda a, b: a == b)
comparison("less", lambda a, b: a < b)
comparison("less_or_equal", lambda a, b: a <= b)
comparison("greater", lambda a, b: a > b)
comparison("greater_or_equal", lambda a, b: a >= b)
op("and", "a:bool b:bool")(lambda a, b: a & b)
op("or", "a:bool b:bool")(lambda a, b: a | b)
op("xor", "a:bool b:bool")(lambda a, b: a ^ b)
op("not", "x:bool")(lambda x: ~x)
op("bitwise_and", "a:T b:T")(lambda a, b: elementwise(np.bitwise_and, a, b))
op("bitwise_or", "a:T b:T")(lambda a, b: elementwise(np.bitwise_or, a, b))
op("bitwise_xor", "a:T b:T")(lambda a, b: elementwise(np.bitwise_xor, a, b))
op("bitwise_not", "x")(lambda x: elementwise(np.bitwise_not, x))
op("is_nan", "x")(lambda x: np.isnan(widen(x)))


@op("is_inf", "x")
def is_inf(x, *, detect_negative=True, detect_positive=True):
    x = widen(x)
    return np.isinf(x) & ((x > 0) & detect_positive | (x < 0) & detect_negative)


@op("is_finite", "x")
def is_finite(x):
    return np.array(np.isfinite(widen(x)).all()) if is_float(dtype_of(x)) else np.array(True)


@op("bit_shift", "a:T b:T")
def bit_shift(a, b, *, direction):
    bits = dtypes.BITS[dtype_of(a)]

    def shift(a, b):
        out = (b < 0) | (b >= bits)
        count = np.where(out, 0, b).astype(a.dtype)
        if direction == "LEFT":
            return np.where(out, 0, a << count).astype(a.dtype)
        return np.where(out, np.where(a < 0, -1, 0).astype(a.dtype), a >> count)

    return elementwise(shift, a, b)


@op("where", "condition:bool x:T y:T")
def where(condition, x, y):
    return np.where(condition, x, y)


@op("cast", "x")
def cast(x, *, to, saturate=True):
    return convert(x, to, saturate)


# Reductions.


def axis_of(axis, rank):
    axis = int(axis)
    if not -rank <= axis < rank:
        raise Failed(f"there is no axis {axis} of {rank}")
    return axis % rank


def axes_of(axes, rank):
    found = [axis_of(axis, rank) for axis in np.asarray(axes).reshape(-1)]
    if len(set(found)) < len(found):
        raise Failed("an axis is given twice")
    return found


def reduce_lines(x, axes, keepdims, function, kind=None):
    """`function` of the terms of each result, a matrix with one row for each, in row-major order."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    lines = widen(x).transpose(kept + sorted(axes))
    lines = lines.reshape(math.prod(lines.shape[: len(kept)]), math.prod(lines.shape[len(kept) :]))
    sizes = [1 if axis in axes else size for axis, size in enumerate(x.shape) if keepdims or axis not in axes]
    return narrow(function(lines), kind or dtype_of(x)).reshape(sizes)


def reduction(name, function):
    return op(name, "x axes:i64?")(reduction_of(function))


def reduction_of(function):
    def reduce(x, axes=None, *, keepdims=True, noop_with_empty_axes=False):
        axes = [] if axes is None else axes_of(axes, x.ndim)
        if not axes and not noop_with_empty_axes:
            axes = list(range(x.ndim))
        return reduce_lines(x, axes, keepdims, lambda lines: function(lines, dtype_of(x)))

    return reduce


def running(ufunc, lines, start):
    """The running results along each row, one term after the other, and first of all `start`."""
    first = np.full((lines.shape[0], 1), start, dtype=lines.dtype)
    return ufunc.accumulate(np.concatenate([first, lines], axis=1), axis=1)


def mean_of(lines, dtype):
    count, sums = lines.shape[1], running(np.add, lines, 0)[:, -1]
    if is_float(dtype):
        return sums / count if count else np.full(len(sums), np.nan)
    return quotient(sums, np.array(count, dtype=sums.dtype)) if count else np.zeros_like(sums)


def largest(lines, dtype):
    start = -np.inf if is_float(dtype) else False if dtype == "bool" else dtypes.bounds(dtype)[0]
    return extreme_of(np.maximum, lines, start)


def smallest(lines, dtype):
    start = np.inf if is_float(dtype) else True if dtype == "bool" else dtypes.bounds(dtype)[1]
    return extreme_of(np.minimum, lines, start)


def extreme_of(choose, lines, start):
    found = choose.reduce(lines, axis=1, initial=lines.dtype.type(start))
    if lines.dtype == np.float64 and lines.shape[1]:
        zeros = lines == 0
        mixed = (zeros & np.signbit(lines)).any(axis=1) & (zeros & ~np.signbit(lines)).any(axis=1)
        if (mixed & (found == 0)).any():
            raise Unspecified("either of two zeros may be taken")
    return found


reduce_sum = reduction("reduce_sum", lambda lines, dtype: running(np.add, lines, 0)[:, -1])
reduction("reduce_prod", lambda lines, dtype: running(np.multiply, lines, 1)[:, -1])
reduce_mean = reduction("reduce_mean", mean_of)
reduce_max = reduction("reduce_max", largest)
reduction("reduce_min", smallest)


def arg_reduction(name, ahead):
    @op(name, "x")
    def arg_reduce(x, *, axis=0, keepdims=True, select_last_index=False):
        axis = axis_of(axis, x.ndim)
        if not x.shape[axis]:
            raise Failed(f"there is nothing along axis {axis}")

        def place(line):
            # NaN counts as the winner; of equals the first one wins, or the last.
            keys = [(True, 0) if value != value else (False, ahead(value)) for value in line]
            places = range(len(keys) - 1, -1, -1) if select_last_index else range(len(keys))
            return max(places, key=keys.__getitem__)

        return reduce_lines(
            x, [axis], keepdims, lambda lines: np.array([place(line) for line in lines.tolist()], dtype=np.int64), "i64"
        )


arg_reduction("arg_max", lambda value: value)
arg_reduction("arg_min", lambda value: -value)


@op("cum_sum", "x axis")
def cum_sum(x, axis, *, exclusive=False, reverse=False):
    axis = axis_of(axis.reshape(()), x.ndim)
    lines = np.moveaxis(widen(x), axis, -1)
    lines = lines[..., ::-1] if reverse else lines
    rows = running(np.add, lines.reshape(math.prod(lines.shape[:-1]), lines.shape[-1]), 0)
    rows = (rows[:, :-1] if exclusive else rows[:, 1:]).reshape(lines.shape)
    return narrow(np.moveaxis(rows[..., ::-1] if reverse else rows, -1, axis), dtype_of(x))


@op("top_k", "x k:i64")
def top_k(x, k, *, axis=-1, largest=True, sorted=True):
    axis, k = axis_of(axis, x.ndim), int(k.reshape(()))
    if not 0 <= k <= x.shape[axis]:
        raise Failed(f"{k} of {x.shape[axis]} elements")
    order = np.zeros(x.shape, dtype=np.int64)
    lines, ordered = np.moveaxis(widen(x), axis, -1), np.moveaxis(order, axis, -1)
    for lane in np.ndindex(lines.shape[:-1]):
        # NaN is larger than all numbers; Python's sort keeps the order of equals.
        keys = [(1, 0) if value != value else (0, value) for value in lines[lane].tolist()]
        if largest:
            keys = [(-nan, -value) for nan, value in keys]
        ordered[lane] = stable_order(keys)
    chosen = np.take(order, range(k), axis=axis)
    return np.take_along_axis(x, chosen, axis=axis), chosen


def stable_order(keys):
    return sorted(range(len(keys)), key=keys.__getitem__)


@op("matmul", "a:T b:T")
def matmul(a, b):
    if not a.ndim or not b.ndim:
        raise Failed("matmul of a scalar")
    rows, columns = a.ndim > 1, b.ndim > 1
    left, right = widen(a), widen(b)
    left, right = left if rows else left[None, :], right if columns else right[:, None]
    if left.shape[-1] != right.shape[-2]:
        raise Failed(f"the inner dims are {left.shape[-1]} and {right.shape[-2]}")
    if dtype_of(a) in dtypes.NARROW_FLOATS:
        left, right = left.astype(np.float32), right.astype(np.float32)
    outer = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    sums = np.zeros((*outer, left.shape[-2], right.shape[-1]), dtype=left.dtype)
    for k in range(left.shape[-1]):
        sums = sums + left[..., :, k, None] * right[..., None, k, :]
    sums = sums if columns else sums[..., 0]
    sums = sums if rows else sums[..., 0, :] if columns else sums[..., 0]
    return narrow(sums, dtype_of(a))


# Composites.


@op("softmax", "x")
def softmax(x, *, axis=-1):
    axes = np.array([axis_of(axis, x.ndim)])
    wide = widened(x)
    powers = elementwise(np.exp, sub(wide, plain_max(wide, axes)))
    return convert(div(powers, reduce_sum(powers, axes)), dtype_of(x))


def plain_max(x, axes):
    """As reduce_max; which zero it gives doesn't matter where it is taken away from x and exp follows."""
    return elementwise(lambda x: np.max(x, axis=int(axes[0]), keepdims=True, initial=-np.inf), x)


@op("layer_normalization", "x:T scale:T b:T?")
def layer_normalization(x, scale, b=None, *, axis=-1, epsilon=1e-5, results):
    axes = np.arange(axis_of(axis, x.ndim), x.ndim)
    wide = convert(x, "f32")
    average = reduce_mean(wide, axes)
    distances = sub(wide, average)
    variance = reduce_mean(mul(distances, distances), axes)
    deviation = elementwise(np.sqrt, add(variance, narrow(np.array(epsilon), "f32")))
    y = mul(convert(div(distances, deviation), dtype_of(x)), scale)
    y = y if b is None else add(y, b)
    return tuple([y, average, elementwise(lambda d: 1.0 / d, deviation)][:results])


# What moves elements.


@op("identity", "x")
def identity(x):
    return x


@op("transpose", "x")
def transpose(x, *, perm=None):
    return x.transpose(perm) if perm is not None else x.transpose()


@op("reshape", "x shape:i64")
def reshape(x, shape, *, allowzero=False):
    sizes = [x.shape[axis] if size == 0 and not allowzero else size for axis, size in enumerate(shape.tolist())]
    return x.reshape(sizes)


@op("flatten", "x")
def flatten(x, *, axis=1):
    axis = x.ndim if axis == x.ndim else axis_of(axis, x.ndim)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@op("concat", "x*:T")
def concat(*xs, axis):
    return np.concatenate(xs, axis=axis_of(axis, xs[0].ndim))


@op("slice", "x starts:I ends:I axes:I? steps:I?")
def slice_(x, starts, ends, axes=None, steps=None):
    axes = list(range(len(starts))) if axes is None else axes_of(axes, x.ndim)
    steps = [1] * len(starts) if steps is None else steps.tolist()
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Failed("starts, ends, axes and steps have the same length, and no step is 0")
    picked = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        # Python's slices count and clamp alike, but for a start or an end before the front where a step goes backward.
        start = max(start, -x.shape[axis]) if step < 0 else start
        end = None if step < 0 and end < -x.shape[axis] else end
        picked[axis] = slice(start, end, step)
    return x[tuple(picked)]


@op("split", "x split:i64?")
def split(x, split=None, *, axis=0, num_outputs=None, results):
    axis = axis_of(axis, x.ndim)
    extent = x.shape[axis]
    if split is not None:
        sizes = split.tolist()
    elif num_outputs is not None:
        each = -(-extent // results)
        sizes = [max(min(each, extent - each * place), 0) for place in range(results)]
    else:
        sizes = [extent // results] * results
    if len(sizes) != results or sum(sizes) != extent or min(sizes, default=0) < 0:
        raise Failed(f"an extent of {extent} in parts of {sizes}")
    ends = np.cumsum(sizes)
    return tuple(np.take(x, range(end - size, end), axis=axis) for size, end in zip(sizes, ends))


def places(indices, extent):
    """Indices from the front; one that is out of range is an error."""
    wide = indices.astype(np.int64)
    if ((wide < -extent) | (wide >= extent)).any():
        raise Failed(f"an index isn't in [-{extent}, {extent})")
    return np.where(wide < 0, wide + extent, wide)


@op("gather", "x indices")
def gather(x, indices, *, axis=0):
    axis = axis_of(axis, x.ndim)
    return np.take(x, places(indices, x.shape[axis]), axis=axis)


@op("gather_elements", "x indices")
def gather_elements(x, indices, *, axis=0):
    axis = axis_of(axis, x.ndim)
    if indices.ndim != x.ndim or any(n > m for k, (n, m) in enumerate(zip(indices.shape, x.shape)) if k != axis):
        raise Failed(f"indices of dims {indices.shape} into {x.shape}")
    grid = list(np.indices(indices.shape, sparse=True))
    grid[axis] = places(indices, x.shape[axis])
    return x[tuple(grid)]


@op("expand", "x shape:i64")
def expand(x, shape):
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist()))).copy()


@op("squeeze", "x axes:i64?")
def squeeze(x, axes=None):
    axes = [axis for axis, size in enumerate(x.shape) if size == 1] if axes is None else axes_of(axes, x.ndim)
    return np.squeeze(x, axis=tuple(axes))


@op("unsqueeze", "x axes:i64")
def unsqueeze(x, axes):
    for axis in sorted(axes_of(axes, x.ndim + axes.size)):
        x = np.expand_dims(x, axis)
    return x


@op("pad", "x:T pads:i64 constant_value:T? axes?")
def pad(x, pads, constant_value=None, axes=None, *, mode="constant"):
    axes = list(range(x.ndim)) if axes is None else axes_of(axes, x.ndim)
    value = dtypes.zero(dtype_of(x)) if constant_value is None else constant_value.reshape(())
    for place, axis in enumerate(axes):
        before, after = int(pads[place]), int(pads[len(axes) + place])
        # What is taken away goes first; then an index for each element, -1 for the constant.
        first, count = -min(before, 0), x.shape[axis] + min(before, 0) + min(after, 0)
        wanted = np.arange(-max(before, 0), count + max(after, 0))
        if count < 0 or (mode != "constant" and len(wanted) > count and count < 1):
            raise Failed(f"an extent of {x.shape[axis]} padded by {before} and {after}")
        inside = (wanted >= 0) & (wanted < count)
        if mode == "constant":
            source = np.where(inside, wanted, -1)
        elif mode == "edge":
            source = np.clip(wanted, 0, count - 1)
        elif mode == "wrap":
            source = wanted % max(count, 1)
        else:
            period = max(2 * (count - 1), 1)
            source = np.minimum(wanted % period, period - wanted % period) if count > 1 else wanted * 0
        lanes = np.moveaxis(x, axis, 0)
        rows = [lanes[first + k] if k >= 0 else np.broadcast_to(value, lanes.shape[1:]) for k in source.tolist()]
        stacked = np.stack(rows) if rows else lanes[:0]
        x = np.moveaxis(stacked, 0, axis)
    return x


@op("tile", "x repeats:i64")
def tile(x, repeats):
    if len(repeats) != x.ndim or (repeats < 0).any():
        raise Failed("tile repeats each axis so many times")
    return np.tile(x, repeats)


@op("trilu", "x k:i64?")
def trilu(x, k=None, *, upper=True):
    ahead = np.arange(x.shape[-1])[None, :] - np.arange(x.shape[-2])[:, None]
    k = 0 if k is None else int(k.reshape(()))
    return np.where(ahead >= k if upper else ahead <= k, x, dtypes.zero(dtype_of(x)))


@op("one_hot", "indices depth values")
def one_hot(indices, depth, values, *, axis=-1):
    if is_float(dtype_of(indices)):
        raise Unspecified("floats as indices")
    depth, axis = int(depth.reshape(())), axis_of(axis, indices.ndim + 1)
    wide = indices.astype(object)
    marked = [np.equal(wide, place) | np.equal(wide, place - depth) for place in range(depth)]
    marked = (
        np.stack([m.astype(bool) for m in marked], axis=axis)
        if depth
        else np.zeros(indices.shape[:axis] + (0,) + indices.shape[axis:], bool)
    )
    return np.where(marked, values[1], values[0])


@op("shape", "x")
def shape(x, *, start=0, end=None):
    return np.array(x.shape[start:end], dtype=np.int64)


@op("size", "x")
def size(x):
    return np.array(x.size, dtype=np.int64)


@op("range", "start:T limit:T delta:T")
def range_(start, limit, delta):
    wide = [widen(value).reshape(()).item() for value in (start, limit, delta)]
    if wide[2] == 0 or not all(math.isfinite(value) for value in wide):
        raise Failed("a range of so many steps")
    if is_float(dtype_of(start)):
        count = max(math.ceil((wide[1] - wide[0]) / wide[2]), 0)
        return narrow(wide[0] + np.arange(count) * wide[2], dtype_of(start))
    steps = range(*wide)
    return narrow(np.array([value % (1 << 64) for value in steps], dtype=np.uint64), dtype_of(start))


@op("eye_like", "x")
def eye_like(x, *, k=0, dtype=None):
    ahead = np.arange(x.shape[1])[None, :] - np.arange(x.shape[0])[:, None]
    return convert(ahead == k, dtype or dtype_of(x))
