"""The layers of the classifier, forward and backward, in plain numpy.

In and out: activations as f32[N, H, W, C] (channels last, so that a window's row is one contiguous
run), until `GlobalAveragePool` makes them [N, C].

Invariants:
- `backward` takes the gradient of the loss by the output of the latest `forward(training=True)` and
  returns the gradient by its input; it leaves the gradients of the parameters in `gradients`.
- `parameters`, `gradients` and `statistics` are keyed by the names that the ONNX file uses.
- Nothing here is random: initial values come from the generator that the constructor is given.

Each backward pass is held against finite differences in `test_layers.py`.
"""

import numpy as np

# Every convolution has a 3x3 or 1x1 kernel and keeps the size of the picture, up to its stride.
EPSILON = 1e-5
MOMENTUM = 0.9


class Layer:
    """What all layers share: a name, trained parameters, their gradients, and running statistics."""

    def __init__(self, name):
        self.name = name
        self.parameters = {}
        self.gradients = {}
        self.statistics = {}


class Conv2d(Layer):
    """Convolution without bias. `weight` is [K, K, in, out], padding K // 2 on all sides."""

    def __init__(self, name, rng, inputs, outputs, kernel=3, stride=1, needs_input_gradient=True):
        super().__init__(name)
        self.kernel, self.stride = kernel, stride
        self.needs_input_gradient = needs_input_gradient
        fan_in = kernel * kernel * inputs
        weight = rng.normal(scale=np.sqrt(2.0 / fan_in), size=(kernel, kernel, inputs, outputs))
        self.parameters["weight"] = weight.astype(np.float32)

    def forward(self, x, training):
        weight = self.parameters["weight"]
        columns = self.columns(x)
        self.saved = (x.shape, columns) if training else None
        flat = columns.reshape(-1, columns.shape[-1]) @ weight.reshape(-1, weight.shape[-1])
        return flat.reshape(*columns.shape[:3], -1)

    def columns(self, x):
        """Lays the window of every output pixel out as a row: [N, OH, OW, K * K * in]."""
        if self.kernel == 1 and self.stride == 1:
            return x
        padded = pad(x, self.kernel // 2)
        batch, height, width, channels = padded.shape
        out_height = (height - self.kernel) // self.stride + 1
        out_width = (width - self.kernel) // self.stride + 1
        step_n, step_h, step_w, step_c = padded.strides
        # A row of a window, K pixels of `in` channels, is contiguous in memory.
        windows = np.lib.stride_tricks.as_strided(
            padded,
            (batch, out_height, out_width, self.kernel, self.kernel * channels),
            (step_n, step_h * self.stride, step_w * self.stride, step_h, step_c),
            writeable=False,
        )
        return windows.reshape(batch, out_height, out_width, -1)

    def backward(self, gradient):
        weight = self.parameters["weight"]
        (batch, height, width, channels), columns = self.saved
        flat = gradient.reshape(-1, gradient.shape[-1])
        self.gradients["weight"] = (columns.reshape(-1, columns.shape[-1]).T @ flat).reshape(weight.shape)
        if not self.needs_input_gradient:
            return None
        out_height, out_width = columns.shape[1:3]
        margin = self.kernel // 2
        padded = np.zeros((batch, height + 2 * margin, width + 2 * margin, channels), gradient.dtype)
        # One product per tap of the kernel: each fits the cache, all of them together wouldn't.
        for row, column, window in taps(padded, self.kernel, self.stride, out_height, out_width):
            window += (flat @ weight[row, column].T).reshape(batch, out_height, out_width, channels)
        return padded[:, margin : margin + height, margin : margin + width]


class DepthwiseConv2d(Layer):
    """3x3 convolution of each channel by itself, without bias. `weight` is [3, 3, channels]."""

    KERNEL = 3

    def __init__(self, name, rng, channels):
        super().__init__(name)
        weight = rng.normal(scale=np.sqrt(2.0 / 9.0), size=(self.KERNEL, self.KERNEL, channels))
        self.parameters["weight"] = weight.astype(np.float32)

    def forward(self, x, training):
        weight = self.parameters["weight"]
        padded = pad(x, 1)
        self.saved = padded if training else None
        output = np.zeros_like(x)
        for row, column, window in taps(padded, self.KERNEL, 1, *x.shape[1:3]):
            output += window * weight[row, column]
        return output

    def backward(self, gradient):
        weight = self.parameters["weight"]
        height, width = gradient.shape[1:3]
        by_weight = np.empty_like(weight)
        by_padded = np.zeros_like(self.saved)
        windows = taps(self.saved, self.KERNEL, 1, height, width)
        by_windows = taps(by_padded, self.KERNEL, 1, height, width)
        for (row, column, window), (_, _, by_window) in zip(windows, by_windows):
            by_weight[row, column] = sum_pixels(window * gradient)
            by_window += gradient * weight[row, column]
        self.gradients["weight"] = by_weight
        return by_padded[:, 1:-1, 1:-1]


class BatchNorm(Layer):
    """Batch normalisation per channel; `mean` and `variance` are running statistics."""

    def __init__(self, name, channels):
        super().__init__(name)
        self.parameters["scale"] = np.ones(channels, np.float32)
        self.parameters["bias"] = np.zeros(channels, np.float32)
        self.statistics["mean"] = np.zeros(channels, np.float32)
        self.statistics["variance"] = np.ones(channels, np.float32)

    def forward(self, x, training):
        scale, bias = self.parameters["scale"], self.parameters["bias"]
        if not training:
            slope = scale / np.sqrt(self.statistics["variance"] + x.dtype.type(EPSILON))
            return x * slope + (bias - self.statistics["mean"] * slope)
        count = x.size // x.shape[-1]
        mean = sum_pixels(x) / count
        centred = x - mean
        variance = sum_pixels(centred * centred) / count
        inverse = 1.0 / np.sqrt(variance + x.dtype.type(EPSILON))
        centred *= inverse
        for name, value in (("mean", mean), ("variance", variance * (count / (count - 1)))):
            running = self.statistics[name]
            self.statistics[name] = (running * MOMENTUM + value * (1.0 - MOMENTUM)).astype(running.dtype)
        self.saved = (centred, inverse)
        return centred * scale + bias

    def backward(self, gradient):
        normal, inverse = self.saved
        count = gradient.size // gradient.shape[-1]
        by_bias = sum_pixels(gradient)
        by_scale = sum_pixels(gradient * normal)
        self.gradients["bias"], self.gradients["scale"] = by_bias, by_scale
        slope = self.parameters["scale"] * inverse
        by_input = gradient - by_bias / count
        by_input -= normal * (by_scale / count)
        by_input *= slope
        return by_input


class Relu(Layer):
    """max(x, 0)."""

    def forward(self, x, training):
        output = np.maximum(x, 0)
        self.saved = output if training else None
        return output

    def backward(self, gradient):
        return gradient * (self.saved > 0)


class MaxPool2x2(Layer):
    """The greatest of each 2x2 square. The first of equal values gets the gradient."""

    def forward(self, x, training):
        corners = [x[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        output = np.maximum(np.maximum(corners[0], corners[1]), np.maximum(corners[2], corners[3]))
        self.saved = (x, output) if training else None
        return output

    def backward(self, gradient):
        x, output = self.saved
        by_input = np.empty_like(x)
        free = np.ones(output.shape, bool)
        for row in (0, 1):
            for column in (0, 1):
                here = (x[:, row::2, column::2] == output) & free
                by_input[:, row::2, column::2] = gradient * here
                free &= ~here
        return by_input


class Residual(Layer):
    """x + body(x)."""

    def __init__(self, name, body):
        super().__init__(name)
        self.body = body

    def forward(self, x, training):
        output = x
        for layer in self.body:
            output = layer.forward(output, training)
        return x + output

    def backward(self, gradient):
        by_body = gradient
        for layer in reversed(self.body):
            by_body = layer.backward(by_body)
        return gradient + by_body


class GlobalAveragePool(Layer):
    """The mean of each channel over all pixels: [N, H, W, C] to [N, C]."""

    def forward(self, x, training):
        self.saved = x.shape if training else None
        return x.mean(axis=(1, 2))

    def backward(self, gradient):
        batch, height, width, channels = self.saved
        share = gradient[:, None, None, :] / (height * width)
        return np.broadcast_to(share, (batch, height, width, channels))


class Linear(Layer):
    """x @ weight + bias. `weight` is [in, out]."""

    def __init__(self, name, rng, inputs, outputs):
        super().__init__(name)
        weight = rng.normal(scale=np.sqrt(1.0 / inputs), size=(inputs, outputs))
        self.parameters["weight"] = weight.astype(np.float32)
        self.parameters["bias"] = np.zeros(outputs, np.float32)

    def forward(self, x, training):
        self.saved = x if training else None
        return x @ self.parameters["weight"] + self.parameters["bias"]

    def backward(self, gradient):
        self.gradients["weight"] = self.saved.T @ gradient
        self.gradients["bias"] = gradient.sum(axis=0)
        return gradient @ self.parameters["weight"].T


def softmax(scores):
    """Probabilities along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def cross_entropy(scores, labels):
    """Returns the mean loss of the batch and its gradient by `scores`."""
    probabilities = softmax(scores)
    rows = np.arange(len(labels))
    # The smallest normal float keeps the logarithm of a vanished probability finite.
    likelihood = np.maximum(probabilities[rows, labels], np.finfo(scores.dtype).tiny)
    gradient = probabilities.copy()
    gradient[rows, labels] -= 1.0
    return float(-np.log(likelihood).mean()), gradient / len(labels)


def pad(x, margin):
    """Surrounds every picture with `margin` pixels of zero."""
    return np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))


def taps(padded, kernel, stride, out_height, out_width):
    """Yields (row, column, view of the pixels that meet that tap of the kernel)."""
    for row in range(kernel):
        for column in range(kernel):
            rows = slice(row, row + stride * out_height, stride)
            columns = slice(column, column + stride * out_width, stride)
            yield row, column, padded[:, rows, columns]


def sum_pixels(x):
    """Sums over everything but the channels: [N, H, W, C] to [C]."""
    flat = x.reshape(-1, x.shape[-1])
    return np.ones(len(flat), x.dtype) @ flat
