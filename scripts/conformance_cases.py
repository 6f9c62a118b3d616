#!/usr/bin/env python3
"""Writes the official ONNX backend tests of the installed `onnx` package as files.

`OUT/<kind>/<test name>/` holds, for each test:

- `model.onnx`;
- `case.json`: name, kind, rtol, atol, number of data sets, the names of the fed inputs and of the
  outputs (those of the graph, in its order) and, for each of them, its type: `tensor`, `sequence`,
  `optional`, `map`, or `none` for an optional that is absent in every data set;
- `data_set_K/input_I.pb` and `output_I.pb`: the values, as the message that the type names
  (`none`: an `OptionalProto` without a value).

Up to 1.22 onnx ships its node tests as files, since then it computes them; both are taken as they are.

The kinds are those of onnx's own runner, except that its *real* tests, whose models are the light
ones that the package carries, are called `light` here. Their inputs are the ramp that the runner
generates and their outputs those that the package ships.

Every file is read back and compared, to the bit, with the value that it was written from. The
run fails unless the number of tests of each kind is the one that this release is known to have.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import onnx
from google.protobuf.message import Message
from onnx import ModelProto, TensorProto, TypeProto, ValueInfoProto, numpy_helper
from onnx.backend.test.case.model import collect_testcases
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")

EXPECTED_COUNTS = {
    "1.21.0": (1678, 23, 82, 35, 9),
    "1.22.0": (1765, 23, 82, 35, 9),
    "1.23.2": (1884, 26, 82, 35, 9),
}
"""The number of tests of each kind in releases of onnx."""

PACKAGE_ROOT = Path(onnx.__file__).parent.parent
"""The folder that the package's names of light models are relative to."""


class ConformanceError(Exception):
    """A test that cannot be written faithfully; the message names it and says why."""


@dataclass(frozen=True)
class Codec:
    """How values of one ONNX type are written to a file and read back."""

    label: str
    message: type[Message]
    encode: Callable[[Any, str], Message]
    decode: Callable[[Any], Any]


CODECS = {
    "tensor_type": Codec(
        "tensor",
        TensorProto,
        lambda value, name: numpy_helper.from_array(numpy.asarray(value), name),
        numpy_helper.to_array,
    ),
    "sequence_type": Codec(
        "sequence", onnx.SequenceProto, numpy_helper.from_list, numpy_helper.to_list
    ),
    "optional_type": Codec(
        "optional", onnx.OptionalProto, numpy_helper.from_optional, numpy_helper.to_optional
    ),
    "map_type": Codec("map", onnx.MapProto, numpy_helper.from_dict, numpy_helper.to_dict),
}


@dataclass(frozen=True)
class DataSet:
    """Values of one run of a model: numpy arrays, lists, dictionaries, None, or onnx messages."""

    inputs: Sequence[Any]
    outputs: Sequence[Any]


@dataclass(frozen=True)
class Case:
    """One test, with everything that its files are written from."""

    name: str
    kind: str
    rtol: float
    atol: float
    model: bytes
    data_sets: Sequence[DataSet]
    extra_files: Sequence[Path]


def python_case(test: TestCase) -> Case:
    """A test that onnx defines as Python values."""
    if test.model is None or test.data_sets is None:
        raise ConformanceError(f"{test.name}: has no model or no data sets")
    return Case(
        name=test.name,
        kind=test.kind,
        rtol=test.rtol,
        atol=test.atol,
        model=test.model.SerializeToString(deterministic=True),
        data_sets=[DataSet(inputs, outputs) for inputs, outputs in test.data_sets],
        extra_files=[],
    )


def stored_case(test: TestCase) -> Case:
    """A test that the onnx package ships as files."""
    if test.model_dir is None:
        raise ConformanceError(f"{test.name}: has no folder")
    directory = Path(test.model_dir)
    model_bytes = (directory / "model.onnx").read_bytes()
    graph = ModelProto.FromString(model_bytes).graph
    sets = sorted(directory.glob("test_data_set_*"), key=trailing_number)
    return Case(
        name=test.name,
        kind=test.kind,
        rtol=test.rtol,
        atol=test.atol,
        model=model_bytes,
        data_sets=[
            DataSet(
                read_stored(data_set, "input", fed_inputs(graph)),
                read_stored(data_set, "output", graph.output),
            )
            for data_set in sets
        ],
        extra_files=[
            path
            for path in sorted(directory.iterdir())
            if path.name != "model.onnx" and path not in sets
        ],
    )


