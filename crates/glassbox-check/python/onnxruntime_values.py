#!/usr/bin/env python3
"""Takes the values that onnxruntime computes inside an ONNX model, as `glassbox check` asks for them.

In: the path of a request, `{"model", "inputs", "composed", "output", "wanted", "optimize", "threads", "memory",
"one_file"}`: a model, a `.npz` file of its inputs by name, what those inputs consist of that are no tensors (by name:
the name of an array, `{"sequence": [...]}`, `{"optional": ...}`, null for nothing, or `{"map": [...]}` of the
arrays of keys and values), a folder to write, names of values or null for
all of them, `"none"`, or `"all"` for the values of the graph that onnxruntime's own optimiser makes, how many
threads compute, how many bytes of values are held at a time (null: half of the memory that is free), and
whether all values go to one file, which is written and read sooner than many.

Out: `NNNNN.npy` for each value, or `values.bin` with the elements of all of them, each value from a multiple of
`ALIGNMENT` bytes on, and `NNNNN.pb` for each sequence; and `index.json`, in the order of the graph's nodes: names, dtypes and shapes, and what couldn't be taken and
why. A dtype that NumPy lacks is written as raw integers; the index names the true one. Dtypes and opsets of
the model stay as they are; constants that are no outputs are left out. Texts have files of their own.

- A value inside a function is named `CALL/NAME`, `CALL` being the calling node's name, or its first output's.
- A value inside a body has its own name. It has one file for each time that it was computed, and `turns`
  says which turn of each loop around it that was.
- Data in other files is read by onnxruntime alone, so a model may be of any size.

Errors end up on the standard error stream: `missing: MODULE` with status 4, too little memory with status
5, anything else as a traceback with status 1.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

try:
    import numpy
    import onnx
    import onnxruntime
    from onnx import ModelProto, TensorProto, helper
except ModuleNotFoundError as missing:
    print(f"missing: {missing.name}", file=sys.stderr)
    sys.exit(4)

import onnx_lifting
from onnx_functions import Index, Inliner
from onnx_taps import RAW, Kinds, Tap, every_kind, kinds_of, plain_taps_of, taps_of

DTYPES = {
    TensorProto.FLOAT: "f32",
    TensorProto.DOUBLE: "f64",
    TensorProto.FLOAT16: "f16",
    TensorProto.BFLOAT16: "bf16",
    TensorProto.FLOAT8E4M3FN: "f8e4m3fn",
    TensorProto.FLOAT8E4M3FNUZ: "f8e4m3fnuz",
    TensorProto.FLOAT8E5M2: "f8e5m2",
    TensorProto.FLOAT8E5M2FNUZ: "f8e5m2fnuz",
    TensorProto.INT8: "i8",
    TensorProto.INT16: "i16",
    TensorProto.INT32: "i32",
    TensorProto.INT64: "i64",
    TensorProto.UINT8: "u8",
    TensorProto.UINT16: "u16",
    TensorProto.UINT32: "u32",
    TensorProto.UINT64: "u64",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}
"""Glassbox's names of the dtypes that are taken."""

ONE_FILE = "values.bin"
"""What the file of all values is called."""

ALIGNMENT = 64
"""Where values begin in the file of all of them, so that whoever maps it can read any dtype in place."""

OPSET_OF_READER = 17
"""The opset of the graphs that read sequences."""


class RequestError(Exception):
    """A request that can't be carried out; the message says why and what to do."""


# Running.


def session_options(threads: int, level: Any) -> Any:
    """Options of a run on the processor."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return options


@dataclass(frozen=True)
class Subject:
    """A model, and where the data is that its file lacks."""

    model: ModelProto
    folder: Path
    """Where its files of external data are."""
    weights: dict[str, Any] = field(default_factory=dict)
    """Tensors that were taken out of it, so that they aren't copied with it."""


def load_lifted(path: Path, folder: Path) -> Subject:
    """A model with its large initializers beside it, which refers to them by name."""
    if sys.byteorder != "little":
        return Subject(onnx.load(path, load_external_data=False), folder)
    model, weights = onnx_lifting.load(path, DTYPES)
    return Subject(model, folder, {name: tensor_value(array, dtype) for name, (array, dtype) in weights.items()})


