"""Writes `.oinf` files of versions 1, 2 and 3 from what `docs/oinf.md` says, for the tests of glassbox-weights.

Usage: python3 -m venv VENV && VENV/bin/pip install blake3==1.0.11
       VENV/bin/python scripts/oinf_golden.py crates/glassbox-weights/tests/data
"""

import pathlib
import struct
import sys

from blake3 import blake3

NONE = 2**32 - 1
DTYPES = {"i8": 1, "i32": 3, "f16": 9, "f32": 10, "bf16": 16, "i4": 18, "t2": 24, "q8_0": 72}


def pad(data, alignment):
    return data + b"\0" * (-len(data) % alignment)


# --- version 3 ---------------------------------------------------------------------------------------------


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def dtype_and_dims(dtype, dims):
    return struct.pack(f"<II{len(dims)}Q", DTYPES[dtype], len(dims), *dims)


def v3(metadata, sizes, tensors, states, blobs):
    """Metadata: (key, type, value bytes). Tensors: (name, dtype, dims, data or None, quantisation or None)."""

    def tables(places):
        out = b"".join(string(key) + struct.pack("<I", kind) + value for key, kind, value in metadata)
        out += b"".join(string(name) + struct.pack("<Q", value) for name, value in sizes)
        for (name, dtype, dims, data, quantisation), place in zip(tensors, places[len(blobs):]):
            kind = dtype_and_dims(dtype, dims)
            out += string(name) + kind + struct.pack("<I", data is not None)
            if data is not None:
                digest = blake3(data).digest()
                out += struct.pack("<QQ", place, len(data)) + digest + blake3(kind + digest).digest()[:16]
            out += struct.pack("<I", quantisation is not None)
            if quantisation is not None:
                axis, scales, zero_points = quantisation
                out += struct.pack("<I", axis) + string(scales) + string(zero_points)
        for name, dtype, dims, axis, capacity, initial in states:
            out += string(name) + struct.pack("<II", DTYPES[dtype], len(dims))
            for dim in dims:
                out += struct.pack("<IQ", 0, dim) if isinstance(dim, int) else struct.pack("<I", 1) + string(dim)
            out += struct.pack("<IQ", axis, capacity)
            out += struct.pack("<Id", 0, initial) if isinstance(initial, float) else struct.pack("<I", 1) + string(initial)
        for (name, data), place in zip(blobs, places):
            out += string(name) + struct.pack("<QQ", place, len(data)) + blake3(data).digest()
        return out

    parts = [data for _, data in blobs] + [tensor[3] for tensor in tensors]
    length = len(tables([0] * len(parts)))
    start = (128 + length + 63) // 64 * 64
    data, places, known = b"", [], {}
    for part in parts:
        if not part:
            places.append(start + len(data))
        elif part in known:
            places.append(known[part])
        else:
            known[part] = start + len(data)
            places.append(known[part])
            data += pad(part, 64)
    table = tables(places)
    counts = [len(metadata), len(sizes), len(tensors), len(states), len(blobs), 0]
    header = b"OINF\0" + struct.pack("<I7xQQQ6I", 3, start + len(data), length, start, *counts) + blake3(table).digest()
    header += blake3(header).digest()
    return pad(header + table, 64) + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def write_v3(path):
    texts = struct.pack("<IQ", 8, 2) + string("<s>") + string("é")
    metadata = [
        ("name", 8, string("tiny")), ("layers", 4, struct.pack("<I", 2)), ("eps", 6, floats(1e-5)),
        ("tied", 7, b"\1"), ("tokens", 9, texts), ("table", 13, dtype_and_dims("f32", [2]) + floats(1, 2)),
    ]
    tensors = [
        ("w", "f32", [2, 3], floats(1, 2, 3, 4, 5, 6), None), ("tied", "f32", [2, 3], floats(1, 2, 3, 4, 5, 6), None),
        ("scalar", "bf16", [], b"\x80\x3f", None), ("empty", "f32", [0, 4], b"", None),
        ("packed", "i4", [3], b"\x21\x0f", None), ("blocks", "q8_0", [1, 32], b"\x00\x3c" + bytes(range(32)), None),
        ("q", "i8", [2, 2], b"\x01\xff\x7f\x81", (0, "q#scales", "")), ("q#scales", "f32", [2], floats(0.5, 0.25), None),
        ("later", "f16", [4], None, None),
    ]
    states = [("cache", "f16", [0, "D"], 0, 64, 0.0), ("step", "i32", [2, 2], NONE, 2**64 - 1, "q")]
    path.write_bytes(v3(metadata, [("D", 128)], tensors, states, [("config.json", b'{"a": 1}')]))