def trailing_number(path: Path) -> int:
    """The number at the end of a name such as `test_data_set_12` or `input_3.pb`."""
    return int(path.stem.rsplit("_", 1)[1])


def read_stored(directory: Path, role: str, infos: Sequence[ValueInfoProto]) -> list[Message]:
    """Reads the files `<role>_I.pb` of a shipped data set."""
    files = sorted(directory.glob(f"{role}_*.pb"), key=trailing_number)
    if [trailing_number(path) for path in files] != list(range(len(infos))):
        raise ConformanceError(
            f"{directory}: has {[path.name for path in files]}, the graph has "
            f"{len(infos)} {role}s to match"
        )
    return [
        codec_of(info.type).message.FromString(path.read_bytes())
        for path, info in zip(files, infos, strict=True)
    ]


def light_case(test: TestCase) -> Case:
    """A test on a light model: onnx's generated input and its shipped output."""
    if test.url is None:
        raise ConformanceError(f"{test.name}: names no model file")
    path = PACKAGE_ROOT / test.url
    model_bytes = path.read_bytes()
    graph = ModelProto.FromString(model_bytes).graph
    inputs = [Runner.generate_dummy_data(info, name=test.name) for info in fed_inputs(graph)]
    outputs = [
        TensorProto.FromString(path.with_name(f"{path.stem}_output_{index}.pb").read_bytes())
        for index in range(len(graph.output))
    ]
    return Case(
        name=test.name,
        kind="light",
        rtol=test.rtol,
        atol=test.atol,
        model=model_bytes,
        data_sets=[DataSet(inputs, outputs)],
        extra_files=[],
    )


def all_cases() -> Iterable[Case]:
    """Every test of every kind."""
    with numpy.errstate(all="ignore"):  # onnx computes infinities and NaNs on purpose here
        node_tests = load_model_tests(kind="node")
        model_tests = collect_testcases()
    for test in node_tests:
        yield stored_case(test) if test.model is None else python_case(test)
    for test in model_tests:
        yield light_case(test) if test.kind == "real" else python_case(test)
    for kind in ("pytorch-converted", "pytorch-operator"):
        tests = sorted(load_model_tests(kind=kind), key=lambda test: test.name)
        yield from map(stored_case, tests)


def fed_inputs(graph: onnx.GraphProto) -> list[ValueInfoProto]:
    """The graph inputs that a caller feeds: those without an initializer."""
    initialised = {tensor.name for tensor in graph.initializer}
    return [info for info in graph.input if info.name not in initialised]


def codec_of(value_type: TypeProto) -> Codec:
    """The codec of a declared type."""
    field = value_type.WhichOneof("value")
    if field not in CODECS:
        raise ConformanceError(f"values of type {field} cannot be written")
    return CODECS[field]


def write_case(case: Case, directory: Path) -> None:
    """Writes a test's folder."""
    if not case.data_sets:
        raise ConformanceError("has no data set")
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(case.model)
    graph = ModelProto.FromString(case.model).graph
    inputs = present(fed_inputs(graph), [data_set.inputs for data_set in case.data_sets])
    outputs = present(graph.output, [data_set.outputs for data_set in case.data_sets])
    for index, data_set in enumerate(case.data_sets):
        data_directory = directory / f"data_set_{index}"
        data_directory.mkdir()
        write_values(data_directory, "input", inputs, data_set.inputs)
        write_values(data_directory, "output", outputs, data_set.outputs)
    for extra in case.extra_files:
        copy = shutil.copytree if extra.is_dir() else shutil.copyfile
        copy(extra, directory / extra.name)
    description = {
        "name": case.name,
        "kind": case.kind,
        "rtol": case.rtol,
        "atol": case.atol,
        "data_sets": len(case.data_sets),
        "inputs": [info.name for info in inputs],
        "outputs": [info.name for info in outputs],
        "types": {
            "inputs": labels(inputs, [data_set.inputs for data_set in case.data_sets]),
            "outputs": labels(outputs, [data_set.outputs for data_set in case.data_sets]),
        },
    }
    (directory / "case.json").write_text(json.dumps(description, indent=2) + "\n")


