"""What `onnxruntime_values.py` does to a graph so that every value in it can be had from outside.

Values inside of If and Loop are each added to a sequence that is handed through every If and Loop around
them, with the turns of those loops in a sequence beside it. Values inside of a Scan become results of it.

In: a model without calls of functions, whose data may lie in other files. Out: the model
changed in place, and a list of `Tap`s, each the name of a value and the main graph's value that brings it.
What can't be had is noted with its reason.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from onnx_functions import Index, domain, graphs_of, label, opsets

LARGE = 1024
"""Bytes above which a tensor's contents are kept out of shape inference."""

RAW: dict[int, Any] = {
    TensorProto.BFLOAT16: numpy.dtype(numpy.uint16),
    TensorProto.FLOAT8E4M3FN: numpy.dtype(numpy.uint8),
    TensorProto.FLOAT8E4M3FNUZ: numpy.dtype(numpy.uint8),
    TensorProto.FLOAT8E5M2: numpy.dtype(numpy.uint8),
    TensorProto.FLOAT8E5M2FNUZ: numpy.dtype(numpy.uint8),
}
"""Dtypes that NumPy lacks, and the integers that hold their bits."""

OLDEST_SEQUENCE_OPSET = 14
"""The first opset whose If, Loop and Identity take sequences, by which the values of bodies come out."""

OLDEST_SCAN_OPSET = 9
"""The first opset whose Scan has no batches."""


@dataclass(frozen=True)
class Kind:
    """What inference knows of a value: its dtype, and its extents where all are known."""

    dtype: int
    shape: tuple[int, ...] | None = None

    def bytes(self) -> int | None:
        """How much memory the value takes."""
        if self.shape is None:
            return None
        raw = RAW.get(self.dtype)
        size = raw.itemsize if raw else helper.tensor_dtype_to_np_dtype(self.dtype).itemsize
        return math.prod(self.shape) * size


Kinds = dict[str, Kind]


@dataclass(frozen=True)
class Tap:
    """A value to take: what it is called, and the main graph's value that brings it."""

    name: str
    source: str
    turns: str | None = None
    """The value that brings the turns in which a body's value was computed."""
    in_body: bool = False
    """Whether `source` is a sequence of a body's values."""
    stacked: bool = False
    """Whether the first axis of what is brought is the turns of a Scan."""


# What is known of the values before anything runs.


def kinds_of(model: ModelProto, shapes: dict[str, tuple[int, ...]]) -> Kinds:
    """The dtypes and extents of the main graph's values, its inputs having these extents."""
    skeleton = helper.make_model(GraphProto(name="skeleton"), opset_imports=model.opset_import)
    skeleton.ir_version = model.ir_version
    skeleton.functions.extend(model.functions)
    graph = skeleton.graph
    initial = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name not in initial:
            graph.input.append(value)
    for value in graph.input:
        if value.name in shapes and value.type.HasField("tensor_type"):
            dtype = value.type.tensor_type.elem_type
            value.CopyFrom(helper.make_tensor_value_info(value.name, dtype, shapes[value.name]))
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL or tensor.ByteSize() > LARGE:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        else:
            graph.initializer.append(tensor)
    graph.node.extend(model.graph.node)
    return inferred(skeleton)


def inferred(model: ModelProto) -> Kinds:
    """What onnx's inference finds out; nothing where it fails."""
    try:
        found = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # its errors have several types, and the run itself can still succeed
        print(f"note: shape inference failed: {str(error).splitlines()[0]}", file=sys.stderr)
        found = model.graph
    kinds = {tensor.name: Kind(tensor.data_type, tuple(tensor.dims)) for tensor in found.initializer}
    for value in (*found.input, *found.value_info):
        tensor = value.type.tensor_type
        if not value.type.HasField("tensor_type") or not tensor.elem_type:
            continue
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
        known = [dim for dim in dims if dim is not None]
        whole = tensor.HasField("shape") and len(known) == len(dims)
        kinds[value.name] = Kind(tensor.elem_type, tuple(known) if whole else None)
    for node in model.graph.node:
        for name, dtype in supposed(node, kinds):
            kinds.setdefault(name, Kind(dtype))
    return kinds


SAME_DTYPE = ("LSTM", "GRU", "RNN", "Split")
"""Ops whose results after the first are of the first's dtype, too."""


