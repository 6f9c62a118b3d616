"""ONNX models whose large initializers stay in their file: they are neither parsed nor copied with the model.

In: the path of a model. Out: the model, in which each large initializer refers to data elsewhere, and those data as
views of the mapped file, by name.

A file of protocol buffers is a list of fields, each a key (its number and how its content ends) and the content.
Only the fields of the model, of its graph and of the graph's initializers are looked at here; all else is handed to
the parser as it is.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from onnx import ModelProto, TensorProto, helper

from onnx_taps import RAW

LIFTED = 1 << 16
"""Bytes from which on an initializer stays in the file."""

# Numbers of fields, from onnx.proto.
GRAPH_OF_MODEL = 7
INITIALIZER_OF_GRAPH = 5
RAW_DATA_OF_TENSOR = 9

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
"""How the content of a field ends."""


@dataclass(frozen=True)
class Field:
    """A field of a message: its number, where its key and its content begin, and where it ends."""

    number: int
    start: int
    content: int
    end: int


def varint(data: Any, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  the bit that says that more follows
            return value, place


def fields(data: Any, start: int, end: int) -> Iterator[Field]:
    """The fields of a message.

    Raises `ValueError` or `IndexError` where the bytes aren't a message.
    """
    place = start
    while place < end:
        key, content = varint(data, place)
        ending = key & 7
        if ending == LENGTH:
            length, content = varint(data, content)
            stop = content + length
        elif ending == VARINT:
            _, stop = varint(data, content)
        elif ending in (EIGHT_BYTES, FOUR_BYTES):
            stop = content + (8 if ending == EIGHT_BYTES else 4)
        else:
            raise ValueError(f"a field ends in way {ending}")
        if stop > end:
            raise ValueError("a field is longer than its message")
        yield Field(key >> 3, place, content, stop)
        place = stop


def encoded(value: int) -> bytes:
    """A number of seven bits a byte."""
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(number: int, parts: list[bytes]) -> list[bytes]:
    """A field that holds a message."""
    return [encoded(number << 3 | LENGTH), encoded(sum(map(len, parts))), *parts]


def load(path: Path, known: dict[int, str]) -> tuple[ModelProto, dict[str, tuple[Any, int]]]:
    """A model without its large initializers of dtypes that are known, and those as arrays with their dtypes.

    A dtype that NumPy lacks comes as raw integers.
    """
    with path.open("rb") as file:
        if path.stat().st_size < LIFTED:
            return ModelProto.FromString(file.read()), {}
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    weights: dict[str, tuple[Any, int]] = {}
    parts: list[bytes] = []
    for field in fields(data, 0, len(data)):
        if field.number == GRAPH_OF_MODEL:
            parts += message(GRAPH_OF_MODEL, graph_without_weights(data, field, known, weights))
        else:
            parts.append(data[field.start : field.end])
    return ModelProto.FromString(b"".join(parts)), weights


def graph_without_weights(
    data: Any, graph: Field, known: dict[int, str], weights: dict[str, tuple[Any, int]]
) -> list[bytes]:
    """The fields of a graph; what is taken out goes to `weights`."""
    parts: list[bytes] = []
    for field in fields(data, graph.content, graph.end):
        tensor = None
        if field.number == INITIALIZER_OF_GRAPH and field.end - field.content >= LIFTED:
            tensor = without_content(data, field, known, weights)
        parts += [data[field.start : field.end]] if tensor is None else message(field.number, [tensor])
    return parts


def without_content(
    data: Any, field: Field, known: dict[int, str], weights: dict[str, tuple[Any, int]]
) -> bytes | None:
    """A tensor that refers to data elsewhere; `None` where it has to stay as it is."""
    parts: list[bytes] = []
    raw: Field | None = None
    for part in fields(data, field.content, field.end):
        if part.number == RAW_DATA_OF_TENSOR:
            raw = part
        elif part.end - part.start < LIFTED:
            parts.append(data[part.start : part.end])
        else:
            return None
    tensor = TensorProto.FromString(b"".join(parts))
    if raw is None or tensor.data_location == TensorProto.EXTERNAL or tensor.data_type not in known:
        return None
    dtype = RAW.get(tensor.data_type) or helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count, rest = divmod(raw.end - raw.content, numpy.dtype(dtype).itemsize)
    array = numpy.frombuffer(data, dtype, count, raw.content)
    if rest or count != numpy.prod(tensor.dims, dtype=numpy.int64):
        return None
    weights[tensor.name] = array.reshape(tuple(tensor.dims)), tensor.data_type
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="lifted")
    return tensor.SerializeToString()
