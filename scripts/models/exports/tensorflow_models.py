"""Networks of Keras by its own exporter, functions of TensorFlow and files of TFLite by tf2onnx, float and quantised.

Run by another Python than the other topics, whose packages TensorFlow can't share.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy
import onnx
import tensorflow as tf
import tf2onnx
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

OPSET = 18


def stack(shape: tuple[int | None, ...], *parts: Callable[[Any], Any], dtype: str = "float32") -> keras.Model:
    """Layers, one after the other."""
    x = given = keras.Input(shape, dtype=dtype, name="x")
    for part in parts:
        x = part(x)
    return keras.Model(given, x)


def both(*parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What layers give for the same value, side by side."""
    return lambda x: layers.Concatenate()([part(x) for part in parts])


def attention(x: Any) -> Any:
    """A layer of a transformer."""
    y = layers.MultiHeadAttention(2, 8)(x, x)
    y = layers.LayerNormalization()(layers.Add()([x, y]))
    return layers.Add()([y, layers.Dense(16)(layers.Dense(32, activation="silu")(y))])


def application(name: str, size: int) -> Callable[[], keras.Model]:
    """A published network, with random weights."""
    module = getattr(keras.applications, name)
    return lambda: module(weights=None, input_shape=(size, size, 3), classes=10)


def small_vision() -> keras.Model:
    """Convolutions of each kind, and pooling."""
    return stack(
        (32, 30, 3),
        layers.Conv2D(8, 3, 2, "same", activation="relu"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, 1, "same", activation="relu6"),
        layers.SeparableConv2D(12, 3, dilation_rate=2, activation="silu"),
        layers.MaxPooling2D(3, 2, "same"),
        layers.Conv2DTranspose(6, 3, 2, "same"),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.AveragePooling2D(2),
        layers.ZeroPadding2D(((1, 0), (2, 1))),
        layers.Cropping2D(1),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="softmax"),
    )


NETWORKS: dict[str, tuple[Callable[[], keras.Model], tuple[int, ...]]] = {
    "mobilenet_v2": (application("MobileNetV2", 96), (1, 96, 96, 3)),
    "mobilenet_v3": (application("MobileNetV3Small", 96), (1, 96, 96, 3)),
    "efficientnet_b0": (application("EfficientNetB0", 64), (1, 64, 64, 3)),
    "resnet50_v2": (application("ResNet50V2", 64), (1, 64, 64, 3)),
    "densenet121": (application("DenseNet121", 64), (1, 64, 64, 3)),
    "convnext_tiny": (application("ConvNeXtTiny", 64), (1, 64, 64, 3)),
    "nasnet_mobile": (application("NASNetMobile", 64), (1, 64, 64, 3)),
    "vision": (small_vision, (2, 32, 30, 3)),
    "lstm": (lambda: stack((7, 5), layers.LSTM(6, return_sequences=True), layers.LSTM(4)), (3, 7, 5)),
    "gru": (lambda: stack((7, 5), layers.GRU(6, return_sequences=True), layers.GRU(4, reset_after=False)), (3, 7, 5)),
    "both_ways": (lambda: stack((7, 5), layers.Bidirectional(layers.LSTM(6, return_sequences=True))), (3, 7, 5)),
    "rnn": (lambda: stack((7, 5), layers.SimpleRNN(6, return_sequences=True, go_backwards=True)), (3, 7, 5)),
    "conv_lstm": (lambda: stack((4, 6, 6, 2), layers.ConvLSTM2D(3, 3, padding="same")), (2, 4, 6, 6, 2)),
    "text": (
        lambda: stack(
            (9,),
            layers.Embedding(50, 16),
            layers.Conv1D(16, 3, padding="causal", activation="tanh"),
            attention,
            both(layers.GlobalMaxPooling1D(), layers.GlobalAveragePooling1D()),
            layers.Dense(1, activation="sigmoid"),
            dtype="int32",
        ),
        (2, 9),
    ),
    "volumes": (
        lambda: stack((8, 8, 8, 2), layers.Conv3D(4, 3, padding="same"), layers.MaxPooling3D(2), layers.Flatten()),
        (1, 8, 8, 8, 2),
    ),
    "dense": (
        lambda: stack(
            (6,),
            layers.Dense(12, activation="elu"),
            layers.PReLU(),
            layers.UnitNormalization(),
            both(layers.Dense(3, activation="softplus"), layers.Dense(3, activation="hard_sigmoid")),
            layers.Reshape((2, 3)),
            layers.Permute((2, 1)),
            layers.Flatten(),
        ),
        (4, 6),
    ),
}
"""A network, and the shape of what it is given."""


