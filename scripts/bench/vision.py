"""Models that look at images or spectrograms, with random weights, as torch's exporters spell them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy

sys.path.append(str(Path(__file__).resolve().parents[1]))

from parts import Written, write_onnx  # noqa: E402
from peer_models import ResNetBuilder, float_info  # noqa: E402

Channels = tuple[int, int]


class FoldedBuilder(ResNetBuilder):
    """Convolutions with biases, into which the exporter has folded the batch normalisations."""

    def folded(
        self, value: str, name: str, channels: Channels, kernel: int, stride: int = 1, gain: float = 1.0
    ) -> str:
        """A convolution with a bias."""
        entering, leaving = channels
        shape = (leaving, entering, kernel, kernel)
        weight = self.generator.standard_normal(shape, dtype=numpy.float32)
        weight *= numpy.float32(gain * (2 / (entering * kernel * kernel)) ** 0.5)
        names = [self.constant(f"{name}.weight", weight)]
        names.append(self.constant(f"{name}.bias", self.uniform(-0.1, 0.1, leaving)))
        return self.apply(
            "Conv",
            value,
            *names,
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel, kernel],
            pads=[kernel // 2] * 4,
            strides=[stride, stride],
        )

    def dense(self, value: str, name: str, channels: Channels, output: str = "") -> str:
        """A linear layer, as a Gemm."""
        entering, leaving = channels
        bound = entering**-0.5
        weight = self.uniform(-bound, bound, entering * leaving).reshape(leaving, entering)
        names = [self.constant(f"{name}.weight", weight)]
        names.append(self.constant(f"{name}.bias", self.uniform(-bound, bound, leaving)))
        return self.apply("Gemm", value, *names, name=output, alpha=1.0, beta=1.0, transB=1)

    def basic_block(self, value: str, name: str, channels: Channels, stride: int) -> str:
        """Two convolutions beside a shortcut."""
        branch = self.apply("Relu", self.folded(value, f"{name}.conv1", channels, 3, stride))
        leaving = channels[1]
        branch = self.folded(branch, f"{name}.conv2", (leaving, leaving), 3, gain=0.5)
        if stride != 1 or channels[0] != leaving:
            value = self.folded(value, f"{name}.downsample.0", channels, 1, stride, gain=0.7)
        return self.apply("Relu", self.apply("Add", branch, value))

    def image(self, size: int) -> numpy.ndarray:
        """A random image."""
        return self.generator.standard_normal((1, 3, size, size), dtype=numpy.float32)


def resnet34(folder: Path, tiny: bool) -> Written:
    """ResNet-34 as the older exporter writes it: batch normalisations are folded into the convolutions."""
    builder = FoldedBuilder("resnet34")
    size, blocks, width = (32, (1, 1), 8) if tiny else (224, (3, 4, 6, 3), 64)
    value = builder.apply("Relu", builder.folded("input", "conv1", (3, width), 7, 2))
    value = builder.apply("MaxPool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=0)
    entering = width
    for stage, count in enumerate(blocks):
        leaving = width * 2**stage
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            value = builder.basic_block(value, f"layer{stage + 1}.{block}", (entering, leaving), stride)
            entering = leaving
    value = builder.apply("Flatten", builder.apply("GlobalAveragePool", value), axis=1)
    builder.dense(value, "fc", (entering, 1000), "output")
    model = builder.model([float_info("input", 1, 3, size, size)], [float_info("output", 1, 1000)])
    return write_onnx(folder, model, {"input": builder.image(size)})


# For each stage of MobileNetV2: how much wider its blocks are inside, their channels, how many, and the first stride.
MOBILE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileBuilder(FoldedBuilder):
    """Inverted residual blocks, batch normalisations kept as the newer exporter keeps them."""

    def depthwise(self, value: str, name: str, channels: int, stride: int) -> str:
        """A convolution of each channel with its own filter."""
        weight = self.generator.standard_normal((channels, 1, 3, 3), dtype=numpy.float32) * numpy.float32(0.47)
        return self.apply(
            "Conv",
            value,
            self.constant(f"{name}.weight", weight),
            dilations=[1, 1],
            group=channels,
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[stride, stride],
        )

    def clipped(self, value: str, name: str, channels: int) -> str:
        """A batch normalisation and ReLU6."""
        normal = self.normalisation(value, name, channels)
        return self.apply("Clip", normal, "zero", "six")

    def inverted(self, value: str, name: str, channels: Channels, wider: int, stride: int) -> str:
        """Wider, filtered, narrower, beside a shortcut where the shape stays."""
        entering, leaving = channels
        inner, branch = entering * wider, value
        if wider != 1:
            branch = self.clipped(self.convolution(branch, f"{name}.0.0", (entering, inner), 1), f"{name}.0.1", inner)
        branch = self.clipped(self.depthwise(branch, f"{name}.1.0", inner, stride), f"{name}.1.1", inner)
        branch = self.convolution(branch, f"{name}.2", (inner, leaving), 1)
        branch = self.normalisation(branch, f"{name}.3", leaving, gain=0.7)
        return self.apply("Add", value, branch) if stride == 1 and entering == leaving else branch


def mobilenetv2(folder: Path, tiny: bool) -> Written:
    """MobileNetV2 on one image."""
    builder = MobileBuilder("mobilenetv2")
    builder.constant("zero", numpy.float32(0))
    builder.constant("six", numpy.float32(6))
    size, stages, last = (32, MOBILE[:2], 32) if tiny else (224, MOBILE, 1280)
    value = builder.clipped(builder.convolution("input", "features.0.0", (3, 32), 3, 2), "features.0.1", 32)
    entering, index = 32, 1
    for wider, leaving, count, stride in stages:
        for block in range(count):
            step = stride if block == 0 else 1
            value = builder.inverted(value, f"features.{index}.conv", (entering, leaving), wider, step)
            entering, index = leaving, index + 1
    value = builder.convolution(value, f"features.{index}.0", (entering, last), 1)
    value = builder.clipped(value, f"features.{index}.1", last)
    value = builder.apply("Flatten", builder.apply("GlobalAveragePool", value), axis=1)
    builder.dense(value, "classifier.1", (last, 1000), "output")
    model = builder.model([float_info("input", 1, 3, size, size)], [float_info("output", 1, 1000)])
    return write_onnx(folder, model, {"input": builder.image(size)})


def dnsmos(folder: Path, tiny: bool) -> Written:
    """Convolutions as those that judge sound have them: many maps of the size of a whole spectrogram."""
    builder = FoldedBuilder("dnsmos")
    frames, bands, maps = (40, 17, (8, 8)) if tiny else (900, 161, (128, 64))
    value = builder.apply("Relu", builder.folded("input", "conv1", (1, maps[0]), 3))
    value = builder.apply("Relu", builder.folded(value, "conv2", maps, 3))
    value = builder.apply("Relu", builder.folded(value, "conv3", (maps[1], maps[1]), 3))
    pool = {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 0}
    value = builder.apply("MaxPool", value, **pool)
    value = builder.apply("Relu", builder.folded(value, "conv4", (maps[1], 32), 3))
    value = builder.apply("MaxPool", value, **pool)
    value = builder.apply("Flatten", builder.apply("GlobalMaxPool", value), axis=1)
    value = builder.apply("Relu", builder.dense(value, "dense1", (32, 64)))
    builder.dense(value, "dense2", (64, 3), "output")
    model = builder.model([float_info("input", 1, 1, frames, bands)], [float_info("output", 1, 3)])
    sound = builder.generator.standard_normal((1, 1, frames, bands), dtype=numpy.float32)
    return write_onnx(folder, model, {"input": sound})