def present(
    infos: Sequence[ValueInfoProto], value_lists: Sequence[Sequence[Any]]
) -> list[ValueInfoProto]:
    """The graph's values, after a check that every data set has one for each."""
    for values in value_lists:
        if len(values) != len(infos):
            raise ConformanceError(
                f"a data set has {len(values)} values for {[info.name for info in infos]}"
            )
    return list(infos)


def labels(infos: Sequence[ValueInfoProto], value_lists: Sequence[Sequence[Any]]) -> list[str]:
    """The type labels of the graph's values, as `case.json` names them."""
    absent = [all(values[index] is None for values in value_lists) for index in range(len(infos))]
    return [
        "none" if is_absent else codec_of(info.type).label
        for info, is_absent in zip(infos, absent, strict=True)
    ]


def write_values(
    directory: Path, role: str, infos: Sequence[ValueInfoProto], values: Sequence[Any]
) -> None:
    """Writes the values of one role of a data set, each read back and compared."""
    for index, (info, value) in enumerate(zip(infos, values, strict=True)):
        codec = codec_of(info.type)
        is_message = isinstance(value, codec.message)
        message = value if is_message else codec.encode(value, info.name)
        path = directory / f"{role}_{index}.pb"
        path.write_bytes(message.SerializeToString(deterministic=True))
        read_back = codec.decode(codec.message.FromString(path.read_bytes()))
        difference = first_difference(codec.decode(value) if is_message else value, read_back)
        if difference:
            raise ConformanceError(f"{role} {info.name!r} was not stored faithfully: {difference}")


def first_difference(left: Any, right: Any) -> str | None:
    """How two values differ, to the bit; None if they are the same."""
    if left is None or right is None:
        return None if left is right else f"{left!r} against {right!r}"
    if isinstance(left, dict) or isinstance(right, dict):
        if not isinstance(left, dict) or not isinstance(right, dict) or list(left) != list(right):
            return f"map {left!r} against {right!r}"
        return first_difference(list(left.values()), list(right.values()))
    if isinstance(left, list) or isinstance(right, list):
        if not isinstance(left, list) or not isinstance(right, list) or len(left) != len(right):
            return f"sequence {left!r} against {right!r}"
        differences = map(first_difference, left, right)
        return next((difference for difference in differences if difference), None)
    return first_array_difference(numpy.asarray(left), numpy.asarray(right))


def first_array_difference(left: numpy.ndarray, right: numpy.ndarray) -> str | None:
    """How two arrays differ in shape, element type or bits; None if they are the same."""
    if left.shape != right.shape:
        return f"shape {left.shape} against {right.shape}"
    if left.dtype.kind in "OU":
        same = right.dtype.kind in "OU" and texts(left) == texts(right)
        return None if same else f"strings {left.tolist()} against {right.tolist()}"
    if left.dtype != right.dtype:
        return f"element type {left.dtype} against {right.dtype}"
    return None if left.tobytes() == right.tobytes() else "bits of an element"


def texts(array: numpy.ndarray) -> list[str]:
    """The elements of a string array; onnx gives some as UTF-8 bytes."""
    return [value.decode() if isinstance(value, bytes) else value for value in array.flat]


def write_all(out: Path) -> dict[str, int]:
    """Writes every test; gives the number of each kind."""
    counts = dict.fromkeys(KINDS, 0)
    for case in all_cases():
        try:
            write_case(case, out / case.kind / case.name)
        except (ConformanceError, FileExistsError, TypeError, ValueError) as error:
            raise ConformanceError(f"{case.kind}/{case.name}: {error}") from error
        counts[case.kind] += 1
    return counts


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Writes the official ONNX backend tests as files.")
    parser.add_argument("out", type=Path, help="folder to write; must not exist yet, or be empty")
    return parser.parse_args()


def main() -> int:
    """Writes the tests and checks their numbers; gives the exit status."""
    out: Path = parse_arguments().out
    if out.exists() and any(out.iterdir()):
        print(f"conformance: error: {out} is not empty", file=sys.stderr)
        return 1
    try:
        counts = write_all(out)
    except ConformanceError as error:
        print(f"conformance: error: {error}", file=sys.stderr)
        return 1
    for kind, count in counts.items():
        print(f"conformance: {kind}: {count} tests")
    print(f"conformance: total: {sum(counts.values())} tests")
    expected = EXPECTED_COUNTS.get(onnx.__version__)
    if tuple(counts.values()) != expected:
        print(
            f"conformance: error: onnx {onnx.__version__} has other tests than expected, which are {expected}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
