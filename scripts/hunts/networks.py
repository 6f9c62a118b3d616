"""Small networks as people write them in torch, for exporters to turn into ONNX.

Each is seeded, in evaluation mode, and has norms and biases that are not trivial, so that leaving one out
shows in the outputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 64
HEADS = 4


def seeded(network: nn.Module, seed: int) -> nn.Module:
    """The network in evaluation mode, its parameters and statistics drawn from a seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                fan = parameter[0].numel() if "embedding" not in name else 1
                parameter.copy_(noise / math.sqrt(fan))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * noise)
            else:
                parameter.copy_(1 + 0.2 * noise)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.2 * torch.randn(buffer.shape, generator=generator))
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return network.eval()


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(entering, leaving, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(leaving)
        self.second = nn.Conv2d(leaving, leaving, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(leaving)
        self.shortcut = nn.Conv2d(entering, leaving, 1, stride) if stride != 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Images in, images out."""
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ConvNet(nn.Module):
    """A residual classifier of images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 5, 2, padding=2), nn.BatchNorm2d(16), nn.LeakyReLU(0.1))
        self.pool = nn.MaxPool2d(3, 2, padding=1)
        self.blocks = nn.Sequential(Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 48, 2))
        self.head = nn.Linear(48, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Images in, logits out."""
        features = self.blocks(self.pool(self.stem(image)))
        return self.head(features.mean(dim=(2, 3)))


class Attention(nn.Module):
    """Self-attention over several heads, with a mask that is added to the scores."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Rows of tokens in, rows of tokens out."""
        batch, length, width = x.shape

        def heads(y: Tensor) -> Tensor:
            return y.view(batch, length, HEADS, width // HEADS).transpose(1, 2)

        query, key, value = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(width // HEADS)
        weights = torch.softmax(scores + mask, dim=-1)
        mixed = torch.matmul(weights, value).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed)


class EncoderLayer(nn.Module):
    """A layer that normalises after each of its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Rows of tokens in, rows of tokens out."""
        x = self.attention_norm(x + self.attention(x, mask))
        return self.norm(x + self.narrow(functional.gelu(self.wide(x))))


class Encoder(nn.Module):
    """A transformer that reads tokens both ways, with padding."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, WIDTH)
        self.positions_embedding = nn.Embedding(64, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(layers))
        self.pooler = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor, attend: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and a mask in; states of all tokens and one of the first out."""
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.norm(self.embedding(tokens) + self.positions_embedding(positions))
        mask = (1 - attend[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


class DecoderLayer(nn.Module):
    """A layer that normalises before each of its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.first_norm = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.second_norm = nn.LayerNorm(WIDTH)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Rows of tokens in, rows of tokens out."""
        x = x + self.attention(self.first_norm(x), mask)
        inner = self.wide(self.second_norm(x))
        gate = torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * torch.pow(inner, 3)))
        return x + self.narrow(0.5 * inner * (1 + gate))


class Decoder(nn.Module):
    """A language model that reads tokens from left to right."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, WIDTH)
        self.positions_embedding = nn.Embedding(64, WIDTH)
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(3))
        self.norm = nn.LayerNorm(WIDTH)
        self.causal: Tensor
        self.register_buffer("causal", torch.tril(torch.ones(64, 64)).bool())

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens in, logits out."""
        length = tokens.shape[1]
        x = self.embedding(tokens) + self.positions_embedding(torch.arange(length))
        mask = torch.where(self.causal[:length, :length], 0.0, -1e9)
        for layer in self.layers:
            x = layer(x, mask)
        return torch.matmul(self.norm(x), self.embedding.weight.t())


class Recurrent(nn.Module):
    """A tagger of sequences with both kinds of recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.lstm = nn.LSTM(24, 16, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of features and a state in; probabilities and the new state out."""
        inner, state = self.gru(x, state)
        inner, _ = self.lstm(functional.elu(inner))
        return torch.log_softmax(self.head(inner), dim=-1), state


class UNet(nn.Module):
    """A segmenter of images: down, up again, with what was there before beside it."""

    def __init__(self) -> None:
        super().__init__()

        def block(entering: int, leaving: int) -> nn.Module:
            layers = nn.Conv2d(entering, leaving, 3, padding=1), nn.InstanceNorm2d(leaving, affine=True), nn.SiLU()
            return nn.Sequential(*layers)

        self.first, self.second, self.bottom = block(2, 8), block(8, 16), block(16, 24)
        self.down = nn.AvgPool2d(2)
        self.up = nn.ConvTranspose2d(24, 16, 2, 2)
        self.middle, self.last = block(32, 12), block(20, 8)
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Images in; classes of each pixel, without the border, out."""
        first = self.first(functional.pad(image, (2, 2, 2, 2), mode="reflect"))
        second = self.second(self.down(first))
        x = self.middle(torch.cat([self.up(self.bottom(self.down(second))), second], dim=1))
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.last(torch.cat([x, first], dim=1))
        return torch.softmax(self.head(x)[:, :, 2:-2, 2:-2], dim=1)


class Control(nn.Module):
    """A solver that takes steps in a loop, each of one of two kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(16, 16)
        self.jump = nn.Linear(16, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """Rows and a number of steps in, rows out."""
        x = torch.tanh(x)
        for turn in range(int(steps)):
            energy = (x * x).mean()
            if bool(energy > 0.4):
                x = torch.tanh(self.step(x)) * 0.7
            else:
                x = x + 0.5 * torch.sigmoid(self.jump(x)) + 0.01 * turn
        return self.head(functional.softplus(x))


class Vision(nn.Module):
    """A transformer over the patches of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, 17, WIDTH))
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Images in, logits out."""
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        mask = torch.zeros(1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x)[:, 0])
