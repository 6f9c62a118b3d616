"""The classifier: which layers it has, and how it is run.

In: drawings as u8[N, 64, 64, 3]. Out: scores or probabilities as f32[N, classes].

Invariants: `layers` is the whole network, in order. Training, export and `named_arrays` all walk this
one list, so that the exported graph can't differ from the trained one in structure.

Refuses: pictures of another type or size; on loading, arrays that are missing, left over or misshapen.
"""

import numpy as np

from draw import LABELS, SIZE
from layers import (
    BatchNorm,
    Conv2d,
    DepthwiseConv2d,
    GlobalAveragePool,
    Linear,
    MaxPool2x2,
    Relu,
    Residual,
    softmax,
)

# Bytes become (byte - OFFSET) / SPREAD, about zero mean and unit variance.
OFFSET = 127.5
SPREAD = 64.0


class Network:
    """A small convolutional network over 64x64 pictures. The comments give the shape after each block."""

    def __init__(self, rng):
        self.layers = [
            # 32 x 32 x 16
            Conv2d("block1/conv", rng, 3, 16, stride=2, needs_input_gradient=False),
            BatchNorm("block1/norm", 16),
            Relu("block1/relu"),
            # 16 x 16 x 32
            Conv2d("block2/conv", rng, 16, 32),
            BatchNorm("block2/norm", 32),
            Relu("block2/relu"),
            MaxPool2x2("block2/pool"),
            # 8 x 8 x 48
            Conv2d("block3/conv", rng, 32, 48),
            BatchNorm("block3/norm", 48),
            Relu("block3/relu"),
            MaxPool2x2("block3/pool"),
            # 8 x 8 x 64, depthwise-separable
            DepthwiseConv2d("block4/depthwise", rng, 48),
            BatchNorm("block4/depthwise_norm", 48),
            Relu("block4/depthwise_relu"),
            Conv2d("block4/pointwise", rng, 48, 64, kernel=1),
            BatchNorm("block4/pointwise_norm", 64),
            Relu("block4/pointwise_relu"),
            # 8 x 8 x 64, with a skip connection
            Residual(
                "block5/add",
                [Conv2d("block5/conv", rng, 64, 64), BatchNorm("block5/norm", 64)],
            ),
            Relu("block5/relu"),
            GlobalAveragePool("head/average"),
            Linear("head/linear", rng, 64, len(LABELS)),
        ]

    def scores(self, pixels, training=False):
        """Scores before softmax."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (SIZE, SIZE, 3):
            raise ValueError(f"pictures are u8[N, {SIZE}, {SIZE}, 3], not {pixels.dtype}{list(pixels.shape)}")
        x = (pixels.astype(np.float32) - np.float32(OFFSET)) / np.float32(SPREAD)
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def probabilities(self, pixels, batch=256):
        """Probabilities with running statistics, `batch` pictures at a time."""
        parts = [softmax(self.scores(pixels[start : start + batch])) for start in range(0, len(pixels), batch)]
        return np.concatenate(parts)

    def backward(self, gradient):
        """Leaves the gradient of every parameter in its layer."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)

    def all_layers(self):
        """Every layer that can hold arrays, bodies of residual blocks included."""
        for layer in self.layers:
            yield from getattr(layer, "body", [])
            yield layer

    def named_arrays(self):
        """Parameters and running statistics as {`layer.array`: array}."""
        return {
            f"{layer.name}.{name}": array
            for layer in self.all_layers()
            for group in (layer.parameters, layer.statistics)
            for name, array in group.items()
        }

    def load(self, arrays):
        """Replaces every parameter and statistic by the array of the same name."""
        own = self.named_arrays()
        if own.keys() != arrays.keys():
            raise ValueError(f"the arrays of the network and the file differ: {sorted(own.keys() ^ arrays.keys())}")
        for layer in self.all_layers():
            for group in (layer.parameters, layer.statistics):
                for name in group:
                    key = f"{layer.name}.{name}"
                    if arrays[key].shape != group[name].shape or arrays[key].dtype != group[name].dtype:
                        raise ValueError(f"{key} is {arrays[key].dtype}{list(arrays[key].shape)}, "
                                         f"and should be {group[name].dtype}{list(group[name].shape)}")
                    group[name] = arrays[key]
