"""Replaces the calls of an ONNX model's own functions by the nodes of the functions' bodies.

Values and nodes get the names that Glassbox gives: `CALL/NAME`, `CALL` being the calling node's name, or
its first output's where it has none. A function that imports another opset than the model stays, and is
noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, helper


@dataclass
class Index:
    """What was taken and what wasn't."""

    values: list[dict[str, Any]] = field(default_factory=list)
    not_taken: list[dict[str, str]] = field(default_factory=list)

    def leave(self, name: str, why: str) -> None:
        """Notes a value that isn't taken."""
        self.not_taken.append({"name": name, "why": why})


def label(node: NodeProto) -> str:
    """What a node is called: its name, or that of its first output."""
    return node.name or next((name for name in node.output if name), "")


def domain(name: str) -> str:
    """An operator domain in one spelling."""
    return "" if name == "ai.onnx" else name


def overload(item: NodeProto | FunctionProto) -> str:
    """Which of several functions of one name it is; older formats have one."""
    return getattr(item, "overload", "")


def opsets(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """The version of each domain that a model or function imports."""
    return {domain(entry.domain): entry.version for entry in imports}


def graphs_of(node: NodeProto) -> Iterator[GraphProto]:
    """The bodies of a node."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


class Inliner:
    """Replaces calls of a model's own functions by their bodies."""

    def __init__(self, model: ModelProto, index: Index) -> None:
        self.index = index
        self.versions = opsets(model.opset_import)
        self.functions = {(domain(f.domain), f.name, overload(f)): f for f in model.functions}
        self.kept = False
        """Whether a call stays, and the functions with it."""

    def run(self, model: ModelProto) -> None:
        """Inlines every call that can be."""
        if not self.functions:
            return
        self.graph(model.graph)
        if not self.kept:
            del model.functions[:]

    def graph(self, graph: GraphProto) -> None:
        """Inlines the calls of a graph and of the bodies in it."""
        nodes = [inner for node in graph.node for inner in self.expand(node)]
        del graph.node[:]
        graph.node.extend(nodes)

    def expand(self, node: NodeProto) -> Iterator[NodeProto]:
        """The nodes that stand for this one."""
        for body in graphs_of(node):
            self.graph(body)
        function = self.functions.get((domain(node.domain), node.op_type, overload(node)))
        if function is None:
            yield node
            return
        clash = self.clash(function)
        if clash:
            self.kept = True
            self.index.leave(f"{label(node)}/", f"the function {function.name} {clash}")
            yield node
            return
        for inner in call_body(node, function):
            yield from self.expand(inner)

    def clash(self, function: FunctionProto) -> str | None:
        """Why a function's nodes can't stand in the model, if they can't."""
        for name, version in opsets(function.opset_import).items():
            if self.versions.get(name, version) != version:
                return f"uses opset {version} of `{name}`, the model opset {self.versions[name]}"
        return None


def call_body(call: NodeProto, function: FunctionProto) -> list[NodeProto]:
    """A function's nodes for one call: its values renamed, its attributes put in."""
    prefix = f"{label(call)}/"
    given = {default.name: default for default in function.attribute_proto}
    given |= {attribute.name: attribute for attribute in call.attribute}
    names = dict.fromkeys(function.input, "")
    names |= dict(zip(function.input, call.input, strict=False))
    # An input that is an output as well, or one that is given out twice, needs a node of its own.
    wanted = [(inner, outer) for inner, outer in zip(function.output, call.output, strict=False) if outer]
    produced = {name for node in function.node for name in node.output}
    copies: list[NodeProto] = []
    for inner, outer in wanted:
        if inner in produced and inner not in names:
            names[inner] = outer
        else:
            copies.append(helper.make_node("Identity", [inner], [outer], name=f"{prefix}{outer}"))
    nodes = []
    for node in function.node:
        copy = NodeProto()
        copy.CopyFrom(node)
        rename(copy, names, prefix, given)
        nodes.append(copy)
    for copy in copies:
        copy.input[0] = names.get(copy.input[0], prefix + copy.input[0])
    return nodes + copies


def rename(node: NodeProto, names: dict[str, str], prefix: str, given: dict[str, AttributeProto]) -> None:
    """Gives a node of a function's body the names and attributes that hold in one call."""
    node.name = prefix + label(node)
    for values in (node.input, node.output):
        for place, name in enumerate(values):
            values[place] = names.get(name, prefix + name) if name else ""
    attributes = []
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if attribute.ref_attr_name in given:
                bound = AttributeProto()
                bound.CopyFrom(given[attribute.ref_attr_name])
                bound.name = attribute.name
                attributes.append(bound)
        else:
            attributes.append(attribute)
    kept = [AttributeProto.FromString(attribute.SerializeToString()) for attribute in attributes]
    del node.attribute[:]
    node.attribute.extend(kept)
    for body in graphs_of(node):
        for value in (*body.input, *body.output, *body.value_info, *body.initializer):
            value.name = names.get(value.name, prefix + value.name)
        for inner in body.node:
            rename(inner, names, prefix, given)
