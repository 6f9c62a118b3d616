"""Random elements of every dtype, of the kinds that programs need.

- `wild`: anything: NaN, infinities, -0.0, the ends of the range, subnormals, and plain numbers;
- `plain`: numbers without NaN, infinities and -0.0;
- `small`: whole numbers from -4 to 4 (0 to 4 of unsigned dtypes), whose products and sums are exact;
- `tame`: floats of size 0.25 to 4, what a normalisation is made for.
"""

from __future__ import annotations

import numpy as np

import dtypes

KINDS = ("wild", "plain", "small", "tame")


def array(rng: np.random.Generator, dtype: str, shape, kind: str) -> np.ndarray:
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == "bool":
        flat = rng.random(count) < 0.5
    elif dtypes.is_integer(dtype):
        flat = integers(rng, dtype, count, kind)
    else:
        flat = dtypes.narrow(floats(rng, dtype, count, kind), dtype)
    return flat.reshape(shape)


def integers(rng, dtype: str, count: int, kind: str) -> np.ndarray:
    low, high = dtypes.bounds(dtype)
    wide = np.int64 if low else np.uint64
    near = rng.integers(max(low, -4), min(high, 4) + 1, count).astype(wide)
    if kind == "small":
        return near.astype(dtypes.NUMPY[dtype])
    ends = np.array([low, high, max(low, -1), high // 2, low // 2 + 1], dtype=wide)
    anything = rng.integers(low, high, count, dtype=wide, endpoint=True)
    chosen = rng.integers(0, 8, count)
    mixed = np.where(chosen < 5, near, np.where(chosen < 7, anything, ends[rng.integers(0, len(ends), count)]))
    return mixed.astype(wide).astype(dtypes.NUMPY[dtype])


def floats(rng, dtype: str, count: int, kind: str) -> np.ndarray:
    if kind == "small":
        return rng.integers(-4, 5, count).astype(np.float64)
    form = dtypes.FORMATS[dtype]
    signs = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    tame = signs * np.exp2(rng.uniform(-2, 2, count))
    if kind == "tame":
        return tame
    whole = np.rint(tame * 2)
    scaled = signs * np.exp2(rng.uniform(max(form.least, -40), min(np.log2(form.largest), 40), count))
    chosen = rng.integers(0, 10, count)
    plain = np.where(chosen < 5, tame, np.where(chosen < 7, whole + 0.0, scaled))
    if kind == "plain":
        return plain + 0.0
    tiny = np.exp2(form.least - form.mantissa)
    ends = np.array([np.nan, np.inf, -np.inf, form.largest, -form.largest, tiny, -tiny, np.exp2(form.least)])
    # Zeros of either sign are rare: together they make `max` a matter of taste.
    zeros = np.array([0.0, -0.0])[rng.integers(0, 2)]
    wild = np.where(rng.random(count) < 0.35, zeros, ends[rng.integers(0, len(ends), count)])
    return np.where(chosen < 8, plain, wild)
