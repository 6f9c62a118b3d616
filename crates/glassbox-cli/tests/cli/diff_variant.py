"""Writes a variant of an ONNX model, made with onnx alone: rename, attribute, weight, drop, half, swap, unknown.

usage: diff_variant.py KIND IN OUT
Prints what was changed as JSON, so that a test needs to know nothing of the model.
"""

import copy
import json
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def graphs(graph):
    """The graph and those in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)
            for inner in attribute.graphs:
                yield from graphs(inner)


def rename(model):
    """Every name that there is becomes another one; no two become the same."""
    names = {}

    def other(name):
        if not name:
            return name
        return names.setdefault(name, f"w{len(names) * 7919 % 1000003:x}_{len(names)}")

    nodes = 0
    for graph in graphs(model.graph):
        for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
            value.name = other(value.name)
        for node in graph.node:
            node.input[:] = [other(name) for name in node.input]
            node.output[:] = [other(name) for name in node.output]
            node.name = f"n{nodes * 104729 % 1000003:x}"
            nodes += 1
    return {"renamed": len(names)}


def attribute(model):
    """An integer or float attribute of a node in the middle."""
    found = []
    for node in model.graph.node:
        for one in node.attribute:
            if one.name in ("epsilon", "axis", "strides", "perm", "alpha"):
                found.append((node, one))
    node, one = found[len(found) // 2]
    if one.type == onnx.AttributeProto.FLOAT:
        one.f = one.f * 1000 + 0.5
    elif one.type == onnx.AttributeProto.INT:
        one.i = one.i - 1 if one.i > 0 else one.i + 1
    else:
        one.ints[0] = one.ints[0] + 1 if one.name == "strides" else one.ints[0]
        if one.name == "perm":
            one.ints[:] = one.ints[::-1]
    return {"node": node.name or node.output[0], "attribute": one.name}


def weight(model):
    """One element of the largest weight changes its sign."""
    largest = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    values = numpy_helper.to_array(largest).copy()
    before = values.astype(np.float64)
    place = np.unravel_index(np.argmax(np.abs(values)), values.shape)
    values[place] = -values[place]
    difference = values.astype(np.float64) - before
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    norm = np.linalg.norm(difference) / np.linalg.norm(values.astype(np.float64))
    return {"weight": largest.name, "relative": float(norm), "max_abs": float(np.abs(difference).max())}


def drop(model):
    """The middle one of the nodes with one operand that computes nothing else than an activation goes."""
    graph = model.graph
    outputs = {output.name for output in graph.output}
    fitting = [
        place
        for place, node in enumerate(graph.node)
        if node.op_type in ("Relu", "Erf", "Tanh", "Sigmoid", "Softmax", "Gelu") and not set(node.output) & outputs
    ]
    place = fitting[len(fitting) // 2]
    gone = copy.deepcopy(graph.node[place])
    del graph.node[place]
    readers = []
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == gone.output[0]:
                node.input[at] = gone.input[0]
                readers.append(node.name or node.output[0])
    return {"node": gone.name or gone.output[0], "op": gone.op_type, "readers": readers}


def half(model):
    """Every f32 weight is stored as f16, and cast back where it is read: what an exporter does to make a file smaller."""
    graph = model.graph
    casts, count = [], 0
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 16:
            continue
        name = tensor.name
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + "_half"))
        casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=onnx.TensorProto.FLOAT))
        count += 1
    for place, cast in enumerate(casts):
        graph.node.insert(place, cast)
    return {"stored": count}


def swap(model):
    """The operands of a node that doesn't commute."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    fitting = [node for node in graph.node if node.op_type in ("Sub", "Div", "MatMul") and len(set(node.input)) == 2]
    fitting = [node for node in fitting if not set(node.input) & constants]
    node = fitting[len(fitting) // 2]
    node.input[:] = list(node.input)[::-1]
    return {"node": node.name or node.output[0]}


def unknown(model):
    """An op of a domain that nobody knows, in the middle: the file can't be imported."""
    fitting = [node for node in model.graph.node if node.op_type != "Constant"]
    node = fitting[len(fitting) // 2]
    node.op_type = "Mystery"
    node.domain = "org.nobody"
    model.opset_import.append(onnx.helper.make_opsetid("org.nobody", 1))
    return {"node": node.name or node.output[0]}


def main():
    kind, source, target = sys.argv[1:]
    model = onnx.load(source)
    told = globals()[kind](model)
    onnx.save(model, target)
    print(json.dumps(told))


main()
