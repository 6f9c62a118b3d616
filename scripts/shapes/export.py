"""Writes the trained network as an ONNX model, and reads its arrays back.

In: a `Network`. Out: a `ModelProto` whose input `image` is u8[N, 64, 64, 3], bytes as a PNG decodes, and
whose output `probabilities` is f32[N, classes]; `N` is symbolic. The class names are in the metadata.

Invariants: a node is named after its layer, a weight after its layer and array; every batch
normalisation stays a node of its own. The bytes depend on the network's arrays and on nothing else.

Refuses: a layer of a type that has no emitter here.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import layers
from draw import LABELS, SIZE
from network import OFFSET, SPREAD

MODEL_DIRECTORY = Path(__file__).resolve().parents[2] / "models" / "shapes"
OPSET = 21
# The IR version that came with opset 21.
IR_VERSION = 10

DOC_STRING = f"""Says which shape a drawing shows: {", ".join(LABELS)}.

Input `image`: {SIZE}x{SIZE} RGB pictures, channels last, as bytes.
Output `probabilities`: one row per picture, in the order of the metadata entry `glassbox.labels`.
Trained from scratch on generated drawings by scripts/shapes/train.py."""


class GraphWriter:
    """Collects nodes and initializers. `value` is the name of the newest value."""

    def __init__(self, value):
        self.value = value
        self.nodes = []
        self.initializers = []

    def emit(self, op_type, name, arrays=(), values=(), output=None, **attributes):
        """Appends a node that takes the newest value, then `values`, then `arrays`, as {name: array}."""
        inputs = [self.value, *values]
        for array_name, array in dict(arrays).items():
            inputs.append(f"{name}.{array_name}")
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), inputs[-1]))
        self.value = output or f"{name}.output"
        self.nodes.append(helper.make_node(op_type, inputs, [self.value], name=name, **attributes))


def emit_conv(writer, layer):
    weight = layer.parameters["weight"].transpose(3, 2, 0, 1)
    margin = layer.kernel // 2
    writer.emit("Conv", layer.name, {"weight": weight}, kernel_shape=[layer.kernel] * 2, pads=[margin] * 4,
                strides=[layer.stride] * 2)


def emit_depthwise(writer, layer):
    weight = layer.parameters["weight"].transpose(2, 0, 1)[:, None]
    writer.emit("Conv", layer.name, {"weight": weight}, group=len(weight), kernel_shape=[layer.KERNEL] * 2,
                pads=[1] * 4, strides=[1] * 2)


def emit_batch_norm(writer, layer):
    writer.emit("BatchNormalization", layer.name, layer.parameters | layer.statistics, epsilon=layers.EPSILON)


def emit_relu(writer, layer):
    writer.emit("Relu", layer.name)


def emit_max_pool(writer, layer):
    writer.emit("MaxPool", layer.name, kernel_shape=[2, 2], strides=[2, 2])


def emit_residual(writer, layer):
    skip = writer.value
    for inner in layer.body:
        emit_layer(writer, inner)
    writer.emit("Add", layer.name, values=[skip])


def emit_average(writer, layer):
    writer.emit("GlobalAveragePool", layer.name)
    writer.emit("Flatten", "head/flatten", axis=1)


def emit_linear(writer, layer):
    writer.emit("Gemm", layer.name, layer.parameters)


EMITTERS = {
    layers.Conv2d: emit_conv,
    layers.DepthwiseConv2d: emit_depthwise,
    layers.BatchNorm: emit_batch_norm,
    layers.Relu: emit_relu,
    layers.MaxPool2x2: emit_max_pool,
    layers.Residual: emit_residual,
    layers.GlobalAveragePool: emit_average,
    layers.Linear: emit_linear,
}


def emit_layer(writer, layer):
    """Appends the nodes of one layer."""
    if type(layer) not in EMITTERS:
        raise TypeError(f"layer {layer.name} is a {type(layer).__name__}, which has no emitter; add one to EMITTERS")
    EMITTERS[type(layer)](writer, layer)


def export(network):
    """Returns the checked ONNX model of the network."""
    writer = GraphWriter("image")
    writer.emit("Transpose", "input/channels_first", perm=[0, 3, 1, 2])
    writer.emit("Cast", "input/to_float", to=TensorProto.FLOAT)
    writer.emit("Sub", "input/centre", {"offset": np.float32(OFFSET)})
    writer.emit("Div", "input/scale", {"spread": np.float32(SPREAD)})
    for layer in network.layers:
        emit_layer(writer, layer)
    writer.emit("Softmax", "head/softmax", output="probabilities", axis=-1)

    image = helper.make_tensor_value_info(
        "image", TensorProto.UINT8, ["N", SIZE, SIZE, 3], f"{SIZE}x{SIZE} RGB pictures, channels last"
    )
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["N", len(LABELS)], "One row per picture, summing to 1"
    )
    graph = helper.make_graph(
        writer.nodes, "shapes", [image], [probabilities], writer.initializers, doc_string=DOC_STRING
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="glassbox",
        doc_string=DOC_STRING,
        model_version=1,
    )
    helper.set_model_props(
        model, {"glassbox.labels": json.dumps(LABELS), "glassbox.task": "image-classification"}
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def read_arrays(model):
    """Returns the arrays of an exported model in the network's own names and layouts."""
    depthwise = {
        node.input[1]
        for node in model.graph.node
        if node.op_type == "Conv" and any(item.name == "group" and item.i > 1 for item in node.attribute)
    }
    arrays = {}
    for initializer in model.graph.initializer:
        array = numpy_helper.to_array(initializer)
        if initializer.name.startswith("input/"):
            continue
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
            if initializer.name in depthwise:
                array = array[:, :, 0]
        arrays[initializer.name] = np.ascontiguousarray(array)
    return arrays


def write_whole(path, content):
    """Writes bytes to a temporary file beside `path`, then renames it: `path` is never half written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
