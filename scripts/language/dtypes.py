"""The dtypes of the language as NumPy arrays: names, widening to compute, rounding back, bytes in files.

A value of the language is a `numpy.ndarray` whose NumPy dtype says its dtype: those of ml_dtypes for what
NumPy doesn't have. Arithmetic is done in f64, int64 or uint64 and brought back by `narrow`, which rounds
floats once to nearest even and wraps integers (docs/decisions/0002-numeric-contract.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

# The name of every dtype that the programs use, and NumPy's dtype for it.
NUMPY = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f8e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
    "i16": np.dtype(np.int16),
    "i8": np.dtype(np.int8),
    "u64": np.dtype(np.uint64),
    "u32": np.dtype(np.uint32),
    "u16": np.dtype(np.uint16),
    "u8": np.dtype(np.uint8),
    "i4": np.dtype(ml_dtypes.int4),
    "u4": np.dtype(ml_dtypes.uint4),
    "i2": np.dtype(ml_dtypes.int2),
    "u2": np.dtype(ml_dtypes.uint2),
    "bool": np.dtype(np.bool_),
}
NAME = {dtype: name for name, dtype in NUMPY.items()}


@dataclass(frozen=True)
class Format:
    """A float format: mantissa bits, the exponent of its least normal number, its largest finite number."""

    mantissa: int
    least: int
    largest: float
    has_infinity: bool = True


FORMATS = {
    "f64": Format(52, -1022, float(np.finfo(np.float64).max)),
    "f32": Format(23, -126, float(np.finfo(np.float32).max)),
    "f16": Format(10, -14, 65504.0),
    "bf16": Format(7, -126, float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)),
    "f8e4m3fn": Format(3, -6, 448.0, has_infinity=False),
    "f8e5m2": Format(2, -14, 57344.0),
}
FLOATS = list(FORMATS)
# Floats that composites compute in f32, and that products accumulate in f32.
NARROW_FLOATS = ["f16", "bf16", "f8e4m3fn", "f8e5m2"]
BITS = {"i64": 64, "i32": 32, "i16": 16, "i8": 8, "u64": 64, "u32": 32, "u16": 16, "u8": 8} | {
    "i4": 4,
    "u4": 4,
    "i2": 2,
    "u2": 2,
}
INTEGERS = list(BITS)
SIGNED = [name for name in INTEGERS if name[0] == "i"]
UNSIGNED = [name for name in INTEGERS if name[0] == "u"]
# What NumPy's own files can hold.
IN_NPY = {"f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"}


def is_float(name: str) -> bool:
    return name in FORMATS


def is_integer(name: str) -> bool:
    return name in BITS


def bounds(name: str) -> tuple[int, int]:
    """The least and the greatest integer of an integer dtype."""
    bits = BITS[name]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if name[0] == "i" else (0, (1 << bits) - 1)


def dtype_of(array: np.ndarray) -> str:
    return NAME[array.dtype]


def widen(array: np.ndarray) -> np.ndarray:
    """The elements, exactly, in the type in which they are computed: f64, int64, uint64 or bool."""
    name = dtype_of(array)
    if is_float(name):
        return array.astype(np.float64)
    if is_integer(name):
        return array.astype(np.int64 if name[0] == "i" else np.uint64)
    return array


def narrow(values: np.ndarray, name: str, saturate: bool = False) -> np.ndarray:
    """Values of f64, int64, uint64 or bool as `name`: floats rounded once, integers wrapped.

    Only for values of the same kind; `convert` goes from one kind to another. `saturate` is about floats
    of 8 bits: what is beyond their range becomes the largest finite number.
    """
    values = np.asarray(values)
    if is_integer(name):
        return wrap(values, name)
    if name in ("f8e4m3fn", "f8e5m2", "bf16"):
        return round_once(values.astype(np.float64), name, saturate and name != "bf16")
    return values.astype(NUMPY[name])


def wrap(values: np.ndarray, name: str) -> np.ndarray:
    """Integers of 64 bits modulo 2^bits."""
    if BITS[name] >= 8:
        return values.astype(NUMPY[name])
    low = values.astype(np.uint64) & np.uint64((1 << BITS[name]) - 1)
    codes = low.astype(np.int8)
    if name[0] == "i":
        codes = np.where(codes >= 1 << (BITS[name] - 1), codes - (1 << BITS[name]), codes).astype(np.int8)
    return codes.astype(NUMPY[name])


def step_of(values: np.ndarray, name: str) -> np.ndarray:
    """The exponent of the unit in the last place that the float format `name` has at these values."""
    _, exponents = np.frexp(values)
    return np.maximum(exponents - 1, FORMATS[name].least) - FORMATS[name].mantissa


def unit(values: np.ndarray, name: str) -> np.ndarray:
    """The unit in the last place at these values, as f64; 0 where they aren't finite."""
    finite = np.isfinite(values)
    return np.where(finite, np.ldexp(1.0, step_of(np.where(finite, values, 0.0), name)), 0.0)