def supposed(node: NodeProto, kinds: Kinds) -> Iterator[tuple[str, int]]:
    """The dtypes of a node's results as most ops have them, for ops that inference doesn't know, and those after
    them. A guess that is wrong makes onnxruntime refuse the model, and bodies are left out then."""
    given = [kinds[name].dtype for name in node.input if name in kinds]
    stated = [attribute.i for attribute in node.attribute if attribute.name in ("to", "dtype")]
    if node.op_type in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor"):
        dtype = int(TensorProto.BOOL)
    elif node.op_type in ("Shape", "Size", "ArgMax", "ArgMin", "NonZero"):
        dtype = int(TensorProto.INT64)
    elif stated:
        dtype = stated[0]
    elif given and len(given) == len([name for name in node.input if name]):
        dtype = given[1 if node.op_type == "Where" else 0]
    else:
        return
    outputs = node.output if node.op_type in SAME_DTYPE else node.output[:1]
    yield from ((name, dtype) for name in outputs if name)


def kinds_in_body(body: GraphProto, given: list[Kind | None], outer: Kinds, model: ModelProto) -> Kinds:
    """The dtypes of a body's values; extents may change from turn to turn."""
    inputs = dict(outer)
    for value, kind in zip_longest(body.input, given[: len(body.input)]):
        if kind is not None:
            inputs[value.name] = kind
        elif value.type.tensor_type.elem_type:
            inputs[value.name] = Kind(value.type.tensor_type.elem_type)
    alone = helper.make_model(GraphProto(name="body"), opset_imports=model.opset_import)
    alone.ir_version = model.ir_version
    alone.functions.extend(model.functions)
    read = free_names(body) | {value.name for value in body.input}
    for name in sorted(read & inputs.keys()):
        alone.graph.input.append(helper.make_tensor_value_info(name, inputs[name].dtype, None))
    for tensor in body.initializer:
        alone.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, None))
    alone.graph.node.extend(body.node)
    return {**inputs, **{name: Kind(kind.dtype) for name, kind in inferred(alone).items()}}


def free_names(graph: GraphProto) -> set[str]:
    """The names that a graph reads from around it."""
    defined = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    defined |= {name for node in graph.node for name in node.output}
    read = {name for node in graph.node for name in node.input if name}
    for node in graph.node:
        for body in graphs_of(node):
            read |= free_names(body)
    return read - defined


# Bodies: each value is added to a sequence that is handed through every If and Loop around it.


@dataclass(frozen=True)
class Record:
    """A sequence that grows while a graph runs."""

    number: int
    name: str
    """The value's name; empty for a sequence of turns."""
    dtype: int
    before: str
    """What the sequence is called where the graph begins; the graph defines no such value."""
    after: str
    """What it is called where the graph ends."""
    turns: int | None = None
    """The number of the record that holds the turns, `None` outside of loops."""
    stacked: bool = False
    """Whether the first axis of each element is the turns of a Scan."""


