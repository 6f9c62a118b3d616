#!/usr/bin/env python3
"""Writes the models that `cargo xtask bench` times, with random weights from fixed seeds.

    python scripts/bench/models.py OUT [--tiny] --only NAME ...

`OUT/<name>/` holds `model.onnx` with its `inputs.npz`, or the files of a language model in the formats of all engines.
With `--tiny` the models have the same ops and hardly any weights. A folder that is complete is left as it is; it holds a
`.stamp` with a hash of the scripts. ResNet-50, BERT-base and Silero are among the models of `peer_models.py`; of the first
two, and of GPT-2, `quantised` makes files with matrices of 8 bits, by onnxruntime's own function for that.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import language
import speech
import vision
from parts import Written

MODELS: dict[str, Callable[[Path, bool], Written]] = {
    "resnet34": vision.resnet34,
    "mobilenetv2": vision.mobilenetv2,
    "dnsmos": vision.dnsmos,
    "whisper-encoder": speech.whisper_encoder,
    "whisper-decoder": speech.whisper_decoder,
    "gpt2": language.gpt2,
    "qwen": language.qwen,
}

STAMP = ".stamp"


def quantised(source: Path, target: Path) -> None:
    """An ONNX file whose products with weights take activations that are rounded to 8 bits as they come.

    Weights have 7 bits, as the makers of onnxruntime advise: without VNNI it adds products of bytes in pairs, which saturate.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


def stamp_of(name: str, tiny: bool) -> str:
    """What the files of a model are made from."""
    here = Path(__file__).resolve().parent
    sources = sorted(here.glob("*.py")) + [here.parent / "peer_models.py", here / "requirements.txt"]
    digest = hashlib.sha256(f"{name} {tiny}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def write(name: str, folder: Path, tiny: bool) -> None:
    """Writes a model, where it isn't there as it would be written."""
    stamp = folder / STAMP
    wanted = stamp_of(name, tiny)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    started = time.monotonic()
    for file in MODELS[name](folder, tiny):
        print(f"bench: {name}: {file}", flush=True)
    if name == "gpt2":
        quantised(folder / "model.onnx", folder / "int8.onnx")
    stamp.write_text(wanted)
    print(f"bench: {name}: made in {time.monotonic() - started:.1f} s", flush=True)


def main() -> int:
    """Writes what is asked for; gives the exit status."""
    parser = argparse.ArgumentParser(description="Writes the models that are timed.")
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument("--tiny", action="store_true", help="the same ops with hardly any weights")
    parser.add_argument("--quantise", nargs=2, type=Path, metavar=("FROM", "TO"), help="write this ONNX file in 8 bits")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="the models to write")
    arguments = parser.parse_args()
    unknown = set(arguments.only) - set(MODELS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: none of {', '.join(MODELS)}")
    if arguments.quantise:
        source, target = arguments.quantise
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            quantised(source, target)
    for name in arguments.only:
        write(name, arguments.out / name, arguments.tiny)
    return 0


if __name__ == "__main__":
    sys.exit(main())
