"""A detector in the form that the most common exporters of them give: one head over cells, boxes decoded in the graph, and
the choice among overlapping ones with it or left to the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
import onnx
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper

from torch_export import arrays, exported, source

CLASSES = 4


class Block(torch.nn.Module):
    """A convolution, its normalisation, and SiLU."""

    def __init__(self, inner: int, outer: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(inner, outer, size, stride, size // 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(outer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The activated convolution."""
        return torch.nn.functional.silu(self.norm(self.conv(x)))


class Split(torch.nn.Module):
    """Half of the channels go through two blocks, and all that came out on the way is put together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.begin, self.end = Block(width, width, 1), Block(width * 3 // 2, width, 1)
        self.inner = torch.nn.Sequential(Block(width // 2, width // 2), Block(width // 2, width // 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As many channels as came in."""
        a, b = self.begin(x).chunk(2, 1)
        return self.end(torch.cat([a, b, b + self.inner(b)], 1))


class Detector(torch.nn.Module):
    """Cells at two scales, distances to the four sides as distributions, anchors made of the sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(Block(3, 8, 3, 2), Block(8, 16, 3, 2), Split(16), Block(16, 32, 3, 2), Split(32))
        self.down = Block(32, 32, 3, 2)
        self.pool = torch.nn.MaxPool2d(5, 1, 2)
        self.join = Block(96, 32, 1)
        self.heads = torch.nn.ModuleList(torch.nn.Conv2d(32, 4 * 8 + CLASSES, 1) for _ in range(2))
        self.merge = Block(64, 32, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Boxes and scores, [batch, 4 + classes, cells]."""
        fine = self.stem(images)
        coarse = self.down(fine)
        pooled = self.pool(coarse)
        coarse = self.join(torch.cat([coarse, pooled, self.pool(pooled)], 1))
        wide = torch.nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        fine = self.merge(torch.cat([fine, wide], 1))
        parts = []
        for head, map_, stride in zip(self.heads, (fine, coarse), (8, 16), strict=True):
            raw = head(map_)
            height, width = raw.shape[2], raw.shape[3]
            raw = raw.flatten(2)
            distances, scores = raw.split([32, CLASSES], 1)
            bins = distances.reshape(raw.shape[0], 4, 8, -1).softmax(2)
            sides = (bins * torch.arange(8, dtype=raw.dtype).reshape(1, 1, 8, 1)).sum(2)
            rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            centres = torch.stack([columns, rows]).flatten(1).to(raw.dtype) + 0.5
            low, high = centres - sides[:, :2], centres + sides[:, 2:]
            boxes = torch.cat([(low + high) / 2, high - low], 1) * stride
            parts.append(torch.cat([boxes, scores.sigmoid()], 1))
        return torch.cat(parts, 2)


class Chosen(Detector):
    """The same, with torchvision's choice among overlapping boxes of one picture."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Boxes, scores and classes of what is left."""
        found = super().forward(images)[0].T
        centre, size = found[:, :2], found[:, 2:4]
        boxes = torch.cat([centre - size / 2, centre + size / 2], 1)
        scores, classes = found[:, 4:].max(1)
        good = scores > 0.3
        boxes, scores, classes = boxes[good], scores[good], classes[good]
        kept = torchvision.ops.nms(boxes + classes[:, None] * 1000.0, scores, 0.5)[:20]
        return boxes[kept], scores[kept], classes[kept]


def made(kind: type[torch.nn.Module]) -> torch.nn.Module:
    """A detector with random weights."""
    torch.manual_seed(1)
    network = kind().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network


def picture() -> dict[str, torch.Tensor]:
    """A random picture."""
    return {"images": torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))}


def detector(kind: type[torch.nn.Module], new: bool, moving: bool = False) -> Any:
    """A detector as torch writes it."""
    axes = {"images": {0: "batch", 2: "height", 3: "width"}} if moving else None
    outputs = ["output0"] if kind is Detector else ["boxes", "scores", "classes"]
    return source(new), exported(made(kind), picture(), outputs, new=new, dynamic=axes), arrays(picture())


def with_choice() -> Any:
    """A detector with an op that chooses among overlapping boxes, and rows gathered after it, put behind it by hand."""
    _, model, inputs = detector(Detector, new=False)
    graph = model.graph
    graph.output.pop()

    def constant(name: str, value: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(numpy.asarray(value), name))
        return name

    ends = constant("four", numpy.array([4])), constant("all", numpy.array([1 << 40]))
    zero, one = constant("zero", numpy.array([0])), constant("one", numpy.array([1]))
    limits = [constant("most", numpy.int64(10)), constant("overlap", numpy.float32(0.45)), constant("least", numpy.float32(0.3))]
    graph.node.extend([
        helper.make_node("Slice", ["output0", zero, ends[0], one], ["corners"]),
        helper.make_node("Slice", ["output0", ends[0], ends[1], one], ["scores"]),
        helper.make_node("Transpose", ["corners"], ["boxes"], perm=[0, 2, 1]),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", *limits], ["selected"], center_point_box=1),
        helper.make_node("Slice", ["selected", constant("two", numpy.array([2])), constant("three", numpy.array([3])), one],
                         ["cells"]),
        helper.make_node("Squeeze", ["cells", one], ["cell"]),
        helper.make_node("Gather", ["boxes", "cell"], ["found"], axis=1),
    ])
    graph.output.extend([
        helper.make_tensor_value_info("selected", TensorProto.INT64, ["n", 3]),
        helper.make_tensor_value_info("found", TensorProto.FLOAT, [1, "n", 4]),
    ])
    onnx.checker.check_model(model)
    return f"{source(False)}, NonMaxSuppression added", model, inputs


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    yield "detector.cells", lambda: detector(Detector, new=True)
    yield "detector.cells.old", lambda: detector(Detector, new=False)
    yield "detector.cells.old.moving", lambda: detector(Detector, new=False, moving=True)
    yield "detector.chosen.old", lambda: detector(Chosen, new=False)
    yield "detector.chosen", lambda: detector(Chosen, new=True)
    yield "detector.with_choice", with_choice
