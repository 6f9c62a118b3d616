"""ONNX graphs as the scripts of this folder go through them: nodes of all bodies, constants, who reads what."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Place:
    """A node and the graphs around it, innermost first."""

    node: NodeProto
    chain: tuple[GraphProto, ...]


@dataclass(frozen=True)
class Constant:
    """A tensor that a graph holds: an initializer, or what a Constant node gives."""

    name: str
    tensor: TensorProto
    owner: GraphProto
    node: NodeProto | None
    """The Constant node, if it is one."""


def bodies(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs among a node's attributes."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def places(graph: GraphProto, outer: tuple[GraphProto, ...] = ()) -> Iterator[Place]:
    """Every node of a graph and of the bodies in it."""
    chain = (graph, *outer)
    for node in graph.node:
        yield Place(node, chain)
        for body in bodies(node):
            yield from places(body, chain)


def find_constant(name: str, chain: tuple[GraphProto, ...]) -> Constant | None:
    """The constant of a name, as a node in the innermost of these graphs sees it."""
    for graph in chain:
        if any(value.name == name for value in graph.input):
            return None
        for tensor in graph.initializer:
            if tensor.name == name:
                return Constant(name, tensor, graph, None)
        for node in graph.node:
            if name in node.output:
                values = [attribute for attribute in node.attribute if attribute.name == "value"]
                if node.op_type != "Constant" or not values:
                    return None
                return Constant(name, values[0].t, graph, node)
    return None


def elements(constant: Constant, folder: Path) -> NDArray[Any]:
    """A constant's elements, which may be in a file beside the model; a copy that may be changed."""
    tensor = constant.tensor
    if tensor.data_location != TensorProto.EXTERNAL:
        return numpy_helper.to_array(tensor).copy()
    # onnx itself refuses files that have a second name, as those that faulty models share have.
    place = {entry.key: entry.value for entry in tensor.external_data}
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    count = math.prod(tensor.dims)
    with (folder / place["location"]).open("rb") as file:
        file.seek(int(place.get("offset", 0)))
        content = file.read(count * dtype.itemsize)
    return numpy.frombuffer(content, dtype).reshape(tuple(tensor.dims)).copy()


def set_elements(constant: Constant, values: NDArray[Any]) -> None:
    """Gives a constant other elements, held in the model itself."""
    name = constant.tensor.name
    constant.tensor.CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(values).reshape(values.shape), name))


def readers(name: str, owner: GraphProto) -> list[NodeProto]:
    """The nodes that read a value of a graph, those of bodies included."""
    return [place.node for place in places(owner) if name in place.node.input and not hides(name, place, owner)]


def hides(name: str, place: Place, owner: GraphProto) -> bool:
    """Whether a body between the node and the graph has another value of the name."""
    for graph in place.chain:
        if graph is owner or graph == owner:
            return False
        if any(name in node.output for node in graph.node) or any(value.name == name for value in graph.input):
            return True
    return False


def guilty_of(constant: Constant) -> list[str]:
    """The names of the nodes that a wrong constant shows at: those that read it, and the Constant node."""
    own = [constant.node.name] if constant.node else []
    return own + [node.name for node in readers(constant.name, constant.owner)]


def spread(guilty: list[str], graph: GraphProto) -> list[str]:
    """Those nodes and, of each that computes from constants alone, those that read what it gives, and so on.

    An other side may hold what they give as one tensor, which only its reader shows.
    """
    by_name = {place.node.name: place for place in places(graph)}
    found = list(guilty)
    for name in found:
        place = by_name[name]
        if is_constant(place):
            after = [node.name for value in place.node.output for node in readers(value, place.chain[0])]
            found += [other for other in dict.fromkeys(after) if other not in found]
    return found


def is_constant(place: Place) -> bool:
    """Whether a node computes from constants alone."""
    return all(not name or is_constant_value(name, place.chain) for name in place.node.input)


def is_constant_value(name: str, chain: tuple[GraphProto, ...]) -> bool:
    """Whether a value is a constant, or computed from constants alone."""
    if find_constant(name, chain) is not None:
        return True
    for depth, graph in enumerate(chain):
        for node in graph.node:
            if name in node.output:
                return not any(True for _ in bodies(node)) and is_constant(Place(node, chain[depth:]))
    return False


def attribute_of(node: NodeProto, name: str, default: Any = None) -> Any:
    """An attribute's value."""
    for attribute in node.attribute:
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            return value.decode() if isinstance(value, bytes) else value
    return default


def remove_attribute(node: NodeProto, name: str) -> None:
    """Leaves an attribute of a node out."""
    kept = [AttributeProto.FromString(item.SerializeToString()) for item in node.attribute if item.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)


def set_attribute(node: NodeProto, name: str, value: Any) -> None:
    """Gives a node's attribute another value."""
    remove_attribute(node, name)
    node.attribute.append(helper.make_attribute(name, value))


def copy_of(model: ModelProto) -> ModelProto:
    """A model that can be changed without changing this one."""
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def free_names(node: NodeProto) -> set[str]:
    """The names that a node and its bodies read from the graph that it is in."""
    read = {name for name in node.input if name}
    for body in bodies(node):
        defined = {value.name for value in body.input} | {tensor.name for tensor in body.initializer}
        for inner in body.node:
            read |= free_names(inner) - defined
            defined |= set(inner.output)
        read |= {value.name for value in body.output} - defined
    return read
