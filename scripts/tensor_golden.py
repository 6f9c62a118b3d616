#!/usr/bin/env python3
"""Writes crates/glassbox-tensor/tests/data/conversions.txt: conversions by software that is not ours.

f32 inputs are converted by ml_dtypes and NumPy (and, for f8e8m0, by onnx.numpy_helper), all 8-bit and 4-bit
patterns are decoded by ml_dtypes. f64 and i64 inputs, which those libraries round twice for some formats,
are rounded by exact rational arithmetic over the value tables that ml_dtypes decodes.

Needs numpy, ml_dtypes and onnx. The output depends on nothing but the constants below.
"""

from __future__ import annotations

import bisect
import pathlib
from fractions import Fraction

import ml_dtypes
import numpy as np
from onnx import numpy_helper

FORMATS = {
    "f16": (np.dtype(np.float16), 16),
    "bf16": (np.dtype(ml_dtypes.bfloat16), 16),
    "f8e4m3fn": (np.dtype(ml_dtypes.float8_e4m3fn), 8),
    "f8e4m3fnuz": (np.dtype(ml_dtypes.float8_e4m3fnuz), 8),
    "f8e5m2": (np.dtype(ml_dtypes.float8_e5m2), 8),
    "f8e5m2fnuz": (np.dtype(ml_dtypes.float8_e5m2fnuz), 8),
    "f4e2m1": (np.dtype(ml_dtypes.float4_e2m1fn), 4),
}
SATURATING = [name for name in FORMATS if name.startswith("f8")]
ROUND_MODES = ["up", "down", "nearest"]
OUT = pathlib.Path(__file__).parent.parent / "crates/glassbox-tensor/tests/data/conversions.txt"


def patterns(name: str) -> np.ndarray:
    """All bit patterns of a format, as its NumPy dtype."""
    dtype, bits = FORMATS[name]
    return np.arange(1 << bits, dtype=np.uint16 if bits == 16 else np.uint8).view(dtype)


def bits_of(values: np.ndarray) -> list[int]:
    return values.view(np.uint16 if values.dtype.itemsize == 2 else np.uint8).tolist()


def finite_table(name: str) -> tuple[list[Fraction], list[int]]:
    """The nonnegative finite values of a format in ascending order, and their patterns."""
    _, bits = FORMATS[name]
    with np.errstate(invalid="ignore"):
        values = patterns(name)[: 1 << (bits - 1)].astype(np.float64)
    rows = [(Fraction(float(v)), code) for code, v in enumerate(values) if np.isfinite(v)]
    return [v for v, _ in rows], [code for _, code in rows]


TABLES = {name: finite_table(name) for name in FORMATS}


def round_exactly(name: str, value: Fraction) -> str:
    """The nearest pattern, ties to even; '-' where overflow or the sign of zero decides."""
    values, codes = TABLES[name]
    magnitude = abs(value)
    last_gap = values[-1] - values[-2]
    if magnitude >= values[-1] + last_gap / 2:
        return "-"
    above = bisect.bisect_left(values, magnitude)
    if above == len(values):
        code = codes[-1]
    elif values[above] == magnitude or above == 0:
        code = codes[above]
    else:
        low, high = magnitude - values[above - 1], values[above] - magnitude
        down = low < high or (low == high and codes[above - 1] % 2 == 0)
        code = codes[above - 1] if down else codes[above]
    if code == 0:
        return "-" if value < 0 else "0"
    return f"{code | (value < 0) << (FORMATS[name][1] - 1):x}"


