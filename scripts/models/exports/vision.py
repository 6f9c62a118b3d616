"""Networks of torchvision with random weights, small pictures, and both exporters of torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torchvision
from torchvision.models import detection, segmentation

from torch_export import arrays, exported, named, source

CLASSIFIERS: tuple[tuple[str, int], ...] = (
    ("alexnet", 64),
    ("vgg11_bn", 32),
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    ("wide_resnet50_2", 32),
    ("squeezenet1_1", 64),
    ("densenet121", 64),
    ("googlenet", 64),
    ("inception_v3", 96),
    ("mobilenet_v2", 64),
    ("mobilenet_v3_small", 64),
    ("mnasnet0_5", 64),
    ("shufflenet_v2_x0_5", 64),
    ("efficientnet_b0", 64),
    ("efficientnet_v2_s", 64),
    ("regnet_y_400mf", 64),
    ("convnext_tiny", 64),
    ("swin_t", 64),
    ("swin_v2_t", 64),
    ("maxvit_t", 224),
    ("vit_b_32", 224),
)
"""A network, and the side of its pictures."""

OLD_TOO = ("resnet18", "mobilenet_v3_small", "efficientnet_b0", "swin_t", "vit_b_32", "googlenet", "shufflenet_v2_x0_5")
"""Those that the old exporter writes as well, with a batch of any size."""
HALF = ("resnet18", "mobilenet_v3_small", "convnext_tiny", "swin_t")
"""Those that are written in f16 as well."""


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    for name, side in CLASSIFIERS:
        yield f"vision.{name}", lambda name=name, side=side: classifier(name, side, new=True)
        if name in OLD_TOO:
            yield f"vision.{name}.old", lambda name=name, side=side: classifier(name, side, new=False)
        if name in HALF:
            yield f"vision.{name}.f16", lambda name=name, side=side: classifier(name, side, new=True, half=True)
    for name in ("fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"):
        for new in (True, False):
            yield f"segmentation.{name}{'' if new else '.old'}", lambda name=name, new=new: segmenter(name, new)
    yield "detection.ssdlite320_mobilenet_v3_large.old", lambda: detector("ssdlite320_mobilenet_v3_large", 320)
    yield "detection.fasterrcnn_mobilenet_v3_large_320_fpn.old", lambda: detector(
        "fasterrcnn_mobilenet_v3_large_320_fpn", 320
    )
    yield "detection.retinanet_resnet50_fpn.old", lambda: detector("retinanet_resnet50_fpn", 128)
    yield "detection.maskrcnn_resnet50_fpn.old", lambda: detector("maskrcnn_resnet50_fpn", 128)
    yield "detection.keypointrcnn_resnet50_fpn.old", lambda: detector("keypointrcnn_resnet50_fpn", 128)
    yield "video.r3d_18", video
    yield "flow.raft_small", flow


def seeded(name: str, **options: Any) -> torch.nn.Module:
    """A classifier with random weights, its statistics of batches not those of a fresh one."""
    torch.manual_seed(1)
    network = torchvision.models.get_model(name, weights=None, **options)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network.eval()


def picture(batch: int, side: int) -> torch.Tensor:
    """Random pictures."""
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(2))


def classifier(name: str, side: int, *, new: bool, half: bool = False) -> Any:
    """A classifier of pictures."""
    options = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    network = seeded(name, **options)
    given = {"x": picture(2, side)}
    if half:
        network, given = network.half(), {"x": given["x"].half()}
    # A batch of any size isn't traced through where a network asks for its sizes as numbers.
    dynamic = {"x": {0: "batch"}} if name not in ("swin_v2_t", "maxvit_t") else None
    model = exported(named(network, ["x"]), given, ["logits"], new=new, dynamic=dynamic)
    return source(new), model, arrays(given)


def segmenter(name: str, new: bool) -> Any:
    """A network that gives a picture of classes."""
    torch.manual_seed(1)
    make = getattr(segmentation, name)
    network = make(weights=None, weights_backbone=None, num_classes=5).eval()
    given = {"x": picture(1, 64)}
    axes = {"x": {2: "height", 3: "width"}} if not new else None
    return source(new), exported(named(network, ["x"], ["out"], by_place=True), given, ["out"], new=new, dynamic=axes), arrays(given)


class Detector(torch.nn.Module):
    """A detector of one picture, its results as a tuple."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Boxes, labels, scores, and what else the network gives."""
        return tuple(self.inner([x])[0].values())


def detector(name: str, side: int) -> Any:
    """A detector with its proposals, its choice among overlapping boxes and its limits of scores."""
    torch.manual_seed(1)
    options: dict[str, Any] = {"box_score_thresh": 0.01} if "rcnn" in name else {"score_thresh": 0.05}
    classes = {} if "keypoint" in name else {"num_classes": 6}
    make = getattr(detection, name)
    network = make(weights=None, weights_backbone=None, min_size=side, max_size=side, **classes, **options) \
        if "ssd" not in name else make(weights=None, weights_backbone=None, **classes, **options)
    given = {"x": picture(1, side)[0].sigmoid()}
    model = exported(Detector(network.eval()), given, None, new=False)
    return source(False), model, arrays(given)


def video() -> Any:
    """A network of films."""
    torch.manual_seed(1)
    network = torchvision.models.video.r3d_18(weights=None).eval()
    given = {"x": torch.randn(1, 3, 4, 32, 32, generator=torch.Generator().manual_seed(2))}
    return source(True), exported(named(network, ["x"]), given, ["logits"], new=True), arrays(given)


def flow() -> Any:
    """A network that follows points from picture to picture: correlations and sampling from grids."""
    torch.manual_seed(1)
    network = torchvision.models.optical_flow.raft_small(weights=None).eval()

    class Flow(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return self.inner(first, second, num_flow_updates=2)[-1]

    given = {"first": picture(1, 128), "second": picture(1, 128).roll(2, -1)}
    return source(True), exported(Flow(), given, ["flow"], new=True, opset=20), arrays(given)