def inputs(shape: tuple[int, ...], integers: bool) -> numpy.ndarray:
    """Numbers for a network: positions in a table, or between -1 and 1."""
    random = numpy.random.default_rng(2)
    if integers:
        return random.integers(0, 50, shape).astype(numpy.int32)
    return random.uniform(-1, 1, shape).astype(numpy.float32)


def network(name: str) -> tuple[keras.Model, numpy.ndarray]:
    """A network of the table with random weights, those of normalisations too, and its input."""
    keras.utils.set_random_seed(1)
    make, shape = NETWORKS[name]
    model = make()
    random = numpy.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weights.shape) for weights in layer.get_weights()])
    x = inputs(shape, model.inputs[0].dtype == "int32")
    # The exporter of Keras wants that it was run.
    model(x)
    return model, x


def sound(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, unless an op is none of ONNX: what tf2onnx doesn't know it writes as it is."""
    unknown = {node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise ValueError(f"tf2onnx left {', '.join(sorted(unknown))}")
    return model


def given(model: onnx.ModelProto, x: numpy.ndarray) -> dict[str, numpy.ndarray]:
    """What a model is given: numbers for its first input, ones for constants of TensorFlow that tf2onnx left as inputs."""
    first, *others = model.graph.input
    sizes = {other.name: [dim.dim_value for dim in other.type.tensor_type.shape.dim] for other in others}
    return {first.name: x} | {name: numpy.ones(shape, numpy.float32) for name, shape in sizes.items()}


def by_keras(name: str) -> Any:
    """By the exporter of Keras."""
    model, x = network(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        model.export(file, format="onnx", opset_version=OPSET, verbose=False)
        exported = onnx.load(file)
    return f"keras {keras.__version__}, its exporter", sound(exported), given(exported, x)


def by_function(name: str) -> Any:
    """By tf2onnx, of a function with a batch that isn't known."""
    model, x = network(name)
    run = tf.function(lambda x: model(x, training=False))
    signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype, name="x")]
    exported, _ = tf2onnx.convert.from_function(run, signature, opset=OPSET)
    return f"tf2onnx {tf2onnx.__version__}, of a function", sound(exported), given(exported, x)


def by_lite(name: str, kind: str) -> Any:
    """By tf2onnx, of a file of TFLite: of floats, with weights of int8, or of integers throughout."""
    model, x = network(name)
    run = tf.function(lambda x: model(x, training=False))
    signature = [tf.TensorSpec(x.shape, x.dtype, name="x")]
    frozen = convert_variables_to_constants_v2(run.get_concrete_function(*signature))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if kind != "floats":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "integers":
        random = numpy.random.default_rng(4)
        samples = [[random.uniform(-1, 1, x.shape).astype(numpy.float32)] for _ in range(4)]
        converter.representative_dataset = lambda: iter(samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(converter.convert())
        exported, _ = tf2onnx.convert.from_tflite(str(file), opset=OPSET)
    return f"tf2onnx {tf2onnx.__version__}, of TFLite", sound(exported), given(exported, x)


def steps() -> Any:
    """A loop whose turns depend on a number, with a branch."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x"), tf.TensorSpec((), tf.int32, "count")])
    def run(x: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(count):
            x = x / 2.0 if tf.reduce_sum(x) > 4.0 else x * 1.5 + 1.0
        return x

    exported, _ = tf2onnx.convert.from_function(run, run.input_signature, opset=OPSET)
    given = {"x": numpy.array([0.5, -1.0, 2.0], numpy.float32), "count": numpy.array(5, numpy.int32)}
    return f"tf2onnx {tf2onnx.__version__}, of a function", sound(exported), given


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    for name in NETWORKS:
        yield f"keras.{name}", lambda name=name: by_keras(name)
        yield f"tf2onnx.{name}", lambda name=name: by_function(name)
    for name in ("mobilenet_v2", "efficientnet_b0", "vision", "dense"):
        for kind in ("floats", "weights", "integers"):
            yield f"tflite.{name}.{kind}", lambda name=name, kind=kind: by_lite(name, kind)
    yield "tf2onnx.steps", steps