def round_once(values: np.ndarray, name: str, saturate: bool) -> np.ndarray:
    """f64 rounded to a narrow float, to nearest even, straight from the f64 value."""
    form = FORMATS[name]
    step = step_of(values, name)
    rounded = np.ldexp(np.rint(np.ldexp(values, -step)), step)
    beyond = np.abs(rounded) > form.largest
    limit = form.largest if saturate else (np.inf if form.has_infinity else np.nan)
    return np.where(beyond, np.copysign(limit, values), rounded).astype(NUMPY[name])


def convert(array: np.ndarray, name: str, saturate: bool = True) -> np.ndarray:
    """`array` as dtype `name`, by the rules of the op `cast` (and crates/glassbox-tensor/src/cast.rs)."""
    source = dtype_of(array)
    if source == name:
        return array
    wide = widen(array)
    if name == "bool":
        return wide != 0
    if is_float(name):
        if wide.dtype == np.bool_:
            return narrow(wide.astype(np.float64), name)
        if is_float(source) or name == "f64":
            return narrow(wide.astype(np.float64), name, saturate)
        return narrow(nearly_f64(wide), name, saturate)
    if is_float(source):
        wide = truncate(wide)
    return narrow(wide.astype(np.int64) if wide.dtype == np.bool_ else wide, name)


def nearly_f64(integers: np.ndarray) -> np.ndarray:
    """64-bit integers as f64, rounded to odd: rounded again to a float of at most 24 bits, that is once."""
    negative = integers < 0
    with np.errstate(over="ignore"):
        magnitude = np.where(negative, -integers, integers).astype(np.uint64)
    cut = magnitude & ~np.uint64(0x7FF)
    cut = np.where(cut != magnitude, cut | np.uint64(0x800), cut)
    exact = np.where(magnitude < np.uint64(1 << 53), magnitude, cut).astype(np.float64)
    return np.where(negative, -exact, exact)


def truncate(floats: np.ndarray) -> np.ndarray:
    """f64 truncated toward zero, modulo 2^64, as uint64; NaN and infinities give 0."""
    whole = [int(value) % (1 << 64) if np.isfinite(value) else 0 for value in floats.reshape(-1).tolist()]
    return np.array(whole, dtype=np.uint64).reshape(floats.shape)


def scalar(value, name: str) -> np.ndarray:
    """A literal as a scalar of dtype `name`. Raises `ValueError` where the dtype can't represent it."""
    if name == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{value} is no bool")
        return np.array(value)
    if isinstance(value, bool):
        raise ValueError(f"{value} is no {name}")
    if is_integer(name):
        low, high = bounds(name)
        if not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{value} is no {name}")
        return np.array(value, dtype=np.int64 if name[0] == "i" else np.uint64).astype(NUMPY[name])
    rounded = narrow(np.array(value, dtype=np.float64), name)
    if np.isfinite(value) and not np.isfinite(rounded.astype(np.float64)):
        raise ValueError(f"{value} is beyond {name}")
    return rounded


def full(shape, value: np.ndarray) -> np.ndarray:
    """An array of this shape whose elements are all the scalar `value`."""
    return np.broadcast_to(value, shape).copy()


def zero(name: str) -> np.ndarray:
    return np.zeros((), dtype=NUMPY[name])


def to_bytes(array: np.ndarray) -> np.ndarray:
    """The elements in row-major order as the bytes, little-endian, that a Glassbox tensor has.

    Dtypes below 8 bits are packed, the first element in the lowest bits, without gaps.
    """
    name = dtype_of(array)
    bits = BITS.get(name, 8)
    if bits >= 8:
        return np.frombuffer(np.ascontiguousarray(array).tobytes(), dtype=np.uint8)
    codes = array.reshape(-1).astype(np.int8).view(np.uint8) & ((1 << bits) - 1)
    each = 8 // bits
    padded = np.zeros(-(-codes.size // each) * each, dtype=np.uint8)
    padded[: codes.size] = codes
    shifts = np.arange(each, dtype=np.uint8) * bits
    return (padded.reshape(-1, each) << shifts).sum(axis=1, dtype=np.uint8)