# --- versions 1 and 2 --------------------------------------------------------------------------------------


def old_string(text):
    return pad(struct.pack("<I", len(text)) + text.encode("ascii"), 8)


def old(version, sizes, metadata, tensors):
    """Metadata: (key, type, payload). Tensors: (name, dtype, dims, data or None, quantisation or None)."""

    def tables(place):
        out = [b"".join(old_string(name) + struct.pack("<Q", value) for name, value in sizes), b"", b""]
        for key, kind, payload in metadata:
            out[1] += old_string(key) + struct.pack("<IIQQ", kind, 0, len(payload), place(payload))
        for name, dtype, dims, data, quantisation in tensors:
            flags = (data is not None) + 2 * (quantisation is not None)
            out[2] += old_string(name) + struct.pack(f"<III{len(dims)}Q", DTYPES[dtype], len(dims), flags, *dims)
            out[2] += struct.pack("<QQ", len(data), place(data)) if data is not None else struct.pack("<QQ", 0, 0)
            if version == 2:
                has = quantisation is not None
                out[2] += struct.pack("<QQ", len(quantisation), place(quantisation)) if has else struct.pack("<QQ", 0, 0)
        return out

    offsets = [72]
    for table in tables(lambda payload: 0):
        offsets.append((offsets[-1] + len(table) + 7) // 8 * 8)
    data = bytearray()

    def append(payload):
        place = offsets[3] + len(data)
        data.extend(pad(payload, 8))
        return place

    found = tables(append)
    counts = (len(sizes), len(metadata), len(tensors))
    header = b"OINF\0" + struct.pack("<6I5Q", version, 0, *counts, 0, *offsets, offsets[3] + len(data))
    return pad(header, 72) + b"".join(pad(table, 8) for table in found) + bytes(data)


def write_old(folder):
    metadata = [
        ("mode", 14, old_string("clamp_up")), ("x", 10, floats(10.35)), ("flag", 12, b"\1"), ("small", 1, b"\xfe"),
        ("big", 8, struct.pack("<Q", 2**64 - 1)), ("half", 9, b"\x00\x3c"),
        ("bits", 13, pad(struct.pack("<II", 10, 2) + b"\x55\x02", 8)),
        ("grid", 15, pad(struct.pack("<IIQQ", 3, 2, 2, 2) + struct.pack("<4i", 1, -2, 3, -4), 8)),
    ]
    tensors = [
        ("W.0", "f32", [2, 3], floats(1, 2, 3, 4, 5, 6), None), ("a", "f16", [3], b"\x00\x3c\x00\xc0\x00\x00", None),
        ("scalar", "i32", [], struct.pack("<i", -7), None), ("y", "i32", [4], None, None),
    ]
    (folder / "v1.oinf").write_bytes(old(1, [("B", 4), ("D", 128)], metadata, tensors))
    whole = struct.pack("<4I4Q", 1, 1, 0, 0, 0, 1, 0, 0) + floats(0.5)
    rows = struct.pack("<4I4Q", 2, 2, 2, 0, 0, 2, 0, 2) + floats(0.5, 0.25) + struct.pack("<2i", 1, -1)
    tensors += [
        ("packed", "i4", [3], b"\x21\x0f", None), ("signs", "t2", [4], b"\x1d", None),
        ("whole", "i8", [2, 2], b"\x01\xff\x7f\x81", pad(whole, 8)), ("rows", "i8", [2, 2], b"\x01\xff\x7f\x81", rows),
    ]
    (folder / "v2.oinf").write_bytes(old(2, [("B", 4)], metadata, tensors))


folder = pathlib.Path(sys.argv[1])
write_v3(folder / "v3.oinf")
write_old(folder)