def open_session(subject: Subject, threads: int) -> Any:
    """A session that computes node by node what the model says."""
    options = session_options(threads, onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(subject.folder))
    if subject.weights:
        options.add_external_initializers(list(subject.weights), list(subject.weights.values()))
    model = subject.model
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def optimised(path: Path, threads: int, scratch: Path) -> Subject:
    """The graph that onnxruntime's optimiser makes of a model."""
    options = session_options(threads, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    saved = scratch / "optimised.onnx"
    options.optimized_model_filepath = str(saved)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "optimised.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return load_lifted(saved, scratch)


def tensor_value(array: Any, dtype: int) -> Any:
    """An array as onnxruntime's tensor; a dtype that NumPy lacks comes as raw integers."""
    whole = numpy.ascontiguousarray(array).reshape(array.shape)
    if dtype in RAW:
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(whole, dtype)
    return onnxruntime.OrtValue.ortvalue_from_numpy(whole)


def feeds_of(model: ModelProto, path: Path, composed: dict[str, Any]) -> dict[str, Any]:
    """The inputs that a model declares, out of a `.npz` file."""
    initial = {tensor.name for tensor in model.graph.initializer}
    feeds: dict[str, Any] = {}
    with numpy.load(path, allow_pickle=False) as arrays:
        for value in model.graph.input:
            if value.name in composed:
                keys, values = (arrays[part].tolist() for part in composed[value.name]["map"])
                feeds[value.name] = dict(zip(keys, values, strict=True))
            elif value.name in arrays:
                feeds[value.name] = tensor_value(arrays[value.name], value.type.tensor_type.elem_type)
            elif value.name not in initial:
                raise RequestError(f"{path} has no array `{value.name}`, which is an input of the model")
    return feeds


def compose(model: ModelProto, composed: dict[str, Any]) -> None:
    """Makes the inputs that are sequences and optionals of tensors, which are inputs in their place: Python can make
    onnxruntime's own values, in which every dtype is handed over, of tensors only."""
    graph = model.graph
    nodes: list[Any] = []

    def made(name: str, form: Any, kind: Any) -> None:
        """Adds what gives a value of this type under this name."""
        if isinstance(form, str):
            tensor = helper.make_tensor_value_info(form, kind.tensor_type.elem_type, None)
            graph.input.append(tensor)
            nodes.append(helper.make_node("Identity", [form], [name]))
        elif "sequence" in form:
            element = kind.sequence_type.elem_type
            parts = [f"{name}/{place}/" for place in range(len(form["sequence"]))]
            for part, inner in zip(parts, form["sequence"], strict=True):
                made(part, inner, element)
            if parts:
                nodes.append(helper.make_node("SequenceConstruct", parts, [name]))
            else:
                nodes.append(helper.make_node("SequenceEmpty", [], [name], dtype=element.tensor_type.elem_type))
        elif form["optional"] is None:
            nodes.append(helper.make_node("Optional", [], [name], type=kind.optional_type.elem_type))
        else:
            made(f"{name}/it/", form["optional"], kind.optional_type.elem_type)
            nodes.append(helper.make_node("Optional", [f"{name}/it/"], [name]))

    given = [value for value in graph.input if value.name in composed]
    for value in [value for value in given if "map" not in composed[value.name]]:
        graph.input.remove(value)
        made(value.name, composed[value.name], value.type)
    for node in reversed(nodes):
        graph.node.insert(0, node)


def fix_texts(model: ModelProto, path: Path) -> None:
    """Makes the inputs of texts constants of the model: onnxruntime takes no texts beside values of other kinds."""
    graph = model.graph
    texts = [value for value in graph.input if value.type.tensor_type.elem_type == TensorProto.STRING]
    with numpy.load(path, allow_pickle=False) as arrays:
        for value in [value for value in texts if value.name in arrays]:
            kept = [tensor for tensor in graph.initializer if tensor.name != value.name]
            del graph.initializer[:]
            graph.initializer.extend(kept)
            graph.initializer.append(onnx.numpy_helper.from_array(arrays[value.name].astype(object), value.name))
            graph.input.remove(value)


def free_memory() -> int:
    """Half of the bytes of memory that are free; 4 GiB where the system doesn't tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024 // 2
    except OSError:
        pass
    return 4 << 30


def groups_of(taps: list[Tap], kinds: Kinds, memory: int) -> Iterator[list[Tap]]:
    """The taps in groups whose values fit the memory; a size that isn't known counts as the largest known."""
    known = [kinds[tap.source].bytes() if tap.source in kinds else None for tap in taps]
    largest = max((size for size in known if size is not None), default=0)
    group: list[Tap] = []
    total = 0
    for tap, size in zip(taps, (largest if size is None else size for size in known), strict=True):
        if group and total + size > memory:
            yield group
            group, total = [], 0
        group.append(tap)
        total += size
    if group:
        yield group


def bits_of(value: Any) -> tuple[Any, str]:
    """A tensor's elements as an array, and the name of its dtype."""
    dtype = value.element_type()
    if dtype not in DTYPES:
        name = TensorProto.DataType.Name(dtype) if dtype in TensorProto.DataType.values() else str(dtype)
        raise RequestError(f"values of dtype {name} aren't taken")
    if dtype == TensorProto.STRING:
        return texts_of(value.numpy()), DTYPES[dtype]
    if dtype not in RAW:
        return value.numpy(), DTYPES[dtype]
    shape = value.shape()
    count = math.prod(shape)
    content = ctypes.string_at(value.data_ptr(), count * RAW[dtype].itemsize) if count else b""
    return numpy.frombuffer(content, RAW[dtype]).reshape(shape), DTYPES[dtype]


def texts_of(array: Any) -> Any:
    """Texts as an array that is written without objects."""
    if any(text.endswith("\0") for text in array.reshape(-1)):
        raise RequestError("texts that end in a zero character can't be written by NumPy")
    return array.astype("U")


class Plain:
    """What onnxruntime gives as NumPy has it, with the methods of its own values."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def has_value(self) -> bool:
        """Whether there is one."""
        return self.value is not None

    def is_tensor(self) -> bool:
        """Whether it is an array."""
        return isinstance(self.value, numpy.ndarray)

    def is_tensor_sequence(self) -> bool:
        """Whether it is a list of arrays. Such a one isn't taken beside maps."""
        return False

    def element_type(self) -> int:
        """The dtype of the elements."""
        if self.value.dtype.kind in "OU":
            return int(TensorProto.STRING)
        return int(helper.np_dtype_to_tensor_dtype(self.value.dtype))

    def numpy(self) -> Any:
        """The array."""
        return self.value


class SequenceReader:
    """Takes the elements out of onnxruntime's sequences, whatever their dtype."""

    def __init__(self) -> None:
        self.sessions: dict[int, Any] = {}

    def elements(self, sequence: Any) -> list[Any]:
        """The tensors of a sequence."""
        dtype = sequence.element_type()
        if dtype not in self.sessions:
            self.sessions[dtype] = self.session(dtype)
        length, element = self.sessions[dtype]
        (count,) = length.run_with_ort_values(None, {"sequence": sequence})
        return [
            element.run_with_ort_values(
                None,
                {"sequence": sequence, "index": onnxruntime.OrtValue.ortvalue_from_numpy(numpy.array(index))},
            )[0]
            for index in range(int(count.numpy()))
        ]

    def session(self, dtype: int) -> tuple[Any, Any]:
        """Sessions that give a sequence's length, and one of its elements."""
        sequence = helper.make_tensor_sequence_value_info("sequence", dtype, None)
        index = helper.make_tensor_value_info("index", TensorProto.INT64, [])
        count = helper.make_tensor_value_info("count", TensorProto.INT64, [])
        element = helper.make_tensor_value_info("element", dtype, None)
        length = helper.make_node("SequenceLength", ["sequence"], ["count"])
        at = helper.make_node("SequenceAt", ["sequence", "index"], ["element"])
        graphs = [
            helper.make_graph([length], "length", [sequence], [count]),
            helper.make_graph([at], "at", [sequence, index], [element]),
        ]
        imports = [helper.make_opsetid("", OPSET_OF_READER)]
        models = [helper.make_model(graph, opset_imports=imports, ir_version=8) for graph in graphs]
        first, second = (open_session(Subject(model, Path()), 1) for model in models)
        return first, second


class Writer:
    """Writes values as files of a folder."""

    def __init__(self, folder: Path, index: Index, one_file: bool) -> None:
        self.folder = folder
        self.index = index
        self.reader = SequenceReader()
        self.all = (folder / ONE_FILE).open("wb") if one_file else None
        self.end = 0

    def array(self, name: str, array: Any, dtype: str, turns: list[int] | None) -> None:
        """Writes an array."""
        entry = {"name": name, "dtype": dtype, "shape": list(array.shape), **self.content(array)}
        self.index.values.append(entry if turns is None else {**entry, "turns": turns})

    def content(self, array: Any) -> dict[str, Any]:
        """Writes what an array holds; says where."""
        if self.all is None or array.dtype.kind == "U":
            file = f"{len(self.index.values):05}.npy"
            numpy.save(self.folder / file, array, allow_pickle=False)
            return {"file": file}
        whole = numpy.ascontiguousarray(array)
        start = -(-self.end // ALIGNMENT) * ALIGNMENT
        self.all.write(bytes(start - self.end))
        self.all.write(whole.reshape(-1).view(numpy.uint8).data)
        self.all.flush()  # nobody closes it
        self.end = start + whole.nbytes
        return {"file": ONE_FILE, "start": start}

    def tensor(self, tap: Tap, value: Any, turns: list[int] | None) -> None:
        """Writes a tensor, or those that are stacked in it."""
        array, dtype = bits_of(value)
        if not tap.stacked:
            self.array(tap.name, array, dtype, turns)
            return
        for turn, part in enumerate(array):
            self.array(tap.name, part, dtype, [*(turns or []), turn])

    def sequence(self, tap: Tap, value: Any) -> None:
        """Writes a sequence of tensors, in ONNX's own form."""
        held = onnx.SequenceProto(elem_type=onnx.SequenceProto.TENSOR)
        dtype = value.element_type()
        for element in self.reader.elements(value):
            array, _ = bits_of(element)
            if array.dtype.kind == "U":
                held.tensor_values.append(onnx.numpy_helper.from_array(array.astype(object)))
            else:
                raw = numpy.ascontiguousarray(array).tobytes()
                held.tensor_values.append(TensorProto(dims=array.shape, data_type=dtype, raw_data=raw))
        file = f"{len(self.index.values):05}.pb"
        (self.folder / file).write_bytes(held.SerializeToString())
        self.index.values.append({"name": tap.name, "type": f"seq<{DTYPES[dtype]}[*]>", "file": file})

    def tap(self, tap: Tap, results: dict[str, Any]) -> None:
        """Writes what a tap brought."""
        value = results[tap.source]
        try:
            if tap.in_body:
                elements = self.reader.elements(value)
                turns = [None] * len(elements)
                if tap.turns:
                    turns = [turn.numpy().tolist() for turn in self.reader.elements(results[tap.turns])]
                for element, turn in zip(elements, turns, strict=True):
                    self.tensor(tap, element, turn)
                if not elements:
                    self.index.leave(tap.name, "it was never computed: its branch or loop didn't run")
            elif value.has_value() and value.is_tensor():
                self.tensor(tap, value, None)
            elif value.has_value() and value.is_tensor_sequence():
                self.sequence(tap, value)
            else:
                self.index.leave(tap.name, "it is a map, or an optional without a value")
        except RequestError as error:
            self.index.leave(tap.name, str(error))


def is_out_of_memory(error: Exception) -> bool:
    """Whether onnxruntime failed for want of memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "failed to allocate memory" in text or "bad_alloc" in text


def run_group(subject: Subject, taps: list[Tap], feeds: dict[str, Any], threads: int) -> dict[str, Any]:
    """One run that gives what these taps bring."""
    names = list(dict.fromkeys(name for tap in taps for name in (tap.source, tap.turns) if name))
    graph = subject.model.graph
    declared = [*graph.output]
    outputs = {value.name: value for value in declared}
    del graph.output[:]
    graph.output.extend(outputs.get(name) or onnx.ValueInfoProto(name=name) for name in names)
    session = open_session(subject, threads)
    del graph.output[:]
    graph.output.extend(declared)
    taken = {value.name for value in (*session.get_inputs(), *session.get_overridable_initializers())}
    given = {name: value for name, value in feeds.items() if name in taken}
    if not any(isinstance(value, dict) for value in given.values()):
        return dict(zip(names, session.run_with_ort_values(names, given), strict=True))
    # A map is handed over as a dictionary, beside which everything is as NumPy has it.
    plain = {name: value if isinstance(value, dict) else value.numpy() for name, value in given.items()}
    return {name: Plain(value) for name, value in zip(names, session.run(names, plain), strict=True)}


def run_all(
    subject: Subject, groups: Iterable[list[Tap]], feeds: dict[str, Any], threads: int
) -> Iterator[tuple[list[Tap], dict[str, Any]]]:
    """What the taps bring, in as many runs as there are groups; one that doesn't fit the memory is halved."""
    waiting = list(groups)[::-1]
    while waiting:
        group = waiting.pop()
        try:
            results = run_group(subject, group, feeds, threads)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if len(group) == 1:
                raise MemoryError(f"not even the value `{group[0].name}` alone fits the memory") from error
            half = len(group) // 2
            waiting += [group[half:], group[:half]]
            continue
        yield group, results


def take(request: dict[str, Any], scratch: Path) -> Index:
    """Carries out a request."""
    path = Path(request["model"])
    threads, memory = int(request.get("threads") or 0), int(request.get("memory") or free_memory())
    wanted = None if request.get("wanted") is None else set(request["wanted"])
    composed = request.get("composed") or {}
    index = Index()
    subject = load_lifted(path, path.resolve().parent)
    model = subject.model
    Inliner(model, index).run(model)
    compose(model, composed)
    fix_texts(model, Path(request["inputs"]))
    feeds = feeds_of(model, Path(request["inputs"]), composed)
    shapes = {name: tuple(value.shape()) for name, value in feeds.items() if not isinstance(value, dict)}
    kinds = kinds_of(model, shapes)
    others: Kinds = {}
    if request.get("optimize") == "all":
        others = every_kind(model.graph, kinds, model)
        subject = optimised(path, threads, scratch)
        model = subject.model
        Inliner(model, index).run(model)
        compose(model, composed)
        fix_texts(model, Path(request["inputs"]))
        kinds = kinds_of(model, shapes)
    writer = Writer(Path(request["output"]), index, bool(request.get("one_file")))

    def write(subject: Subject, taps: list[Tap]) -> None:
        for group, results in run_all(subject, groups_of(taps, kinds, memory), feeds, threads):
            for tap in group:
                writer.tap(tap, results)

    left = list(index.not_taken)
    changed = ModelProto()
    changed.CopyFrom(model)
    taps = taps_of(changed, kinds, wanted, others, index)
    try:
        write(replace(subject, model=changed), taps)
    except Exception as error:
        if is_out_of_memory(error) or not any(tap.in_body or tap.stacked for tap in taps):
            raise
        # What was added for the bodies can be what onnxruntime refuses.
        why = f"it is in a body, and onnxruntime refuses to give it: {str(error).splitlines()[0]}"
        print(f"note: bodies are left out: {error}", file=sys.stderr)
        index.values, index.not_taken = [], left
        write(subject, plain_taps_of(model, wanted, why, index))
    return index


def write_index(index: Index, folder: Path) -> None:
    """Writes the list of what was taken."""
    document = {
        "format": "glassbox.values",
        "version": 1,
        "producer": f"onnxruntime {onnxruntime.__version__}",
        "values": index.values,
        "not_taken": index.not_taken,
    }
    (folder / "index.json").write_text(json.dumps(document, indent=1))


def main() -> int:
    """Carries out the request whose path is the first argument; gives the exit status."""
    if len(sys.argv) != 2:
        print("usage: onnxruntime_values.py REQUEST.json", file=sys.stderr)
        return 2
    request = json.loads(Path(sys.argv[1]).read_text())
    os.makedirs(request["output"], exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            write_index(take(request, Path(scratch)), Path(request["output"]))
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"out of memory: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    status = main()
    # Giving back the memory of all modules and sessions takes a while, and nobody needs it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
