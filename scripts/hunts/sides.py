"""The other side of a hunt: a good model in the shapes in which people have it.

- kept: the model, with the names that the faulty one has;
- renamed: every value, node and initializer has another name, and the nodes stand in another order;
- fused: what onnxruntime's optimiser makes of it;
- values: only what it computes, as a `.npz` file or as a folder;
- exported again: the same network by the other exporter.

Each is written beside the faulty model, with what `glassbox check` is to be told.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy
import onnx
import onnxruntime
from onnx import GraphProto, ModelProto, NodeProto

from graphs import bodies, copy_of, free_names

VALUES = Path(__file__).resolve().parent.parent.parent / "crates/glassbox-check/python/onnxruntime_values.py"
"""The program that takes a model's values."""

AGAIN_SIDE = "exported again"
"""The one that only some models have."""

STANDARD = ("", "ai.onnx", "ai.onnx.ml")
"""Domains of ops that aren't onnxruntime's own."""

WEIGHTS = "weights.bin"
"""The file of external data that a model has, if it has one."""

AGAIN, AGAIN_WEIGHTS = "again.onnx", "again.bin"
"""The same network by the other exporter, where there is one, and its external data."""


class SideError(Exception):
    """An other side that can't be made of a model; the message says why."""


@dataclass(frozen=True)
class Good:
    """A good model as a file, with its inputs beside it and room for what is made of it once."""

    path: Path
    inputs: Path
    scratch: Path
    again: Path | None = None
    """The same network by the other exporter."""

    def model(self) -> ModelProto:
        """The model, external data left where it is."""
        return onnx.load(self.path, load_external_data=False)

    def place(self, what: str) -> Path:
        """Where something that is made of the model is kept."""
        return self.scratch / f"{hashlib.sha256(str(self.path).encode()).hexdigest()[:16]}-{what}"


def link(source: Path, target: Path) -> None:
    """Puts a file in another place, without a copy where the file system can."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def session_options(level: Any) -> Any:
    """Options of a run on one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # a model that can't run is drawn again
    return options


def kept(good: Good, folder: Path, random: Random) -> str:
    """The model as it is."""
    link(good.path, folder / "b.onnx")
    return "b.onnx"


def renamed(good: Good, folder: Path, random: Random) -> str:
    """The model under other names, its nodes in another order."""
    model = copy_of(good.model())
    rename_all(model, random)
    (folder / "b.onnx").write_bytes(model.SerializeToString())
    return "b.onnx"


def rename_all(model: ModelProto, random: Random) -> None:
    """Gives everything but the inputs another name, and shuffles the nodes."""
    names = {value.name: value.name for value in model.graph.input}
    Renamer(random).graph(model.graph, names)
    del model.metadata_props[:]
    model.producer_name = "another"


class Renamer:
    """Gives values numbers for names, as an exporter does that knows no better."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0

    def fresh(self, letter: str) -> str:
        """A name that isn't taken."""
        self.count += 1
        return f"{letter}{self.count}"

    def graph(self, graph: GraphProto, outer: dict[str, str]) -> None:
        """Renames a graph, whose nodes may read names of the graphs around it."""
        nodes = shuffled(list(graph.node), self.random)
        del graph.node[:]
        graph.node.extend(nodes)
        del graph.value_info[:]
        graph.doc_string = ""
        graph.name = self.fresh("g")
        names = dict(outer)
        tensors = list(graph.initializer)
        self.random.shuffle(tensors)
        kept = [type(tensor).FromString(tensor.SerializeToString()) for tensor in tensors]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        for value in graph.input:
            names.setdefault(value.name, self.fresh("v"))
        for tensor in graph.initializer:
            names.setdefault(tensor.name, self.fresh("w"))
            tensor.name = names[tensor.name]
        for node in graph.node:
            for name in node.output:
                if name:
                    names[name] = self.fresh("v")
        for node in graph.node:
            node.name = self.fresh("n")
            node.doc_string = ""
            del node.metadata_props[:]
            for values in (node.input, node.output):
                for place, name in enumerate(values):
                    values[place] = names[name] if name else ""
            for body in bodies(node):
                self.body(body, names)
        for value in (*graph.input, *graph.output):
            value.name = names[value.name]

    def body(self, graph: GraphProto, names: dict[str, str]) -> None:
        """Renames a body; its own inputs hide what has the same name outside."""
        own = {value.name for value in graph.input}
        self.graph(graph, {name: new for name, new in names.items() if name not in own})


