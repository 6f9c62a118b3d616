"""Writes what the `gguf` package makes of GGUF's block formats, for `tests/contract/blocks.rs`.

Usage: python3 -m venv VENV && VENV/bin/pip install -r scripts/block_requirements.txt
       VENV/bin/python scripts/block_golden.py crates/glassbox-tensor/tests/data/blocks.txt

Lines:
  decode FORMAT BLOCK VALUES     the bytes of a block, and the bits of its elements as f32, any NaN as 7fc00000
  encode FORMAT VALUES BLOCK     the bits of f32, and the block that they are quantised to
All in hexadecimal, in the order of memory. To be small, all but the first two blocks of a format have, instead
of their values, `#` and the 64-bit FNV-1a hash of the values' bytes.
"""

import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES

DECODED = {
    "q4_0": Type.Q4_0, "q4_1": Type.Q4_1, "q5_0": Type.Q5_0, "q5_1": Type.Q5_1, "q8_0": Type.Q8_0,
    "q2_k": Type.Q2_K, "q3_k": Type.Q3_K, "q4_k": Type.Q4_K, "q5_k": Type.Q5_K, "q6_k": Type.Q6_K,
    "iq4_nl": Type.IQ4_NL,
}
# Where the f16 scales of a block are.
SCALES = {
    "q4_0": [0], "q4_1": [0, 2], "q5_0": [0], "q5_1": [0, 2], "q8_0": [0], "q2_k": [80, 82], "q3_k": [108],
    "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208], "iq4_nl": [0],
}
# Zero and its negative, the smallest and largest subnormal, the smallest normal, 1, -1, the largest, the
# infinities, a NaN.
SPECIAL = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0x7C00, 0xFC00, 0x7E00]


def blocks(rng, name, kind):
    """Blocks: random bytes with ordinary scales, random bytes all through, special scales, constant bytes."""
    size = GGML_QUANT_SIZES[kind][1]
    made = []
    for index in range(24):
        block = rng.integers(0, 256, size, dtype=np.uint8)
        if index < 12:
            for at in SCALES[name]:
                block[at : at + 2] = np.frombuffer(np.float16(rng.normal() / 64).tobytes(), np.uint8)
        made.append(block)
    for special in SPECIAL:
        for at in SCALES[name]:
            block = rng.integers(0, 256, size, dtype=np.uint8)
            for other in SCALES[name]:
                block[other : other + 2] = np.frombuffer(np.float16(0.03125).tobytes(), np.uint8)
            block[at : at + 2] = np.frombuffer(np.uint16(special).tobytes(), np.uint8)
            made.append(block)
    # Every value of every byte but the scales', one block for each of 16 patterns.
    for byte in range(0, 256, 17):
        block = np.full(size, byte, dtype=np.uint8)
        for at in SCALES[name]:
            block[at : at + 2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
        made.append(block)
    return np.stack(made)


def fnv1a(data):
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found


def bits(values):
    found = values.astype(np.float32).view(np.uint32).copy()
    found[np.isnan(values)] = 0x7FC00000
    return found


def main():
    rng = np.random.default_rng(3)
    lines = ["# Written by scripts/block_golden.py, which says what the lines are."]
    with np.errstate(all="ignore"):
        for name, kind in DECODED.items():
            made = blocks(rng, name, kind)
            for index, (block, values) in enumerate(zip(made, quants.dequantize(made, kind))):
                found = bits(values).tobytes()
                text = found.hex() if index < 2 else f"#{fnv1a(found):016x}"
                lines.append(f"decode {name} {block.tobytes().hex()} {text}")
        for name in ["q8_0", "q4_0"]:
            rows = [rng.normal(size=32) * scale for scale in [1e-30, 1e-6, 1e-4, 0.02, 1.0, 300.0, 60000.0]]
            rows += [np.zeros(32), np.full(32, -0.0), np.full(32, 0.25), np.full(32, -0.25), np.arange(32) - 16.0]
            rows += [np.tile([1.0, -1.0], 16), np.tile([-1.0, 1.0], 16), np.tile([0.5, -127.0], 16), (np.arange(32) - 15.5) / 2]
            rows += [rng.normal(size=32) * np.exp(rng.normal(size=32) * 3) for _ in range(24)]
            rows += [np.round(rng.normal(size=32) * 8) / 8 for _ in range(12)]
            rows = np.stack(rows).astype(np.float32)
            for row, block in zip(rows, quants.quantize(rows, DECODED[name])):
                lines.append(f"encode {name} {row.tobytes().hex()} {block.tobytes().hex()}")
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")


main()