def f32_inputs() -> np.ndarray:
    rng = np.random.default_rng(20240607)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.9, -1.9, 1.5, 6.0, 7.0, 5.0, 448.0, 464.0, 465.0,
               240.0, 248.0, 57344.0, 61440.0, 65504.0, 65519.0, 65520.0, 3.4e38, 1e-45, 1.2e-38]
    wide = rng.integers(0, 1 << 32, 120, dtype=np.uint32).view(np.float32)
    near = (rng.standard_normal(160) * np.exp2(rng.integers(-20, 17, 160))).astype(np.float32)
    ties = []
    for name, (_, bits) in FORMATS.items():
        values, _ = TABLES[name]
        for index in rng.integers(0, len(values) - 1, 24 if bits > 4 else 7):
            middle = np.float32(float((values[index] + values[index + 1]) / 2))
            ties += [middle, np.nextafter(middle, np.float32(0)), -np.nextafter(middle, np.float32(np.inf))]
    all_values = np.concatenate([np.array(special, np.float32), wide, near, np.array(ties, np.float32)])
    # The sign of a NaN that a format cannot hold is not the same in all libraries.
    return all_values[~(np.isnan(all_values) & np.signbit(all_values))]


def f64_inputs() -> np.ndarray:
    """Values a hair away from midpoints: rounding by way of f32 goes wrong on them."""
    rng = np.random.default_rng(7)
    values = list(rng.standard_normal(60) * np.exp2(rng.integers(-30, 18, 60)))
    for name in FORMATS:
        table, _ = TABLES[name]
        for index in rng.integers(0, len(table) - 1, 20):
            middle = float((table[index] + table[index + 1]) / 2)
            values += [middle, -np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf)]
    return np.array(values, np.float64)


def i64_inputs() -> list[int]:
    rng = np.random.default_rng(11)
    values = [0, 1, -1, 2049, 2051, -4095, 65519, (1 << 53) + 1, (1 << 62) + 1, -(1 << 63), (1 << 63) - 1]
    for shift in range(0, 63):
        values += [int(v) >> (62 - shift) for v in rng.integers(-(1 << 62), 1 << 62, 2)]
    # A tie at 8 significant bits with a last bit that f64 cannot see.
    values += [(0x101 << 54) + 1, (0x103 << 54) - 1, -((0x181 << 54) + 1)]
    return values


def main() -> None:
    lines = ["# Written by scripts/tensor_golden.py. decode: format pattern f32-bits (or nan)."]
    for name, (_, bits) in FORMATS.items():
        if bits == 16:
            continue
        for code, value in enumerate(patterns(name).astype(np.float32)):
            text = "nan" if np.isnan(value) else f"{value.view(np.uint32):x}"
            lines.append(f"decode {name} {code:x} {text}")
    inputs = f32_inputs()
    with np.errstate(all="ignore"):
        columns = {name: bits_of(inputs.astype(dtype)) for name, (dtype, _) in FORMATS.items()}
        for name in SATURATING:
            dtype, _ = FORMATS[name]
            columns[f"{name}:saturate"] = bits_of(numpy_helper.saturate_cast(inputs, dtype))
        for mode in ROUND_MODES:
            columns[f"f8e8m0:{mode}"] = bits_of(numpy_helper.to_float8e8m0(inputs, True, mode))
    lines.append("# f32: input bits, then one pattern per column; '-' is not compared.")
    lines.append("columns f32 " + " ".join(columns))
    for row, value in enumerate(inputs):
        in_e8m0 = 2.0**-126 <= value <= 2.0**127
        cells = [
            "-" if name.startswith("f8e8m0") and not in_e8m0 else f"{column[row]:x}"
            for name, column in columns.items()
        ]
        lines.append(f"f32 {value.view(np.uint32):x} " + " ".join(cells))
    lines.append("columns f64 " + " ".join(FORMATS))
    for value in f64_inputs():
        cells = [round_exactly(name, Fraction(float(value))) for name in FORMATS]
        lines.append(f"f64 {value.view(np.uint64):x} " + " ".join(cells))
    lines.append("columns i64 " + " ".join(FORMATS))
    for number in i64_inputs():
        cells = [round_exactly(name, Fraction(number)) for name in FORMATS]
        lines.append(f"i64 {number & (1 << 64) - 1:x} " + " ".join(cells))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{OUT}: {len(lines)} lines")


if __name__ == "__main__":
    main()