class Recorder:
    """Makes the values of bodies leave the bodies."""

    def __init__(self, model: ModelProto, wanted: set[str] | None, others: Kinds, index: Index) -> None:
        self.model = model
        self.wanted = wanted
        self.others = others
        """Kinds by name, for values that inference finds nothing about."""
        self.index = index
        self.count = 0
        self.opset = opsets(model.opset_import).get("", 1)
        self.of_scans: dict[str, str] = {}
        """The names of values inside of Scans, by the result that brings them."""

    def fresh(self, what: str) -> str:
        """A name that the model has not."""
        self.count += 1
        return f"glassbox.{what}.{self.count}"

    def names(self, node: NodeProto) -> list[str]:
        """The results of a node to take."""
        if node.op_type == "Constant":
            return []
        return [name for name in node.output if name and self.wants(name)]

    def wants(self, name: str) -> bool:
        """Whether a value is asked for; those that were added here carry one, or a record."""
        if name.startswith("glassbox."):
            return name in self.of_scans
        return self.wanted is None or name in self.wanted

    def kind(self, name: str, kinds: Kinds) -> Kind | None:
        """What is known of a value's dtype."""
        return kinds.get(name) or self.others.get(name)

    def bodies(self, graph: GraphProto, kinds: Kinds, turns: list[str]) -> list[tuple[int, Record]]:
        """The records of the bodies in a graph, each with the place of the node that it came from."""
        records = []
        for place, node in enumerate(graph.node):
            if domain(node.domain) == "" and any(True for _ in graphs_of(node)):
                records += [(place, record) for record in self.node(node, kinds, turns)]
        return records

    def node(self, node: NodeProto, kinds: Kinds, turns: list[str]) -> list[Record]:
        """The records of a node's bodies; from now on the node takes and gives their sequences."""
        if node.op_type == "Scan" and self.opset >= OLDEST_SCAN_OPSET:
            self.scan(node, kinds)
            return []
        if node.op_type not in ("If", "Loop") or self.opset < OLDEST_SEQUENCE_OPSET:
            why = f"it is in a body of {node.op_type} `{label(node)}`, which opset {self.opset} lets no sequence into"
            for body in graphs_of(node):
                self.leave_body(body, why)
            return []
        if node.op_type == "Loop":
            (body,) = graphs_of(node)
            given = [Kind(TensorProto.INT64), Kind(TensorProto.BOOL)]
            given += [self.kind(name, kinds) for name in node.input[2:]]
            inside = self.kinds_in_body(body, given, kinds)
            return [through_loop(self, node, body, record) for record in self.loop_body(body, inside, turns)]
        branches = list(graphs_of(node))
        records = []
        for branch, other in (branches, branches[::-1]):
            for record in self.body(branch, self.kinds_in_body(branch, [], kinds), turns):
                records.append(through_if(self, node, branch, other, record))
        return records

    def kinds_in_body(self, body: GraphProto, given: list[Kind | None], outer: Kinds) -> Kinds:
        """The kinds of a body's values."""
        return kinds_in_body(body, given, {**self.others, **outer}, self.model)

    def loop_body(self, body: GraphProto, kinds: Kinds, turns: list[str]) -> list[Record]:
        """Records the values of a Loop's body; its turn becomes a value of one element."""
        turn, shape = self.fresh("turn"), self.fresh("shape")
        records = self.body(body, kinds, [*turns, turn])
        numbered = helper.make_node("Reshape", [body.input[0].name, shape], [turn])
        nodes = [helper.make_node("Constant", [], [shape], value_ints=[1]), numbered, *body.node]
        del body.node[:]
        body.node.extend(nodes)
        return records

    def body(self, graph: GraphProto, kinds: Kinds, turns: list[str]) -> list[Record]:
        """Records a body's values, and those of the bodies in it."""
        inner = [record for _, record in self.bodies(graph, kinds, turns)]
        records: list[Record] = []
        added: list[NodeProto] = []
        number = None
        names = [name for node in graph.node for name in self.names(node)]
        if turns and names:
            indices = self.fresh("turns")
            added.append(helper.make_node("Concat", turns, [indices], axis=0))
            records.append(self.record("", indices, TensorProto.INT64, None, added))
            number = records[0].number
        for name in names:
            kind = self.kind(name, kinds)
            if kind is None:
                self.index.leave(self.of_scans.get(name, name), "it is in a body, and inference finds no dtype for it")
            else:
                records.append(self.record(name, name, kind.dtype, number, added))
        graph.node.extend(added)
        return sorted(records + inner, key=lambda record: record.number)

    def record(self, name: str, value: str, dtype: int, turns: int | None, added: list[NodeProto]) -> Record:
        """Adds a value to a sequence of its own."""
        before, after = self.fresh("before"), self.fresh("after")
        added.append(helper.make_node("SequenceInsert", [before, value], [after]))
        stacked = name in self.of_scans
        return Record(self.count, self.of_scans.get(name, name), dtype, before, after, turns, stacked)

    def scan(self, node: NodeProto, kinds: Kinds) -> None:
        """Makes the values of a Scan's body results of the Scan, stacked along their first axis."""
        (body,) = graphs_of(node)
        given = [self.kind(name, kinds) for name in node.input]
        inside = self.kinds_in_body(body, given, kinds)
        for inner in body.node:
            for nested in graphs_of(inner):
                self.leave_body(nested, f"it is in a body inside of Scan `{label(node)}`")
        names = [name for inner in body.node for name in self.names(inner)]
        for name in names:
            copy, result = self.fresh("copy"), self.fresh("scan")
            body.node.append(helper.make_node("Identity", [name], [copy]))
            body.output.append(onnx.ValueInfoProto(name=copy))
            node.output.append(result)
            self.of_scans[result] = name
            if name in inside:
                kinds[result] = Kind(inside[name].dtype)
        for attribute in node.attribute:
            if attribute.name in ("scan_output_axes", "scan_output_directions"):
                attribute.ints.extend([0] * len(names))

    def leave_body(self, body: GraphProto, why: str) -> None:
        """Notes that nothing inside a body is taken."""
        for node in body.node:
            for name in self.names(node):
                self.index.leave(name, why)
            for inner in graphs_of(node):
                self.leave_body(inner, why)