def shuffled(nodes: list[NodeProto], random: Random) -> list[NodeProto]:
    """The nodes in another order in which none reads what comes later."""
    made_by = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    needs = [{made_by[name] for name in free_names(node) if name in made_by} for node in nodes]
    needed_by: dict[int, list[int]] = {index: [] for index in range(len(nodes))}
    for index, before in enumerate(needs):
        for other in before:
            needed_by[other].append(index)
    open_needs = [len(before) for before in needs]
    ready = [index for index, count in enumerate(open_needs) if not count]
    order = []
    while ready:
        index = ready.pop(random.randrange(len(ready)))
        order.append(index)
        for later in needed_by[index]:
            open_needs[later] -= 1
            if not open_needs[later]:
                ready.append(later)
    return [NodeProto.FromString(nodes[index].SerializeToString()) for index in order]


def fused(good: Good, folder: Path, random: Random) -> str:
    """The model as onnxruntime optimises it, run by onnxruntime where it has ops of its own in it."""
    saved = good.place("fused")
    if not saved.exists():
        saved.mkdir(parents=True)
        options = session_options(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
        options.optimized_model_filepath = str(saved / "b.onnx")
        if (good.path.parent / WEIGHTS).exists():
            key = "session.optimized_model_external_initializers"
            options.add_session_config_entry(f"{key}_file_name", "b.bin")
            options.add_session_config_entry(f"{key}_min_size_in_bytes", "65536")
        onnxruntime.InferenceSession(good.path, options, providers=["CPUExecutionProvider"])
    for file in saved.iterdir():
        link(file, folder / file.name)
    model = onnx.load(folder / "b.onnx", load_external_data=False)
    return "b.onnx" if is_standard(model.graph) else "onnxruntime:b.onnx"


def is_standard(graph: GraphProto) -> bool:
    """Whether all ops are ONNX's."""
    return all(node.domain in STANDARD and all(is_standard(body) for body in bodies(node)) for node in graph.node)


def taken(good: Good) -> Path:
    """The folder of all values that the model computes."""
    folder = good.place("values")
    if not (folder / "index.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        request = good.place("request.json")
        fields = {"model": str(good.path), "inputs": str(good.inputs), "output": str(folder)}
        request.write_text(json.dumps({**fields, "wanted": None, "optimize": "none", "threads": 1}))
        command = [sys.executable, str(VALUES), str(request)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SideError(f"{good.path}: its values can't be taken: {done.stderr}")
    return folder


def values(good: Good, folder: Path, random: Random) -> str:
    """What the model computes: a folder if there are bodies in it, else a file or a folder."""
    source = taken(good)
    index = json.loads((source / "index.json").read_text())
    names = [entry["name"] for entry in index["values"]]
    in_bodies = any("turns" in entry for entry in index["values"]) or len(names) != len(set(names))
    if in_bodies or random.random() < 0.5:
        (folder / "b").mkdir()
        for file in source.iterdir():
            link(file, folder / "b" / file.name)
        return "b"
    file = good.place("values.npz")
    if not file.exists():
        arrays = {entry["name"]: numpy.load(source / entry["file"]) for entry in index["values"]}
        numpy.savez(file, allow_pickle=False, **arrays)
    link(file, folder / "b.npz")
    return "b.npz"


def exported_again(good: Good, folder: Path, random: Random) -> str:
    """The network by the other exporter."""
    if good.again is None:
        raise SideError(f"{good.path} was exported once")
    link(good.again, folder / "b.onnx")
    weights = good.again.parent / AGAIN_WEIGHTS
    if weights.exists():
        link(weights, folder / AGAIN_WEIGHTS)
    return "b.onnx"


SIDES: dict[str, Callable[[Good, Path, Random], str]] = {
    "names kept": kept,
    "renamed": renamed,
    "fused": fused,
    "values only": values,
    AGAIN_SIDE: exported_again,
}
"""What makes each other side in a folder, and gives what `--against` is told."""
