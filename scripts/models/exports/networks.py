"""Small networks of torch for what the families don't have: recurrence, attention as a layer, control flow, sorting, sampling
from grids, Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from torch_export import arrays, exported, source


class Of(nn.Module):
    """A module of a function and the layers that it uses."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Any:
        """What the function gives."""
        return self.function(x, *self.layers)


def attention(x: Tensor, layer: nn.MultiheadAttention) -> Any:
    """Attention of a sequence to itself, with weights as a second result."""
    return layer(x, x, x)


def sorted_parts(x: Tensor) -> Any:
    """The largest numbers and their places, sums on the way, and those that are above the mean."""
    values, places = x.topk(4, -1)
    order = x.argsort(-1)
    return values, places, x.cumsum(1), torch.where(x > x.mean(), x, -x), x.gather(-1, order)


def grid(x: Tensor) -> Tensor:
    """Pictures bent by a map of places."""
    turn = torch.tensor([[[0.9, 0.2, 0.1], [-0.2, 0.8, 0.0]]]).expand(x.shape[0], 2, 3)
    places = functional.affine_grid(turn, list(x.shape), align_corners=False)
    return functional.grid_sample(x, places, mode="bilinear", padding_mode="border", align_corners=False)


def resized(x: Tensor) -> Any:
    """Pictures of other sizes."""
    return (
        functional.interpolate(x, size=(19, 11), mode="bilinear", align_corners=False),
        functional.interpolate(x, scale_factor=1.5, mode="bicubic", align_corners=True),
        functional.interpolate(x, scale_factor=2.0, mode="nearest"),
        functional.adaptive_avg_pool2d(x, 1),
        functional.pixel_shuffle(x, 2),
        functional.pad(x, (1, 2, 3, 0), mode="reflect"),
    )


def norms(x: Tensor, group: nn.Module, instance: nn.Module, layer: nn.Module) -> Tensor:
    """Every kind of normalisation."""
    return layer(instance(group(x))) + functional.normalize(x, dim=1)


def indexed(x: Tensor) -> Any:
    """Rows by lists of places, put into others, and cut."""
    places = torch.tensor([2, 0, 1])
    y = x.clone()
    y[:, places] = y[:, places] * 2
    return y, x[:, 1:, ::2], x.roll(1, 1), x.flip(2), torch.einsum("bij,bkj->bik", x, x)


def spectrum(x: Tensor) -> Tensor:
    """Sizes of a short-time spectrum."""
    parts = torch.stft(x, 16, 8, window=torch.hann_window(16), return_complex=False)
    return parts.pow(2).sum(-1).clamp(1e-5).log10()


def losses(x: Tensor) -> Any:
    """Activations in a row."""
    return (functional.gelu(x), functional.gelu(x, approximate="tanh"), functional.mish(x), functional.softplus(x),
            functional.elu(x), functional.selu(x), functional.hardsigmoid(x), functional.log_softmax(x, -1),
            functional.glu(x, 1), torch.logsumexp(x, 1), torch.linalg.norm(x, dim=-1), x.std(-1), x.var(1))


class Steps(nn.Module):
    """A loop whose turns depend on a number, in which a branch is taken."""

    def forward(self, x: Tensor, count: Tensor) -> Tensor:
        """Doubled or halved, again and again."""
        for _ in range(int(count)):
            if bool(x.sum() > 4.0):
                x = x / 2.0
            else:
                x = x * 1.5 + 1.0
        return x


def cell(kind: type[nn.Module], **options: Any) -> nn.Module:
    """A recurrent network and all that it gives."""
    layer = kind(6, 8, 2, batch_first=True, **options)

    def run(x: Tensor, layer: nn.Module) -> Any:
        y, state = layer(x)
        return (y, *state) if isinstance(state, tuple) else (y, state)

    return Of(run, layer)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lstm": (lambda: cell(nn.LSTM), (2, 5, 6)),
    "lstm_both_ways": (lambda: cell(nn.LSTM, bidirectional=True), (2, 5, 6)),
    "lstm_projected": (lambda: cell(nn.LSTM, proj_size=4), (2, 5, 6)),
    "gru": (lambda: cell(nn.GRU, bidirectional=True), (2, 5, 6)),
    "rnn": (lambda: cell(nn.RNN, nonlinearity="relu"), (2, 5, 6)),
    "attention": (lambda: Of(attention, nn.MultiheadAttention(8, 2, batch_first=True)), (2, 5, 8)),
    "transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2), (2, 5, 8)
    ),
    "sorted": (lambda: Of(sorted_parts), (2, 3, 7)),
    "grid": (lambda: Of(grid), (2, 3, 8, 9)),
    "resized": (lambda: Of(resized), (1, 4, 8, 6)),
    "norms": (lambda: Of(norms, nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([5, 6])), (2, 4, 5, 6)),
    "indexed": (lambda: Of(indexed), (2, 3, 8)),
    "spectrum": (lambda: Of(spectrum), (2, 64)),
    "activations": (lambda: Of(losses), (2, 4, 6)),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 6, 3, 2, 1, 1, groups=3), nn.PReLU(6), nn.ConvTranspose2d(6, 2, 4, 2, 1)),
        (1, 3, 5, 6),
    ),
    "volumes": (lambda: nn.Sequential(nn.Conv3d(2, 4, 3, 1, 1), nn.MaxPool3d(2), nn.AvgPool3d(2, 1, 1)), (1, 2, 6, 6, 6)),
}


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    for name in NETWORKS:
        for new in (True, False):
            yield f"torch.{name}{'' if new else '.old'}", lambda name=name, new=new: network(name, new)
    yield "torch.steps.script", steps


def network(name: str, new: bool) -> Any:
    """A network of the table."""
    torch.manual_seed(1)
    make, shape = NETWORKS[name]
    given = {"x": torch.randn(shape, generator=torch.Generator().manual_seed(2))}
    module = make()
    if name == "transposed" or not isinstance(module, Of):
        module = Of(lambda x, layer: layer(x), module)
    return source(new), exported(module, given, None, new=new), arrays(given)


def steps() -> Any:
    """The loop, of a scripted module."""
    given = {"x": torch.randn(3, generator=torch.Generator().manual_seed(2)), "count": torch.tensor(5)}
    return source(False), exported(torch.jit.script(Steps()), given, ["y"], new=False), arrays(given)