def through_loop(recorder: Recorder, node: NodeProto, body: GraphProto, record: Record) -> Record:
    """Makes a sequence a value that a Loop carries."""
    carried = len(node.input) - 2
    before, after = recorder.fresh("before"), recorder.fresh("after")
    node.input.append(before)
    body.input.append(helper.make_tensor_sequence_value_info(record.before, record.dtype, None))
    body.output.insert(1 + carried, helper.make_tensor_sequence_value_info(record.after, record.dtype, None))
    while len(node.output) < carried:
        node.output.append("")
    node.output.insert(carried, after)
    return replace(record, before=before, after=after)


def through_if(recorder: Recorder, node: NodeProto, branch: GraphProto, other: GraphProto, record: Record) -> Record:
    """Makes a sequence a result of an If: the other branch gives it as it was."""
    after, same = recorder.fresh("after"), recorder.fresh("same")
    branch.output.append(helper.make_tensor_sequence_value_info(record.after, record.dtype, None))
    other.node.append(helper.make_node("Identity", [record.before], [same]))
    other.output.append(helper.make_tensor_sequence_value_info(same, record.dtype, None))
    node.output.append(after)
    return replace(record, after=after)


def taps_of(model: ModelProto, kinds: Kinds, wanted: set[str] | None, others: Kinds, index: Index) -> list[Tap]:
    """Everything to take, in the order of the nodes; the model is changed so that it can be."""
    recorder = Recorder(model, wanted, others, index)
    graph = model.graph
    found = recorder.bodies(graph, kinds, [])
    after = {record.number: record.after for _, record in found}
    taps = []
    for place, node in enumerate(graph.node):
        for at, record in found:
            if at == place and record.name:
                turns = None if record.turns is None else after[record.turns]
                taps.append(Tap(record.name, record.after, turns, in_body=True, stacked=record.stacked))
        for name in recorder.names(node):
            stacked = name in recorder.of_scans
            taps.append(Tap(recorder.of_scans.get(name, name), name, stacked=stacked))
    taps += given_taps(recorder)
    starts = [helper.make_node("SequenceEmpty", [], [record.before], dtype=record.dtype) for _, record in found]
    nodes = [*starts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    leave_unknown(taps, wanted, index)
    return taps


def plain_taps_of(model: ModelProto, wanted: set[str] | None, why: str, index: Index) -> list[Tap]:
    """The taps of the main graph alone; the model stays as it is."""
    recorder = Recorder(model, wanted, {}, index)
    taps = []
    for node in model.graph.node:
        for body in graphs_of(node):
            recorder.leave_body(body, why)
        taps += [Tap(name, name) for name in recorder.names(node)]
    taps += given_taps(recorder)
    leave_unknown(taps, wanted, index)
    return taps


def given_taps(recorder: Recorder) -> list[Tap]:
    """The outputs of the model that are constants: what a run gives for them is compared, too."""
    graph = recorder.model.graph
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    names = dict.fromkeys(value.name for value in graph.output)
    return [Tap(name, name) for name in names if name in constants and recorder.wants(name)]


def leave_unknown(taps: list[Tap], wanted: set[str] | None, index: Index) -> None:
    """Notes what is asked for and isn't there."""
    known = {tap.name for tap in taps} | {left["name"] for left in index.not_taken}
    for name in sorted((wanted or set()) - known):
        index.leave(name, "no node of the model gives a value of this name")


def every_kind(graph: GraphProto, kinds: Kinds, model: ModelProto) -> Kinds:
    """The dtypes of the values of a graph and of all bodies in it, by name alone."""
    found = {name: Kind(kind.dtype) for name, kind in kinds.items()}
    for node in graph.node:
        given = [kinds.get(name) for name in node.input]
        if node.op_type == "Loop":
            given = [Kind(TensorProto.INT64), Kind(TensorProto.BOOL), *given[2:]]
        for body in graphs_of(node):
            inputs = [] if node.op_type == "If" else given
            found = {**every_kind(body, kinds_in_body(body, inputs, kinds, model), model), **found}
    return found
